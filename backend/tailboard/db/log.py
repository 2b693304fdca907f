"""Reading the log: where it ends, what follows a cursor, and what happened to one job."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import UNSET
from psycopg import errors

from tailboard.core.change import Change, Facets, Op, Was
from tailboard.core.classify import classify
from tailboard.core.cursor import Cursor
from tailboard.core.event import Event, EventKind, Tick
from tailboard.core.nesting import shallow
from tailboard.core.projections import Saved
from tailboard.db.errors import required, translated
from tailboard.db.pool import Connection, Database
from tailboard.db.queries import query
from tailboard.errors import CursorAhead, CursorExpired, DatabaseUnavailable

_FACETS: Final = msgspec.json.Decoder(Facets, strict=False)
_SAVED: Final = msgspec.json.Decoder(Saved)
_EMPTY: Final = Facets()
_NOT_OPEN: Final = "The log is not open yet: a server opens it soon after it starts. Try again in a moment."
_LAST_SEQ: Final = 2**63 - 1
# "char" comes as text or as bytes, and a replay asks for it 100,000 times: no enum constructor
_OPS: Final = {spelling: op for op in Op for spelling in (op.value, op.value.encode())}


class Head(NamedTuple):
    """The newest tick, and what the database's clock showed when it was read."""

    tick_id: int
    cursor: Cursor
    at: datetime


class Page(NamedTuple):
    """Events in order, the place after the last of them, and where the log ended in the same moment."""

    events: tuple[Event, ...]
    cursor: Cursor
    head: Head


class HistoryEntry(NamedTuple):
    """One change of a job; `cursor` is None while it is not sealed."""

    cursor: Cursor | None
    kind: EventKind
    change: Change


