"""A job's history as JSON: each event with what it changed, found by comparing consecutive cards."""

from collections.abc import Iterator, Sequence

import msgspec

from tailboard.core.change import Change, Op
from tailboard.core.cursor import Cursor
from tailboard.core.event import Event
from tailboard.core.frames import event_json
from tailboard.db.log import HistoryEntry

_UNSEALED = Cursor(0, 0)
_CARD = msgspec.json.Decoder(dict[str, msgspec.Raw])


def history_json(entries: Sequence[HistoryEntry], limit: int) -> Iterator[bytes]:
    """The first `limit` entries, newest first; `changed` where the entry before each is known."""
    for place, entry in enumerate(entries[:limit]):
        event = event_json(Event(entry.cursor or _UNSEALED, entry.kind, entry.change))
        if entry.cursor is None:
            event = event.removesuffix(b'"0.0"}') + b"null}"
        former = entries[place + 1].change if place + 1 < len(entries) else None
        changed = changed_fields(former, entry.change)
        if changed is not None:
            event = event[:-1] + b',"changed":' + msgspec.json.encode(changed) + b"}"
        yield event


def changed_fields(former: Change | None, change: Change) -> dict[str, list[msgspec.Raw]] | None:
    """Field -> [old, new], as PostgreSQL wrote them; None where there is nothing to compare.

    The space between their parts says nothing: a row's JSON has none, and that of a jsonb has some. A value too large
    for the log is left out on both sides, because it cannot be told whether it changed; a long error or phase has its
    beginning.
    """
    if change.op is not Op.UPDATE or former is None or former.card is None or change.card is None:
        return None
    before, after = _CARD.decode(former.card), _CARD.decode(change.card)
    unknown = {"omitted", *_omitted(before), *_omitted(after)} - {"error", "phase"}
    null = msgspec.Raw(b"null")
    return {
        field: [old, new]
        for field in after
        if field not in unknown and _differ(old := before.get(field, null), new := after[field])
    }


def _differ(one: msgspec.Raw, other: msgspec.Raw) -> bool:
    first, second = bytes(one), bytes(other)
    return first != second and msgspec.json.format(first, indent=-1) != msgspec.json.format(second, indent=-1)


def _omitted(card: dict[str, msgspec.Raw]) -> list[str]:
    return msgspec.json.decode(card.get("omitted", b"[]"), type=list[str])
