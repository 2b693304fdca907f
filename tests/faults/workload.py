"""Writers, and the ledger of what they know to have committed: the oracle's only source of truth.

Every transaction also writes its number into a table of the harness's own. Where a commit's answer was lost, that
row says afterwards whether it happened; and after a failover it says which of the acknowledged ones are no more.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection, errors

Connection = AsyncConnection[Any]

SCHEMA: Final = "CREATE SCHEMA IF NOT EXISTS faults; CREATE TABLE faults.committed (txn bigint PRIMARY KEY)"
QUEUES: Final = ("mail", "image", "sync")
_HELD_WITHIN_S: Final = 90.0
_STATUSES: Final = ("pending", "in_progress", "completed", "failed", "cancelled")

# What a transaction may run into because others write, or because a resource is used up: it has not happened.
_REFUSED: Final = (
    errors.SerializationFailure, errors.DeadlockDetected, errors.LockNotAvailable, errors.QueryCanceled,
    errors.DiskFull, errors.OutOfMemory, errors.UniqueViolation, errors.ProgramLimitExceeded,
)  # fmt: skip


@dataclass
class Written:
    """What one transaction wrote: rows for every mark, and the ids that it deleted."""

    marks: Counter[str] = field(default_factory=Counter)
    deleted: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Written") -> None:
        self.marks += other.marks
        self.deleted += other.deleted

    def entries(self) -> Counter[str]:
        """One entry for each event that it owes: `~` and the mark, or `-` and the job."""
        owed = Counter({f"~{mark}": n for mark, n in self.marks.items()})
        owed.update({f"-{job}": n for job, n in self.deleted.items()})
        return owed


class Ledger:
    """What has been committed. `owed` counts down as events are found in the log: it has to come to nothing."""

    def __init__(self) -> None:
        self.committed: dict[int, Written] = {}
        self.doubtful: dict[int, Written] = {}
        self.owed: Counter[str] = Counter()
        self.acknowledged = self.unknown = self.aborted = self.lost_by_failover = 0
        self.refused_notify = 0
        self._last = 0

    def number(self) -> int:
        self._last += 1
        return self._last

    def commit(self, txn: int, written: Written) -> None:
        self.acknowledged += 1
        self._count(txn, written)

    def doubt(self, txn: int, written: Written) -> None:
        self.unknown += 1
        self.doubtful[txn] = written

    def resolve(self, present: set[int]) -> None:
        """Settle the unknown outcomes by the numbers that the database has."""
        for txn, written in self.doubtful.items():
            if txn in present:
                self._count(txn, written)
        self.doubtful.clear()

    def survive(self, present: set[int]) -> int:
        """After a failover or a restore only these transactions are left; return how many are lost."""
        self.resolve(present)
        lost = [txn for txn in self.committed if txn not in present]
        for txn in lost:
            self.owed.subtract(self.committed.pop(txn).entries())
        self.lost_by_failover += len(lost)
        return len(lost)

    def _count(self, txn: int, written: Written) -> None:
        self.committed[txn] = written
        self.owed.update(written.entries())


class Gate:
    """Lets writers through, or holds them between two transactions and says when all are held."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self._inside = 0
        self._empty = asyncio.Event()
        self._empty.set()

    async def __aenter__(self) -> None:
        await self._open.wait()
        self._inside += 1
        self._empty.clear()

    async def __aexit__(self, *_: object) -> None:
        self._inside -= 1
        if not self._inside:
            self._empty.set()

    async def close(self) -> None:
        """Raises TimeoutError where a writer does not come to the end of its transaction."""
        self._open.clear()
        async with asyncio.timeout(_HELD_WITHIN_S):
            await self._empty.wait()

    def open(self) -> None:
        self._open.set()


