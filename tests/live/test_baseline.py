"""Baselines under fire: writers of every kind hammer a table while it is counted again and again.

Each baseline has to say exactly what the events before it add up to; no event may be lost, come twice, or break a job's
chain; and in the end the fold is the table.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg import errors

from fixtures.database import AConnect, Connect
from fixtures.waiting import await_until
from log_rig import AConnection, Board, board
from orders_table import attach_orders, count_orders, make_orders
from tailboard.core.change import Op
from tailboard.core.cursor import Cursor
from tailboard.core.event import Event
from tailboard.core.stats import Stats
from tailboard.db.adopting.baseline import Held, Upkeep, survey
from tailboard.db.sealing import Sealing
from tailboard.errors import SourceMoved
from tailboard.sources.sqltext import TableName

SECONDS = 6.0
SYNCS_AT_LEAST = 20
SEED = random.SystemRandom().randrange(1 << 32)

_PICK = "WITH c AS (SELECT id FROM shop.orders ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED)"
_STEPS = {
    "I": "INSERT INTO shop.orders (region, not_before) VALUES (%(region)s, %(due)s) RETURNING id",
    "U": _PICK + " UPDATE shop.orders o SET state = CASE o.state WHEN 'new' THEN 'busy' WHEN 'busy' THEN 'ok'"
    " WHEN 'ok' THEN 'err' ELSE 'new' END, region = %(region)s FROM c WHERE o.id = c.id RETURNING o.id",
    "D": _PICK + " DELETE FROM shop.orders o USING c WHERE o.id = c.id RETURNING o.id",
}


@dataclass
class Ledger:
    """What was committed, and what was not."""

    done: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By job and operation."""
    commits: int = 0
    rollbacks: int = 0


async def write(connection: AConnection, ledger: Ledger, dice: random.Random, until: float) -> None:
    """Transactions one after the other, of every kind that a worker may make."""
    clock = asyncio.get_running_loop().time
    while clock() < until:
        level = dice.choice(["READ COMMITTED", "READ COMMITTED", "REPEATABLE READ"])
        steps: list[tuple[str, str]] = []
        try:
            async with connection.transaction() as transaction:
                await connection.execute(f"SET TRANSACTION ISOLATION LEVEL {level}".encode())
                for _ in range(dice.randint(1, 6)):
                    await step(connection, dice, steps)
                    if dice.random() < 0.1:  # a savepoint that is rolled back
                        async with connection.transaction(force_rollback=True):
                            await step(connection, dice, [])
                if dice.random() < 0.1:
                    await connection.execute("SELECT pg_sleep(%s)", [dice.uniform(0.2, 1.2)])
                if dice.random() < 0.2:
                    raise psycopg.Rollback(transaction)
        except (errors.SerializationFailure, errors.DeadlockDetected):
            ledger.rollbacks += 1
            continue
        if transaction.status is transaction.Status.COMMITTED:
            ledger.commits += 1
            ledger.done.update(steps)
        else:
            ledger.rollbacks += 1


async def step(connection: AConnection, dice: random.Random, steps: list[tuple[str, str]]) -> None:
    op = dice.choice("IIUUUUUD")
    due = None if dice.random() < 0.7 else dice.uniform(0.1, 8)
    row = await (
        await connection.execute(
            _STEPS[op].replace("%(due)s", "clock_timestamp() + make_interval(secs => %(due)s)").encode(),
            {"region": dice.choice(["eu", "us"]), "due": due},
        )
    ).fetchone()
    if row is not None:
        steps.append((str(row[0]), op))


async def sync(node: Board, connection: AConnection) -> None:
    surveyed = await survey(connection, "orders", TableName("shop", "orders"), within_s=10)

    async def begin(sealing: Sealing) -> None:
        await sealing.begin_source(surveyed, Upkeep(0, None))

    await node.sealer.errand(begin)


async def test_every_baseline_is_what_the_events_add_up_to(
    database_url: str, connect: Connect, aconnect: AConnect
) -> None:
    orders = connect()
    make_orders(orders)
    orders.execute("INSERT INTO shop.orders (state) SELECT 'new' FROM generate_series(1, 500)")
    attach_orders(database_url)
    ledger, dice = Ledger(), random.Random(SEED)
    writers = [await aconnect() for _ in range(8)]
    counting = await aconnect()
    syncs = 0
    async with board(database_url) as node:
        await node.caretaker.stop()
        await sync(node, counting)
        until = asyncio.get_running_loop().time() + SECONDS
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(write(writer, ledger, random.Random(dice.random()), until))
                for writer in writers
            ]
            while not all(task.done() for task in running):
                await sync(node, counting)
                syncs += 1
        await sync(node, counting)
        orders.execute("INSERT INTO shop.orders (region) VALUES ('last')")
        await await_until(lambda: any(event.change.facets.queue == "last" for event in node.recorder.events))
        told = Counter(
            {(t.queue, t.status): t.n for t in node.projector.current().tallies() if t.source == "orders"}
        )
        assert told == count_orders(orders), f"seed {SEED}"
    assert syncs >= SYNCS_AT_LEAST
    assert ledger.commits > 100
    assert ledger.rollbacks > 20
    check(node.recorder.events, ledger)