class Log:
    """Reads `tailboard.ticks` and `tailboard.changes`. Raises DatabaseUnavailable and DatabaseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def head(self) -> Cursor:
        """Where the log ends. Raises DatabaseUnavailable before the first sealer has opened it."""
        async with self._database.connection() as connection:
            return (await read_head(connection)).cursor

    async def read(self, after: Cursor, limit: int) -> Page:
        """Up to `limit` events after a cursor of this epoch or an earlier one.

        Raises CursorAhead for a place that the log has not reached, CursorExpired for one that it cannot
        continue from.
        """
        parameters = {"cursor": str(after), "position": after.position, "limit": limit}
        async with self._database.connection() as connection:
            with _reached():
                rows = await (await connection.execute(query("log_read"), parameters, binary=True)).fetchall()
        if not rows:
            raise DatabaseUnavailable(_NOT_OPEN)
        # the first row is about the log itself
        (epoch, ends, tick_id, at, reason), found = rows[0][:5], rows[1:]
        if reason is not None:
            raise CursorExpired(
                f"the log cannot continue from {after} ({reason}): load afresh and go on from the cursor of that",
                reason=reason,
            )
        events = tuple([_event(Cursor(row[0], row[1]), row[2:]) for row in found])
        if len(events) < min(limit, ends - after.position):
            raise CursorExpired(
                f"changes after {after} are gone: load afresh and go on from the cursor of that"
            )
        head = Head(tick_id, Cursor(epoch, ends), at)
        end = events[-1].cursor if events else head.cursor
        # the head may be an empty tick that opened an epoch
        return Page(events, head.cursor if end.position == ends else end, head)

    async def history(
        self, source: str, job_id: str, before_seq: int | None = None, limit: int = 50
    ) -> tuple[HistoryEntry, ...]:
        """The newest changes of a job, newest first, below `before_seq`."""
        parameters = {
            "source": source,
            "job_id": job_id,
            "before": _LAST_SEQ if before_seq is None else before_seq,
            "limit": limit,
        }
        async with self._database.connection() as connection:
            rows = await (await connection.execute(query("log_history"), parameters)).fetchall()
        entries = []
        for row in rows:
            change = _change(row[2:])
            place = None if row[0] is None else Cursor(row[0], row[1])
            entries.append(
                HistoryEntry(place, classify(change.op, change.old_status, change.new_status), change)
            )
        return tuple(entries)

    async def load_checkpoint(self) -> tuple[Cursor, Saved] | None:
        """The newest saved folds, or None before the first sealer has saved any."""
        async with self._database.connection() as connection:
            row = await (await connection.execute(query("log_load_checkpoint"))).fetchone()
        return None if row is None else (Cursor(row[0], row[1]), _SAVED.decode(row[2]))


async def refusal(connection: Connection, cursor: Cursor) -> str | None:
    """Why the log cannot go on from a cursor, if it cannot: the reason of a `reset`.

    Raises CursorAhead for a place that the log has not reached.
    """
    asked = query("log_resolve")
    with _reached():
        row = await (await connection.execute(asked, {"cursor": str(cursor)})).fetchone()
    reason: str | None = required(row, asked)[0]
    return reason


async def read_head(connection: Connection) -> Head:
    """Where the log ends in the transaction of this connection."""
    row = await (await connection.execute(query("log_head"))).fetchone()
    if row is None:
        raise DatabaseUnavailable(_NOT_OPEN)
    return Head(row[0], Cursor(row[1], row[2]), row[3])


@contextmanager
def _reached() -> Iterator[None]:
    """Around what asks the log about a place: it refuses one that it has not reached."""
    try:
        yield
    except errors.InvalidParameterValue as error:
        message = error.diag.message_primary or "the cursor is ahead of the log"
        raise CursorAhead(f"{message}. {error.diag.message_hint}") from error


async def tick_end(connection: Connection, tick_id: int) -> Cursor | None:
    """The place after a tick, or None where there is no such tick (any more)."""
    with translated():
        row = await (
            await connection.execute(
                "SELECT epoch, first_position + n - 1 FROM tailboard.ticks WHERE tick_id = %s", (tick_id,)
            )
        ).fetchone()
    return None if row is None else Cursor(row[0], row[1])


async def follow(
    connection: Connection, tick_id: int, solid: int, *, ticks: int, changes: int
) -> Sequence[Tick]:
    """The ticks after `tick_id`, whole and in order: at most `ticks` of them, and none after the one that makes their
    changes `changes` or more. `solid` is the bound of that tick (Tick.solid) or of an earlier one; with 0 every
    partition of the log is looked into.

    Raises CursorExpired where the next tick, or a change of it, is gone.
    """
    with translated():
        rows = await (
            await connection.execute(
                query("log_follow"),
                {"tick_id": tick_id, "solid": solid, "ticks": ticks, "changes": changes},
                binary=True,
            )
        ).fetchall()
    found: list[Tick] = []
    start = 0
    while start < len(rows):
        number, epoch, first, n, at, its_solid, age_s = rows[start][:7]
        if number != tick_id + 1 + len(found):
            raise CursorExpired(f"tick {tick_id + 1 + len(found)} is gone: retention overtook this reader")
        end = start + max(n, 1)
        # Of a tick whose changes are all gone there is one row, as of one that has none.
        if n and (end > len(rows) or rows[end - 1][0] != number or rows[start][7] is None):
            raise CursorExpired(f"changes of tick {number} are gone: retention overtook this reader")
        events = [_event(Cursor(epoch, first + i), row[7:]) for i, row in enumerate(rows[start : start + n])]
        found.append(
            Tick(number, Cursor(epoch, first + n - 1), tuple(events), at, solid=its_solid, age_s=age_s)
        )
        start = end
    return found


async def waits(connection: Connection) -> bool:
    """Whether something is committed that no tick holds yet."""
    with translated():
        row = await (await connection.execute(query("log_waits"))).fetchone()
    return row is not None and bool(row[0])


def _event(cursor: Cursor, row: tuple[Any, ...]) -> Event:
    change = _change(row)
    return Event(cursor, classify(change.op, change.old_status, change.new_status), change)


def _change(row: tuple[Any, ...]) -> Change:
    """`row`: seq, at, source, job_id, op, old_status, new_status, old_queue, old_kind, old_worker, old_tags, job, due,
    old_due.
    """
    seq, at, source, job_id, op, old_status, new_status, queue, kind, worker, tags, job, due, old_due = row
    card = None if job is None else shallow(job.encode())
    facets = _facets(card)
    the_op = _OPS[op]
    was = None
    former = tuple(tags or ())
    if former != facets.tags:
        former = tuple(_texts(former))
    if the_op is Op.UPDATE and (
        queue != facets.queue or worker != facets.worker or kind != facets.kind or former != facets.tags
    ):
        was = Was(
            queue=UNSET if queue == facets.queue else queue,
            kind=UNSET if kind == facets.kind else kind,
            worker=UNSET if worker == facets.worker else worker,
            tags=UNSET if former == facets.tags else former,
        )
    return Change(
        seq,
        at,
        source,
        "" if job_id is None else job_id,
        the_op,
        old_status,
        new_status,
        card,
        facets,
        was,
        due,
        old_due,
    )


def _facets(card: bytes | None) -> Facets:
    """The facets of a card. Whatever a worker wrote, reading the log must not fail on it: a time such as
    `infinity`, or a NULL among the tags, is passed over here and stays as it is in the card.
    """
    if card is None:
        return _EMPTY
    try:
        return _FACETS.decode(card)
    except msgspec.ValidationError:
        values = msgspec.json.decode(card)
        values["tags"] = list(_texts(values.get("tags")))
        fields = {
            name: value
            for name, value in values.items()
            if name in Facets.__struct_fields__ and _fits(name, value)
        }
        return msgspec.convert(fields, Facets, strict=False)


def _texts(array: object) -> Iterator[str]:
    """What an array of text holds, as SQL compares it: of however many dimensions, and without its NULLs."""
    if isinstance(array, str):
        yield array
    elif isinstance(array, list | tuple):
        for element in array:
            yield from _texts(element)


def _fits(name: str, value: object) -> bool:
    try:
        msgspec.convert({name: value}, Facets, strict=False)
    except msgspec.ValidationError:
        return False
    return True