class Writer:
    """Writes random transactions for ever. Every row that it writes has a mark of its own in `phase`."""

    def __init__(
        self, name: str, url: Callable[[], str], ledger: Ledger, gate: Gate, rng: random.Random
    ) -> None:
        self.name = name
        self._url = url
        self._ledger = ledger
        self._gate = gate
        self._rng = rng
        self._marks = 0

    async def run(self) -> None:
        while True:
            with suppress(psycopg.OperationalError):
                async with await AsyncConnection.connect(self._url()) as connection:
                    await connection.execute("SET lock_timeout = '2s'; SET statement_timeout = '20s'")
                    await connection.commit()
                    while not connection.closed:
                        async with self._gate:
                            await self.one(connection)
                        await asyncio.sleep(self._rng.random() * 0.06)
            await asyncio.sleep(0.05 + self._rng.random() * 0.1)

    async def one(self, connection: Connection) -> None:
        """One transaction. Its outcome is in the ledger afterwards."""
        txn, written = self._ledger.number(), Written()
        try:
            for _ in range(self._rng.choice((1, 1, 2, 3))):
                await self._statement(connection, written)
            await connection.execute("INSERT INTO faults.committed VALUES (%s)", [txn])
            if self._rng.random() < 0.05:
                await connection.rollback()
                self._ledger.aborted += 1
                return
        except _REFUSED:
            await connection.rollback()
            self._ledger.aborted += 1
            return
        except psycopg.OperationalError:
            self._ledger.aborted += 1  # COMMIT was never sent
            raise
        try:
            await connection.commit()
        except psycopg.Error as error:
            if error.sqlstate is not None and not error.sqlstate.startswith(("57", "08")):
                self._ledger.aborted += 1  # the server answered: it refused to commit
                self._ledger.refused_notify += isinstance(error, errors.ProgramLimitExceeded)
                return
            self._ledger.doubt(txn, written)
            raise
        self._ledger.commit(txn, written)

    async def bulk(self, rows: int) -> None:
        """One statement that touches many jobs, in a transaction and on a connection of its own."""
        txn, written = self._ledger.number(), Written()
        try:
            async with await AsyncConnection.connect(self._url()) as connection:
                await self._write(
                    connection,
                    written,
                    "INSERT INTO tailboard.jobs (phase, queue, kind, payload)"
                    " SELECT %s, %s, 'bulk', jsonb_build_object('n', n, 'text', repeat('x', 200))"
                    " FROM generate_series(1, %s) n RETURNING id",
                    self._rng.choice(QUEUES),
                    rows,
                )
                await connection.execute("INSERT INTO faults.committed VALUES (%s)", [txn])
                self._ledger.doubt(txn, written)
                await connection.commit()
        except psycopg.OperationalError:
            return
        self._ledger.unknown -= 1
        self._ledger.commit(txn, self._ledger.doubtful.pop(txn))

    async def some_rows(self, connection: Connection, rows: int) -> Written:
        """Insert a few jobs in the caller's transaction; return what it will have written once it commits."""
        written = Written()
        for _ in range(rows):
            await self._insert(connection, written)
        return written

    async def _statement(self, connection: Connection, written: Written) -> None:
        step = self._rng.choice((self._insert, self._update, self._update, self._update, self._many,
                                 self._move, self._replace, self._delete))  # fmt: skip
        if self._rng.random() < 0.15:
            inner, keep = Written(), self._rng.random() < 0.5
            await connection.execute("SELECT 1")
            async with connection.transaction(force_rollback=not keep):
                await step(connection, inner)
            if keep:
                written.add(inner)
        else:
            await step(connection, written)

    async def _insert(self, connection: Connection, written: Written) -> None:
        await self._write(
            connection,
            written,
            "INSERT INTO tailboard.jobs (phase, queue, kind) SELECT %s, %s, 'k' FROM generate_series(1, %s)"
            " RETURNING id",
            self._rng.choice(QUEUES),
            self._rng.choice((1, 1, 1, 10)),
        )

    async def _update(self, connection: Connection, written: Written) -> None:
        await self._write(
            connection,
            written,
            "UPDATE tailboard.jobs SET phase = %s, status = %s WHERE id = "
            "(SELECT id FROM tailboard.jobs ORDER BY id OFFSET %s LIMIT 1) RETURNING id",
            self._rng.choice(_STATUSES),
            self._rng.randint(0, 60),
        )

    async def _many(self, connection: Connection, written: Written) -> None:
        await self._write(
            connection,
            written,
            "UPDATE tailboard.jobs j SET phase = %s, progress = random() FROM (SELECT id FROM tailboard.jobs"
            " WHERE id %% 7 = %s ORDER BY id LIMIT 20 FOR UPDATE) p WHERE j.id = p.id RETURNING j.id",
            self._rng.randint(0, 6),
        )

    async def _move(self, connection: Connection, written: Written) -> None:
        await self._write(
            connection,
            written,
            "UPDATE tailboard.jobs SET phase = %s, queue = %s WHERE id = "
            "(SELECT id FROM tailboard.jobs ORDER BY id OFFSET %s LIMIT 1) RETURNING id",
            self._rng.choice(QUEUES),
            self._rng.randint(0, 60),
        )

    async def _replace(self, connection: Connection, written: Written) -> None:
        """DELETE and INSERT of one id in one transaction: one update."""
        cursor = await connection.execute(
            "DELETE FROM tailboard.jobs WHERE id ="
            " (SELECT max(id) FROM tailboard.jobs WHERE id %% 11 = %s) RETURNING id",
            [self._rng.randint(0, 10)],
        )
        row = await cursor.fetchone()
        if row is None:
            return
        await self._write(
            connection,
            written,
            "INSERT INTO tailboard.jobs (phase, queue, id, kind) VALUES (%s, %s, %s, 'k') RETURNING id",
            self._rng.choice(QUEUES),
            row[0],
        )

    async def _delete(self, connection: Connection, written: Written) -> None:
        """What is oldest, so that the table does not grow for ever."""
        cursor = await connection.execute(
            "DELETE FROM tailboard.jobs WHERE id IN (SELECT id FROM tailboard.jobs ORDER BY id"
            " LIMIT greatest(0, least(500, (SELECT count(*) FROM tailboard.jobs) - 200))) RETURNING id"
        )
        written.deleted.update(str(row[0]) for row in await cursor.fetchall())

    async def _write(self, connection: Connection, written: Written, statement: str, *rest: object) -> None:
        self._marks += 1
        mark = f"{self.name}.{self._marks}"
        cursor = await connection.execute(statement.encode(), [mark, *rest])
        rows = len(await cursor.fetchall())
        if rows:
            written.marks[mark] += rows
