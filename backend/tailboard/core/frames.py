"""Frames: events and control messages as bytes.

An event is made into JSON once, whoever reads it, by putting bytes around the card that PostgreSQL wrote;
the card is never parsed. A Parcel holds what one tick has for one filter and renders it once per form:

    LINES     WebSocket, `tailboard.v1`: the entries joined by newlines, one text message
    OBJECTS   WebSocket, plain dialect: one text message an entry
    SSE       server-sent events: id, event, data

A WebSocket form is rendered as bytes that already hold the WebSocket framing, for a server that lets us
write them as they are, or as text for one that does not.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import Enum, auto
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from tailboard.core.change import Change, Op
from tailboard.core.cursor import Cursor
from tailboard.core.event import Event, EventKind

_FIN_TEXT: Final = b"\x81"
_KINDS: Final = {kind: kind.value.encode() for kind in EventKind}

PONG: Final = b"pong"


class Form(Enum):
    LINES = auto()
    OBJECTS = auto()
    SSE = auto()


class Entry(NamedTuple):
    """One JSON object on its way to a client.

    `key` names what the entry is the newest word on (a job, the stats): a mailbox that must shorten keeps
    the last entry of each key, and all of those whose key is None. `cursor` is the place after it.
    """

    key: str | None
    cursor: Cursor
    type: str
    data: bytes


class Parcel:
    """Entries for one moment, shared by all who get them; immutable. `size` is in bytes."""

    __slots__ = ("_rendered", "_texts", "entries", "size")

    def __init__(self, entries: tuple[Entry, ...]) -> None:
        self.entries = entries
        self.size = sum(len(entry.data) for entry in entries)
        self._rendered: dict[Form, bytes] = {}
        self._texts: dict[Form, tuple[str, ...]] = {}

    def rendered(self, form: Form) -> bytes:
        """All entries as one run of bytes, ready for the socket."""
        found = self._rendered.get(form)
        if found is None:
            match form:
                case Form.LINES:
                    found = websocket_text(self._lines())
                case Form.OBJECTS:
                    found = b"".join([websocket_text(entry.data) for entry in self.entries])
                case Form.SSE:
                    found = b"".join([_server_sent(entry) for entry in self.entries])
            self._rendered[form] = found
        return found

    def texts(self, form: Form) -> tuple[str, ...]:
        """All entries as WebSocket text messages, without framing."""
        found = self._texts.get(form)
        if found is None:
            if form is Form.LINES:
                found = (self._lines().decode(),)
            else:
                found = tuple([entry.data.decode() for entry in self.entries])
            self._texts[form] = found
        return found

    def _lines(self) -> bytes:
        return b"\n".join([entry.data for entry in self.entries])


def websocket_text(payload: bytes) -> bytes:
    """One unfragmented text message from a server, as RFC 6455 frames it."""
    size = len(payload)
    if size < 126:
        return _FIN_TEXT + size.to_bytes(1, "big") + payload
    if size < 65_536:
        return _FIN_TEXT + b"\x7e" + size.to_bytes(2, "big") + payload
    return _FIN_TEXT + b"\x7f" + size.to_bytes(8, "big") + payload


def splice_source(card: bytes, source: str, version: int) -> bytes:
    """The card with `"source"` and `"version"` (the seq of the job's last change) as its first keys."""
    rest = card[1:].lstrip()
    comma = b"" if rest.startswith(b"}") else b","
    return b'{"source":%b,"version":%d%b%b' % (_text(source), version, comma, rest)


def event_json(event: Event) -> bytes:
    """The event as every transport carries it, on one line."""
    change = event.change
    source = _text(change.source)
    card = change.card
    job = (
        b'{"source":%b,"id":%b}' % (source, _id(change))
        if card is None or change.op is Op.RESET
        else splice_source(card, change.source, change.seq)
    )
    more = b"" if change.was is None else b',"was":' + msgspec.json.encode(change.was)
    if change.deleted:
        more += b',"deleted":true'
    return (
        b'{"type":"%b","source":%b,"job":%b,"change":{"from":%b,"to":%b%b},"version":%d,"at":%b,"cursor":"%d.%d"}'
        % (
            _KINDS[event.kind],
            source,
            job,
            b"null" if change.old_status is None else _text(change.old_status),
            b"null" if change.new_status is None else _text(change.new_status),
            more,
            change.seq,
            _time(change.at),
            *event.cursor,
        )
    )


def event_entry(event: Event) -> Entry:
    return Entry(_key(event.change), event.cursor, event.kind, event_json(event))


def left_entry(event: Event) -> Entry:
    """The job is no longer in the filter: what a client needs to drop it from a list."""
    change = event.change
    data = b'{"type":"left","source":%b,"id":%b,"version":%d,"cursor":"%b"}' % (
        _text(change.source),
        _id(change),
        change.seq,
        _cursor(event.cursor),
    )
    return Entry(_key(change), event.cursor, "left", data)


def reset_entry(reason: str, cursor: Cursor, source: str | None = None) -> Entry:
    """The stream is broken here: load afresh and go on from `cursor`. With a source, only that source is."""
    about = b"" if source is None else b',"source":' + _text(source)
    data = b'{"type":"reset","reason":%b%b,"cursor":"%b"}' % (_text(reason), about, _cursor(cursor))
    return Entry(None, cursor, "reset", data)


def stats_entry(cursor: Cursor, counts: Mapping[str, int]) -> Entry:
    data = b'{"type":"stats_updated","stats":%b,"cursor":"%b"}' % (
        msgspec.json.encode(dict(counts)),
        _cursor(cursor),
    )
    return Entry(":stats", cursor, "stats_updated", data)


def welcome_entry(session: str, ping_s: float, cursor: Cursor) -> Entry:
    data = b'{"type":"welcome","session":%b,"ping_s":%b,"cursor":"%b","epoch":%d}' % (
        _text(session),
        msgspec.json.encode(int(ping_s) if ping_s == int(ping_s) else ping_s),
        _cursor(cursor),
        cursor.epoch,
    )
    return Entry(None, cursor, "welcome", data)


def subscribed_entry(cursor: Cursor, *, recovered: bool) -> Entry:
    data = b'{"type":"subscribed","cursor":"%b","recovered":%b}' % (
        _cursor(cursor),
        b"true" if recovered else b"false",
    )
    return Entry(None, cursor, "subscribed", data)


def caught_up_entry(cursor: Cursor) -> Entry:
    return Entry(None, cursor, "caught_up", b'{"type":"caught_up","cursor":"%b"}' % _cursor(cursor))


def heartbeat_entry(cursor: Cursor, lag_ms: float, *, away: bool = False) -> Entry:
    data = b'{"type":"heartbeat","cursor":"%b","lag_ms":%b%b}' % (
        _cursor(cursor),
        msgspec.json.encode(round(lag_ms, 1)),
        b',"away":true' if away else b"",
    )
    return Entry(":heartbeat", cursor, "heartbeat", data)


def error_entry(
    cursor: Cursor, code: str, message: str, *, retryable: bool = False, retry_after_ms: int | None = None
) -> Entry:
    fields: dict[str, object] = {"type": "error", "code": code, "message": message, "retryable": retryable}
    if retry_after_ms is not None:
        fields["retry_after_ms"] = retry_after_ms
    return Entry(None, cursor, "error", msgspec.json.encode(fields))


def pong_entry(cursor: Cursor) -> Entry:
    return Entry(None, cursor, "pong", b'{"type":"pong"}')


def parcels(entries: Iterable[Entry], limit: int) -> list[Parcel]:
    """Cut entries into parcels of at most `limit` bytes; an entry that is larger goes alone.

    Clients refuse messages over a size of their own choosing, and one slow write should not hold a tick.
    """
    made: list[Parcel] = []
    part: list[Entry] = []
    size = 0
    for entry in entries:
        if part and size + len(entry.data) > limit:
            made.append(Parcel(tuple(part)))
            part, size = [], 0
        part.append(entry)
        size += len(entry.data)
    if part:
        made.append(Parcel(tuple(part)))
    return made


def _server_sent(entry: Entry) -> bytes:
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (_cursor(entry.cursor), entry.type.encode(), entry.data)


def _key(change: Change) -> str:
    return f"{change.source}/{change.job_id}"


def _id(change: Change) -> bytes:
    return msgspec.json.encode(change.job_id if change.facets.id is None else change.facets.id)


@lru_cache(maxsize=1024)
def _text(value: str) -> bytes:
    """A JSON string. Sources and statuses are few and come with every event."""
    return msgspec.json.encode(value)


def _time(at: datetime) -> bytes:
    """A JSON string: in UTC, with six digits of a second."""
    text = msgspec.json.encode(at.astimezone(UTC))
    return text if at.microsecond else text[:-2] + b'.000000Z"'


def _cursor(cursor: Cursor) -> bytes:
    return b"%d.%d" % cursor
