"""Epochs: the log begins, or goes on where another server, or this one after a restore, has left it."""

import contextlib
from random import randint
from typing import Any, Final

from psycopg import errors
from psycopg.sql import SQL, Identifier

from tailboard.db.pool import Connection
from tailboard.db.queries import query
from tailboard.errors import LeadershipLost
from tailboard.sources.sqltext import table_name

_LONGEST_STEP: Final = 10_000


async def open_epoch(
    connection: Connection, identity: dict[str, Any], last: dict[str, Any] | None, *, ring: bool
) -> None:
    """Open the first epoch, or the next one where `identity`, that of this server and its log, is not what the last
    epoch was sealed on. Raises LeadershipLost where another sealer was quicker.
    """
    if last is None:
        await _open_first(connection, identity)
    elif (
        any(last[key] != identity[key] for key in ("system_identifier", "database_oid"))
        or (last["ticks_oid"] or identity["ticks_oid"]) != identity["ticks_oid"]
    ):
        await _open_after_restore(connection, _next(identity, ring=ring))
    elif last["timeline"] != identity["timeline"]:
        await connection.execute(query("log_open_failover"), _next(identity, ring=ring))
    if last is None or last["ticks_oid"] != identity["ticks_oid"]:
        await connection.execute(query("log_note_ticks"), identity)


async def _open_first(connection: Connection, identity: dict[str, Any]) -> None:
    try:
        await connection.execute(query("log_open_first"), identity)
    except errors.UniqueViolation as error:
        raise LeadershipLost("another sealer opened the log; standing by") from error


async def _open_after_restore(connection: Connection, epoch: dict[str, Any]) -> None:
    async with connection.transaction():
        # Writers wait for as long as this transaction takes; it is tried again where it cannot have the lock.
        # Shorter than the second after which PostgreSQL looks for deadlocks: we give way, never a worker.
        await connection.execute("SET LOCAL lock_timeout = '500ms'")
        # The source first: a writer that is past its own lock may have drawn a seq that it has not written yet,
        # and the floor would be laid above it.
        await _lock_sources(connection)
        await connection.execute("LOCK TABLE tailboard.jobs, tailboard.changes IN SHARE MODE")
        drawn = await _last_seq(connection)
        if drawn:
            await connection.execute("SELECT setval('tailboard.changes_seq', %s, true)", [drawn])
        await connection.execute(query("log_open_restore"), epoch | {"floor": drawn})
        # Tables have other numbers here, and nobody knows what was written between the dump and now.
        await connection.execute(query("sources_restored"))


async def _last_seq(connection: Connection) -> int:
    """The seq that was drawn last, be it by the sequence or in the rows that were restored."""
    cursor = await connection.execute(
        "SELECT greatest(coalesce(pg_sequence_last_value('tailboard.changes_seq'), 0),"
        " coalesce((SELECT max(seq) FROM tailboard.changes), 0))"
    )
    ((seq,),) = await cursor.fetchall()
    return int(seq)


async def _lock_sources(connection: Connection) -> None:
    """Keep the writers of adopted tables out. One that we may not lock is left: what it writes just now may be
    missing from the log, and is in the counts, which are made anew.
    """
    names = await (await connection.execute(query("sources_tables"))).fetchall()
    for name in [table_name(text) for (text,) in names]:
        if name is not None:
            with contextlib.suppress(errors.InsufficientPrivilege):
                async with connection.transaction():
                    await connection.execute(SQL("LOCK TABLE {} IN SHARE MODE").format(Identifier(*name)))


def _next(identity: dict[str, Any], *, ring: bool) -> dict[str, Any]:
    return identity | {"step": _step(), "ring": ring}


def _step() -> int:
    """How far the next epoch's number is from the last one's.

    Drawn, because a standby that never heard of the last epoch, or a second restore of one dump, continues from the
    same number: with steps of one, one cursor would be a place in two logs, and reading on there a silent loss.
    """
    return randint(1, _LONGEST_STEP)
