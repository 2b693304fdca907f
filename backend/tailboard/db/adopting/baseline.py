"""Baselines: bringing the rows of an adopted table onto the board, consistently with the stream.

    survey      on a connection of its own, however long it takes: the table counted in one snapshot
    catch up    what the log says has happened since then, again and again until that is little
    write       between two seals of the leader, in one REPEATABLE READ transaction: seal, add the last of it, and
                write one change that brings the counts, in a tick of its own

Counts only add up, so that what a snapshot counted plus what later changes say is what a later snapshot would have
counted; nobody's writing is held up, and neither is the sealing, whatever the size of the table.
"""

from collections import Counter
from typing import Any, Final, NamedTuple

import msgspec
from psycopg import errors
from psycopg.sql import SQL, Composed, Identifier, Literal

from tailboard.core.cursor import Cursor
from tailboard.core.job import lasting
from tailboard.core.stats import Count
from tailboard.db.errors import translated
from tailboard.db.pool import Connection
from tailboard.db.queries import query
from tailboard.errors import DatabaseError, SourceMoved, SourceNotFound
from tailboard.sources.sqltext import TableName

_LITTLE: Final = 2_000
"""Rows to add up between two seals that nobody notices."""
_ROUNDS: Final = 10


class Held(NamedTuple):
    """The counts of a source that readers have at a place in the log: jobs by queue and status."""

    cursor: Cursor
    counts: Counter[tuple[str, str]]


class Upkeep(NamedTuple):
    """What a count makes good: the faults before it, and the files it read."""

    faults: int
    shape: str | None


class Survey(NamedTuple):
    """A source counted as of a snapshot. The count itself is carried on where it is: a survey is written once."""

    source: str
    version: int
    snapshot: str
    counted: Count
    since: int
    """Transactions with lower ids than this had ended when the table was counted."""


async def survey(
    connection: Connection, source: str, table: TableName, *, within_s: float, remembers: bool = False
) -> Survey:
    """Count the table, then follow the log for as long as there is much to follow.

    Raises SourceNotFound, SourceMoved, DatabaseUnavailable, and DatabaseError where the table stands in the way.
    """
    with translated():
        try:
            return await _survey(connection, source, table, within_s, remembers=remembers)
        except errors.ReadOnlySqlTransaction as error:
            raise DatabaseError(f"{table} cannot be counted: an expression of it writes") from error
        except errors.LockNotAvailable as error:
            raise DatabaseError(f"{table} is locked by another transaction") from error
        except errors.QueryCanceled as error:
            raise DatabaseError(
                f"{table} could not be counted: it took longer than {within_s:g} s, or somebody waited for its lock"
            ) from error


async def _survey(
    connection: Connection, source: str, table: TableName, within_s: float, *, remembers: bool
) -> Survey:
    async with connection.transaction():
        await _begin(connection, within_s)
        # Before the snapshot: a TRUNCATE is not subject to snapshots, and must have ended or be yet to come.
        await connection.execute(SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(Identifier(*table)))
        version, snapshot, clock = await _place(connection, source)
        counted = Count(clock)
        async for queue, status, due, n in connection.cursor().stream(_counting(source, remembers=remembers)):
            counted.add(queue, status, due, n)
    surveyed = Survey(source, version, snapshot, counted, int(snapshot.partition(":")[0]))
    for _ in range(_ROUNDS):
        async with connection.transaction():
            await _begin(connection, within_s)
            surveyed, changes = await _caught_up(connection, surveyed)
        if changes <= _LITTLE:
            break
    return surveyed


async def write(connection: Connection, surveyed: Survey, held: Held | None, *, ring: bool) -> int | None:
    """Write the baseline in the current REPEATABLE READ transaction, which has just sealed. Returns its seq, or None
    where readers count the same already.

    Raises SourceMoved where the source was emptied, attached anew or detached since it was surveyed, or where readers
    stand in a log that this one has replaced.
    """
    surveyed, _ = await _caught_up(connection, surveyed, lock=True)
    if held is not None and await _is_held(connection, surveyed, held):
        return None
    baseline = msgspec.json.encode(surveyed.counted.baseline()).decode()
    written = await _row(
        connection, query("baseline_write"), {"source": surveyed.source, "baseline": baseline, "ring": ring}
    )
    return int(written[0])


async def _begin(connection: Connection, within_s: float) -> None:
    await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    await connection.execute("SET LOCAL lock_timeout = '200ms'")
    await connection.execute("SET LOCAL enable_seqscan = on")
    await connection.execute(SQL("SET LOCAL statement_timeout = {}").format(round(within_s * 1000)))


async def _caught_up(connection: Connection, surveyed: Survey, *, lock: bool = False) -> tuple[Survey, int]:
    """The survey as of this transaction's snapshot, and how many changes that took."""
    version, snapshot, clock = await _place(connection, surveyed.source, lock=lock)
    if version != surveyed.version:
        raise SourceMoved(f"{surveyed.source} was attached anew while it was counted")
    since = await connection.execute(
        query("baseline_since"), {"source": surveyed.source, "snapshot": surveyed.snapshot}
    )
    changes = 0
    surveyed.counted.advance(clock)
    for queue, status, due, n, emptied in await since.fetchall():
        if emptied:
            raise SourceMoved(f"{surveyed.source} was emptied while it was counted")
        surveyed.counted.add(queue, status, due, int(n))
        changes += abs(int(n))
    return surveyed._replace(snapshot=snapshot), changes


async def _place(connection: Connection, source: str, *, lock: bool = False) -> tuple[Any, ...]:
    statement = query("baseline_place")
    try:
        return await _row(
            connection, statement + SQL(" FOR UPDATE") if lock else statement, {"source": source}
        )
    except LookupError as error:
        raise SourceNotFound(f"No source {source} is attached.") from error
    except errors.SerializationFailure as error:
        raise SourceMoved(f"{source} was attached anew or detached while it was counted") from error


async def _is_held(connection: Connection, surveyed: Survey, held: Held) -> bool:
    """Whether readers who have followed the log to its end count what was surveyed.

    What is scheduled and what is pending are one here: between these only time decides.
    """
    place: dict[str, object] = {"epoch": held.cursor.epoch, "position": held.cursor.position}
    if not (await _row(connection, query("baseline_stands"), place))[0]:
        raise SourceMoved(f"{surveyed.source} was counted beside a log that is no longer this one")
    theirs: Counter[tuple[str, str]] = Counter()
    for (queue, status), n in held.counts.items():
        theirs[queue, lasting(status)] += n
    since = await connection.execute(
        query("baseline_after"), {"source": surveyed.source, "position": held.cursor.position}
    )
    for queue, status, n in await since.fetchall():
        if status is None:
            return False
        theirs[queue, lasting(status)] += int(n)
    ours: Counter[tuple[str, str]] = Counter()
    for (queue, status), n in surveyed.counted.jobs.items():
        ours[queue, lasting(status)] += n
    return ours == theirs  # Counters take an absent key for zero


def _counting(source: str, *, remembers: bool) -> Composed:
    if remembers:
        return query("baseline_count_remembered").format(name=Literal(source))
    return query("baseline_count").format(
        source=SQL("{}()").format(Identifier("tailboard", f"source_{source}"))
    )


async def _row(connection: Connection, statement: Any, parameters: dict[str, object]) -> tuple[Any, ...]:
    row = await (await connection.execute(statement, parameters)).fetchone()
    if row is None:
        raise LookupError
    return row
