"""Random writers, and the ledger of what they know to have committed: the oracle of the exactly-once test."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import AsyncConnection, IsolationLevel, errors

Connection = AsyncConnection[Any]

# What a transaction may run into when others write at the same time; it has then not happened.
CONTENTION = (errors.SerializationFailure, errors.DeadlockDetected, errors.ObjectNotInPrerequisiteState)


@dataclass
class Ledger:
    """What was committed: for every mark the number of rows written with it, and the ids deleted."""

    rows: Counter[str] = field(default_factory=Counter)
    deleted: Counter[int] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    """How many transactions of each kind committed or, under `aborted`, did not."""

    def add(self, other: "Ledger") -> None:
        self.rows += other.rows
        self.deleted += other.deleted


class Writer:
    """One connection that writes random transactions. Every row it writes gets a mark of its own in `phase`."""

    def __init__(self, name: str, url: str, ledger: Ledger, rng: random.Random) -> None:
        self.name = name
        self.url = url
        self.ledger = ledger
        self.rng = rng
        self._marks = 0

    async def work(self, transactions: int) -> None:
        async with await AsyncConnection.connect(self.url) as connection:
            for _ in range(transactions):
                await connection.set_isolation_level(self.rng.choice(list(IsolationLevel)[1:]))
                await self._one(connection)
                await asyncio.sleep(self.rng.random() * 0.01)  # a worker has something else to do, too

    async def _one(self, connection: Connection) -> None:
        end, weight = self.rng.choice(
            [(self._commit, "commit")] * 6
            + [(self._roll_back, "rollback")]
            + [(self._prepare, "prepared")] * 2
        )
        written = Ledger()
        try:
            await connection.execute("SELECT 1")  # so that a savepoint is one, and not the whole transaction
            for _ in range(self.rng.randint(1, 4)):
                await self._statement(connection, written)
            committed = await end(connection)
        except CONTENTION:
            await connection.rollback()
            committed = False
        self.ledger.kinds[weight if committed else f"{weight} aborted"] += 1
        if committed:
            self.ledger.add(written)

    async def _statement(self, connection: Connection, written: Ledger) -> None:
        step = self.rng.choice(
            [self._insert, self._update, self._update, self._bulk, self._replace, self._delete]
        )
        if self.rng.random() < 0.2:
            inner = Ledger()
            keep = self.rng.random() < 0.5
            async with connection.transaction(force_rollback=not keep):
                await step(connection, inner)
            if keep:
                written.add(inner)
        else:
            await step(connection, written)

    async def _insert(self, connection: Connection, written: Ledger) -> None:
        await self._write(
            connection,
            written,
            "INSERT INTO tailboard.jobs (kind, phase) SELECT 'k', %s FROM generate_series(1, %s) RETURNING id",
            self.rng.choice([1, 1, 1, 30]),
        )

    async def _update(self, connection: Connection, written: Ledger) -> None:
        status = self.rng.choice(["pending", "in_progress", "completed", "failed"])
        await self._write(
            connection,
            written,
            "UPDATE tailboard.jobs SET phase = %s, status = %s WHERE id ="
            " (SELECT id FROM tailboard.jobs ORDER BY id OFFSET %s LIMIT 1) RETURNING id",
            status,
            self.rng.randint(0, 60),
        )

    async def _bulk(self, connection: Connection, written: Ledger) -> None:
        await self._write(
            connection,
            written,
            "UPDATE tailboard.jobs j SET phase = %s, progress = random() FROM (SELECT id FROM tailboard.jobs"
            " WHERE id %% 5 = %s ORDER BY id LIMIT 700 FOR UPDATE) picked WHERE j.id = picked.id RETURNING j.id",
            self.rng.randint(0, 4),
        )

    async def _replace(self, connection: Connection, written: Ledger) -> None:
        """DELETE and INSERT of one id in one transaction: one update."""
        cursor = await connection.execute(
            "DELETE FROM tailboard.jobs"
            " WHERE id = (SELECT max(id) FROM tailboard.jobs WHERE id %% 7 = %s) RETURNING id",
            [self.rng.randint(0, 6)],
        )
        row = await cursor.fetchone()
        if row is not None:
            await self._write(
                connection,
                written,
                "INSERT INTO tailboard.jobs (kind, phase, id) VALUES ('k', %s, %s) RETURNING id",
                row[0],
            )

    async def _delete(self, connection: Connection, written: Ledger) -> None:
        if self.rng.random() < 0.7:
            return
        cursor = await connection.execute(
            "DELETE FROM tailboard.jobs WHERE id = (SELECT min(id) FROM tailboard.jobs) RETURNING id"
        )
        written.deleted.update(row[0] for row in await cursor.fetchall())

    async def _write(
        self, connection: Connection, written: Ledger, statement: Any, *parameters: object
    ) -> None:
        self._marks += 1
        mark = f"{self.name}-{self._marks}"
        cursor = await connection.execute(statement, [mark, *parameters])
        rows = await cursor.fetchall()
        if rows:
            written.rows[mark] += len(rows)

    async def _commit(self, connection: Connection) -> bool:
        await connection.commit()
        return True

    async def _roll_back(self, connection: Connection) -> bool:
        await connection.rollback()
        return False

    async def _prepare(self, connection: Connection) -> bool:
        if connection.info.transaction_status is psycopg.pq.TransactionStatus.IDLE:
            return False
        gid = f"{self.name}-{self._marks}"
        try:
            await connection.execute(f"PREPARE TRANSACTION '{gid}'")
        except errors.FeatureNotSupported:  # it has notified: the bell was armed
            await connection.rollback()
            return False
        await connection.rollback()
        await connection.set_autocommit(True)
        await asyncio.sleep(self.rng.random() * 0.1)  # prepared for a while, as real ones are
        keep = self.rng.random() < 0.7
        await connection.execute(f"{'COMMIT' if keep else 'ROLLBACK'} PREPARED '{gid}'")
        await connection.set_autocommit(False)
        return keep


Step = Callable[[Connection, Ledger], Awaitable[None]]
