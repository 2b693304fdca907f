"""Reading the log for those who only count: what moves a count, and how many changes do not."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Final

import msgspec

from tailboard.core.change import Change, Facets, Op, Was
from tailboard.core.classify import classify
from tailboard.core.cursor import Cursor
from tailboard.core.event import Event, Tick
from tailboard.db.errors import translated
from tailboard.db.pool import Connection
from tailboard.db.queries import query
from tailboard.errors import CursorExpired

_Text = str | None
_Move = tuple[int, datetime, str, _Text, _Text, _Text, _Text, _Text, _Text, int | None, int | None, _Text]
"""In the order of queries/log/digest.sql."""
_MOVES: Final = msgspec.json.Decoder(list[_Move])


async def digest(
    connection: Connection, tick_id: int, solid: int, *, ticks: int, changes: int
) -> Sequence[Tick]:
    """As `follow`, for those who only count: see Tick.quiet."""
    with translated():
        rows = await (
            await connection.execute(
                query("log_digest"),
                {"tick_id": tick_id, "solid": solid, "ticks": ticks, "changes": changes},
                binary=True,
            )
        ).fetchall()
    digests: list[Tick] = []
    for number, parts in groupby(rows, key=itemgetter(0)):
        sources = list(parts)
        _, epoch, first, n, at, its_solid, age_s = sources[0][:7]
        if number != tick_id + 1 + len(digests):
            raise CursorExpired(f"tick {tick_id + 1 + len(digests)} is gone: retention overtook this reader")
        if sum(found or 0 for *_, found, _, _ in sources) < n:
            raise CursorExpired(f"changes of tick {number} are gone: retention overtook this reader")
        cursor = Cursor(epoch, first + n - 1)
        events = [
            _moved(cursor, source, move)
            for *_, source, _, _, moved in sources
            if moved is not None
            for move in sorted(_MOVES.decode(moved), key=itemgetter(0))
        ]
        quiet = {source: few for *_, source, _, few, _ in sources if few}
        digests.append(Tick(number, cursor, tuple(events), at, quiet, its_solid, age_s))
    return digests


def _moved(cursor: Cursor, source: str, move: _Move) -> Event:
    seq, at, op, old_status, new_status, old_queue, queue, started_at, finished_at, due, old_due, card = move
    facets = Facets(queue=queue, started_at=_moment(started_at), finished_at=_moment(finished_at))
    was = Was(queue=old_queue) if op == Op.UPDATE and old_queue != queue else None
    change = Change(
        seq,
        at,
        source,
        "",
        Op(op),
        old_status,
        new_status,
        None if card is None else card.encode(),
        facets,
        was,
        due,
        old_due,
    )
    return Event(cursor, classify(change.op, old_status, new_status), change)


def _moment(text: str | None) -> datetime | None:
    try:
        return None if text is None else msgspec.convert(text, datetime)
    except msgspec.ValidationError:  # `infinity`, or what else a worker wrote
        return None
