"""What tests of a log's epochs stand on: its changes as SQL sees them, and small leaves."""

from collections.abc import Callable
from typing import Any

import psycopg

from fixtures.waiting import await_until
from log_rig import Board
from tailboard.core.event import Event
from tailboard.db.sealing import Sealing

Restore = Callable[[], None]


def enqueue(connection: psycopg.Connection[Any], n: int = 1, kind: str = "k") -> None:
    """`n` jobs, each in a transaction of its own."""
    for _ in range(n):
        connection.execute("SELECT tailboard.enqueue(%s)", [kind])


def told(events: list[Event]) -> list[tuple[int, int, str, str]]:
    """What must be the same wherever and whenever it is read."""
    return [(each.cursor.position, each.change.seq, each.change.job_id, each.kind.value) for each in events]


def sealed_seqs(connection: psycopg.Connection[Any]) -> list[int]:
    rows = connection.execute("SELECT version FROM tailboard.events ORDER BY position").fetchall()
    return [row[0] for row in rows]


def captured_seqs(connection: psycopg.Connection[Any]) -> list[int]:
    return [row[0] for row in connection.execute("SELECT seq FROM tailboard.changes ORDER BY seq").fetchall()]


async def raise_low(sealing: Sealing) -> None:
    """Seal until every older transaction has ended: on the whole server, so those of other tests count, too."""

    async def raised() -> bool:
        await sealing.seal()
        return sealing._barrier is None

    await sealing.advance_low()
    await await_until(raised, 60.0)


async def seal_one_by_one(node: Board, connection: psycopg.Connection[Any], n: int) -> None:
    """Ticks of one change each."""
    direct = await node.database.direct("sealer")
    try:
        sealing = Sealing(direct)
        await sealing.open_log()
        for _ in range(n):
            enqueue(connection, 1)
            assert (await sealing.seal()).sealed == 1
    finally:
        await direct.close()


def small_leaves(connection: psycopg.Connection[Any], rows: int = 100) -> None:
    """From here on a partition of the log holds few rows; those that are there already are used up."""
    connection.execute("UPDATE tailboard.settings SET value = to_jsonb(%s) WHERE key = 'leaf_rows'", [rows])
    connection.execute(
        "SELECT setval('tailboard.changes_seq', (SELECT max(to_seq) - 1 FROM tailboard.leaves))"
    )
    for _ in range(2):
        connection.execute("SELECT tailboard.make_leaves()")


def leaves(connection: psycopg.Connection[Any]) -> list[str]:
    return [
        row[0] for row in connection.execute("SELECT leaf FROM tailboard.leaves ORDER BY from_seq").fetchall()
    ]