class Counted(NamedTuple):
    node: Board
    orders: psycopg.Connection[Any]
    counting: AConnection


@pytest.fixture
async def counted(database_url: str, connect: Connect, aconnect: AConnect) -> AsyncIterator[Counted]:
    """A node that has counted two orders, and whose caretaker rests."""
    orders, counting = connect(), await aconnect()
    make_orders(orders)
    orders.execute("INSERT INTO shop.orders (state) VALUES ('new'), ('new')")
    attach_orders(database_url)
    async with board(database_url) as node:
        await node.caretaker.stop()
        await sync(node, counting)
        yield Counted(node, orders, counting)


async def begin_anew(counted: Counted, held: Held) -> int | None:
    """Count the orders again, for readers who have `held`; return the seq of the change that tells them."""
    written: list[int | None] = []
    surveyed = await survey(counted.counting, "orders", TableName("shop", "orders"), within_s=10)

    async def begin(sealing: Sealing) -> None:
        written.append(await sealing.begin_source(surveyed, Upkeep(0, None), held))

    await counted.node.sealer.errand(begin)
    return written[0]


async def test_a_reader_who_is_a_few_changes_behind_and_counts_right_is_told_nothing(
    counted: Counted,
) -> None:
    """What was sealed since the reader's place is added to the reader's counts before they are compared."""
    behind = Held(await counted.node.log.head(), Counter({("eu", "pending"): 2}))
    counted.orders.execute("INSERT INTO shop.orders (region) VALUES ('us')")
    counted.orders.execute("UPDATE shop.orders SET state = 'busy' WHERE id = 1")
    counted.orders.execute("DELETE FROM shop.orders WHERE id = 2")
    assert await begin_anew(counted, behind) is None


async def test_counts_of_a_lost_primarys_log_are_no_reason_to_begin_anew(counted: Counted) -> None:
    """After a failover a node leads at once, and may hold the old log's counts until it has noticed."""
    head = await counted.node.log.head()
    lost = Held(Cursor(head.epoch - 1, head.position), Counter({("eu", "pending"): 7}))
    with pytest.raises(SourceMoved):
        await begin_anew(counted, lost)
    assert await counted.node.log.head() == head


async def test_who_begins_to_write_as_a_baseline_is_written_is_told(
    counted: Counted, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its transaction id lies between the snapshot of the baseline and the baseline's own, right before that."""
    late = connect(autocommit=False)
    surveyed = await survey(counted.counting, "orders", TableName("shop", "orders"), within_s=10)

    async def begin(sealing: Sealing) -> None:
        connection = sealing._connection
        execute = connection.execute

        async def interrupted(statement: Any, *arguments: Any, **options: Any) -> Any:
            if statement == "SELECT pg_current_xact_id()":
                await execute("SELECT 'the snapshot'")
                late.execute("INSERT INTO tailboard.jobs (kind, queue) VALUES ('a', 'late')")
            return await execute(statement, *arguments, **options)

        with monkeypatch.context() as patched:
            patched.setattr(connection, "execute", interrupted)
            await sealing.begin_source(surveyed, Upkeep(0, None))

    await counted.node.sealer.errand(begin)
    late.commit()
    recorder = counted.node.recorder
    await await_until(lambda: any(event.change.facets.queue == "late" for event in recorder.events))


def check(events: list[Event], ledger: Ledger) -> None:
    """Fold what was told, from the first baseline on."""
    stats, baselines = Stats(), 0
    seen: Counter[tuple[str, str]] = Counter()
    status: dict[str, str | None] = {}
    for event in events:
        change = event.change
        if change.source != "orders":
            continue
        if change.op is Op.RESET:
            stats.advance(change.at)
            before = stats.tallies()
            stats.apply(event)
            assert baselines == 0 or before == stats.tallies(), f"baseline {baselines}, seed {SEED}"
            baselines += 1
            continue
        stats.apply(event)
        seen[change.job_id, change.op.value] += 1
        if change.job_id in status and change.old_due is None:
            assert status[change.job_id] in {change.old_status, "due"}, f"job {change.job_id}, seed {SEED}"
        status[change.job_id] = "due" if change.due is not None else change.new_status
    seen -= Counter(
        {key: 1 for key in seen if key not in ledger.done}
    )  # the last job, which is the test's own
    assert seen == ledger.done, f"seed {SEED}"
