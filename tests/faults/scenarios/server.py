"""PostgreSQL that stops, crashes, and comes back."""

import asyncio
import os
import signal
from contextlib import suppress

import psycopg

from faults.oracle import Violation
from faults.scenario import Skipped, fault
from faults.workload import Written
from faults.world import SETTLE_S, World
from fixtures.waiting import await_until


@fault("stopped at once and started again in the middle of a load: nothing lost, nothing repeated")
async def stop_postgresql_at_once(world: World) -> str:
    await asyncio.to_thread(world.primary.stop, signal.SIGQUIT)
    await world.rest(world.rng.random())
    await asyncio.to_thread(world.primary.start)
    took = await world.flow()
    return f"the feed went on {took:.1f} s after the start"


@fault("the same for a restart in order, as an upgrade does it")
async def restart_postgresql(world: World) -> None:
    await asyncio.to_thread(world.primary.stop)
    await asyncio.to_thread(world.primary.start)
    await world.flow()


@fault("one backend killed takes all of them down; they recover, and so does the feed")
async def kill_a_backend(world: World) -> None:
    ((pid,),) = world.sql("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'tailboard%' LIMIT 1")
    os.kill(pid, signal.SIGKILL)
    await world.flow()


@fault("a crash after which transaction ids are used again loses nothing")
async def crash_with_transaction_ids_used_again(world: World) -> str:
    """Ids that were drawn and never written down are drawn again after the crash, by others."""
    for _ in range(5):
        again = await _crash_with_drawn_ids(world, 20)
        await world.flow()
        if again:
            return f"{again} of 20 ids were used again"
    raise Skipped("something else wrote down a later id each time, such as autovacuum")


async def _crash_with_drawn_ids(world: World, n: int) -> int:
    """Return how many of the ids are drawn again."""
    await world.gate.close()
    try:
        async with world.open_transactions(n) as connections:
            drawn = []
            for connection in connections:
                row = await (await connection.execute("SELECT pg_current_xact_id()::text::bigint")).fetchone()
                assert row is not None
                drawn.append(row[0])
            await asyncio.to_thread(world.primary.stop, signal.SIGKILL)
            await asyncio.to_thread(world.primary.start)
            ((fresh,),) = world.sql("SELECT pg_current_xact_id()::text::bigint")
    finally:
        world.gate.open()
    return sum(xid >= fresh for xid in drawn)


@fault("a transaction that is open all the while delays its own changes alone")
async def open_transaction_throughout(world: World) -> str:
    writer, txn = world.writers[0], world.ledger.number()
    node = await world.sealer()
    async with await psycopg.AsyncConnection.connect(world.primary.url) as connection:
        written = await writer.some_rows(connection, 3)
        await connection.execute("INSERT INTO faults.committed VALUES (%s)", [txn])
        await node.kill()
        took = await world.flow()
        await node.start()
        await world.flow()
        await connection.commit()
    world.ledger.commit(txn, written)
    return f"sealed by another after {took:.1f} s, with the transaction still open"


@fault("what was prepared before a crash and committed after it is told once")
async def prepared_before_a_crash(world: World) -> str:
    txn = world.ledger.number()
    world.sql("UPDATE tailboard.settings SET value = 'false' WHERE key = 'notify'")
    try:
        await world.flow()
        written = await _prepared(world, txn)
        await asyncio.to_thread(world.primary.stop, signal.SIGQUIT)
        await asyncio.to_thread(world.primary.start)
        await world.flow()
        world.sql(f"COMMIT PREPARED 'faults {txn}'")
        world.ledger.commit(txn, written)
    finally:
        world.sql("UPDATE tailboard.settings SET value = 'true' WHERE key = 'notify'")
    return "prepared, crashed, committed"


async def _prepared(world: World, txn: int) -> Written:
    """Leave a transaction prepared; return what it has written. The leader looks at its settings every two seconds:
    until then it may arm the bell, and whoever has rung cannot prepare.
    """
    for _ in range(10):
        with suppress(psycopg.errors.FeatureNotSupported):
            async with await psycopg.AsyncConnection.connect(world.primary.url) as connection:
                written = await world.writers[0].some_rows(connection, 3)
                await connection.execute("INSERT INTO faults.committed VALUES (%s)", [txn])
                await connection.execute(f"PREPARE TRANSACTION 'faults {txn}'".encode())
                return written
        await world.rest(1.0)
    raise Violation("the bell is rung although the setting `notify` is off")


@fault("everything restarted in the middle of a bulk load: all of its rows, or none, and each once")
async def restart_of_everything_during_a_bulk_load(world: World) -> str:
    rows = 20_000
    world.flooded = True
    load = asyncio.create_task(world.writers[1].bulk(rows))
    await world.rest(0.1 + world.rng.random())
    for node in world.nodes:
        await node.kill()
    await asyncio.to_thread(world.primary.stop, signal.SIGQUIT)
    await load
    await asyncio.to_thread(world.primary.start)
    await asyncio.gather(*(node.start() for node in world.nodes))
    await world.flow()
    return f"{rows} rows in one statement"


@fault("a statement of many rows: everybody healthy is told each, slow readers the newest or a reset")
async def bulk_statement(world: World) -> str:
    rows = 15_000
    world.flooded = True
    await world.writers[1].bulk(rows)
    await world.flow()
    await world.rest(4.0)  # so that slow readers fall behind
    memory = ", ".join(f"{node.memory_mib():.0f}" for node in world.nodes)
    return f"{rows} rows in one statement; the nodes hold {memory} MiB"


_CHECKPOINT = "SELECT max(position) FROM tailboard.checkpoints WHERE projection = 'board' AND position <= %s"
_FOLD_OF_LONG_AGO = """
INSERT INTO tailboard.checkpoints (projection, epoch, position, state, at)
SELECT 'past', epoch, position, state, clock_timestamp() - interval '8 days'
  FROM tailboard.checkpoints WHERE projection = 'board' AND position = %s
ON CONFLICT (projection, position) DO UPDATE SET at = EXCLUDED.at
"""
_FLOOR = "SELECT min(first_position) - 1 FROM tailboard.ticks"


@fault("what is older than it has to be kept is forgotten, and nobody who has read it notices")
async def forgotten_beginning(world: World) -> str:
    """A new leader saves the counts and looks for what is old at once, so two are killed, one after the other."""
    before = _floor(world)
    leader = await world.sealer()
    await leader.kill()
    await world.sealer()
    await world.flow()
    await leader.start()
    await world.settle()  # what is forgotten has to be known
    ((position,),) = world.sql(_CHECKPOINT, len(world.history.entries))
    if position is None or position <= before:
        raise Skipped("the counts were not saved in time")
    await world.pass_by(position)
    world.sql(_FOLD_OF_LONG_AGO, position)
    leader = await world.sealer()
    await leader.kill()
    try:
        await await_until(lambda: _floor(world) > before, SETTLE_S)
    except TimeoutError:
        raise Violation(f"nothing was forgotten within {SETTLE_S:.0f} s") from None
    await leader.start()
    return f"the log began at {before}, and begins at {_floor(world)}"


def _floor(world: World) -> int:
    return int(world.sql(_FLOOR)[0][0])
