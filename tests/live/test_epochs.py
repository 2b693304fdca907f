"""The log outlives the server it was written on: restores, clones, failovers, and what retention has dropped."""

import asyncio
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from fixtures.database import Connect
from fixtures.waiting import await_until
from log_rig import Board, board, everything, reading, recount, seal_all
from orders_table import attach_orders, count_orders, make_orders
from tailboard.core.cursor import Cursor
from tailboard.core.event import Event
from tailboard.db.pool import Connection, Database
from tailboard.db.sealing import Sealing
from tailboard.errors import CursorAhead, CursorExpired

Restore = Callable[[], None]


@pytest.fixture
def restore(programs: Path, database_url: str, empty_database_url: str) -> Restore:
    """`restore()`: dump the test's database into the empty one."""

    def restore() -> None:
        environment = {"PATH": os.environ["PATH"]}
        dump = subprocess.run(
            [programs / "pg_dump", "--no-owner", database_url],
            capture_output=True,
            env=environment,
            timeout=60,
            check=False,
        )
        assert dump.returncode == 0, dump.stderr
        done = subprocess.run(
            [programs / "psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", empty_database_url],
            input=dump.stdout,
            capture_output=True,
            env=environment,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    return restore


def enqueue(connection: psycopg.Connection[Any], n: int, kind: str = "k") -> None:
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


async def test_a_restored_log_goes_on_in_a_new_epoch_with_its_past_readable(
    database_url: str, empty_database_url: str, connect: Connect, restore: Restore
) -> None:
    old = connect()
    enqueue(old, 5)
    await seal_all(database_url)
    async with reading(database_url) as log:
        before = await everything(log, Cursor(1, 0))
    restore()
    new = connect(empty_database_url)
    await seal_all(empty_database_url)
    enqueue(new, 3)
    await seal_all(empty_database_url)
    async with reading(empty_database_url) as log:
        head = await log.head()
        assert (head.epoch > 1, head.position) == (True, 8)
        after = await everything(log, Cursor(1, 0))
        assert told(after[:5]) == told(before)
        assert [each.cursor for each in after] == [Cursor(1, n) for n in range(1, 6)] + [
            Cursor(head.epoch, n) for n in range(6, 9)
        ]
        for place in range(6):
            assert told(await everything(log, Cursor(1, place))) == told(after[place:])
    assert sealed_seqs(new) == captured_seqs(new)


def shift_ids(connection: psycopg.Connection[Any], distance: int) -> None:
    """Give the log transaction ids as a server far behind or far ahead would have given them."""
    shift = "greatest(3, xid::text::bigint + %s)::text::xid8"
    connection.execute(f"UPDATE tailboard.changes SET xid = {shift}".encode(), [distance])
    connection.execute(
        f"UPDATE tailboard.ticks SET xids = ARRAY(SELECT {shift} FROM unnest(xids) AS xid)".encode(),
        [distance],
    )


@pytest.mark.parametrize("distance", [0, 1_000_000], ids=["near", "higher"])
async def test_an_adopted_table_is_restored_with_its_capture_and_counted_again(
    distance: int, database_url: str, empty_database_url: str, connect: Connect, restore: Restore
) -> None:
    old = connect()
    make_orders(old)
    attach_orders(database_url)
    async with board(database_url) as node:
        await await_until(lambda: node.caretaker.counted == 1)
        old.execute("INSERT INTO shop.orders (state) SELECT 'new' FROM generate_series(1, 5)")
        await node.recorder.until(lambda seen: len(seen.events) == 6)
    old.execute("INSERT INTO shop.orders (state) VALUES ('busy')")  # nobody has sealed it
    shift_ids(old, distance)
    restore()
    new = connect(empty_database_url)
    new.execute("INSERT INTO shop.orders (state) VALUES ('ok')")
    async with board(empty_database_url) as node:
        assert (await node.log.head()).epoch > 1
        await await_until(lambda: node.caretaker.counted == 1)
        new.execute("UPDATE shop.orders SET state = 'err' WHERE state = 'ok'")
        await await_until(
            lambda: {(t.queue, t.status): t.n for t in node.projector.tallies()} == dict(count_orders(new))
        )
        assert new.execute("SELECT trouble FROM tailboard.upkeep").fetchone() == (None,)


async def test_a_place_beyond_what_survived_is_answered_by_a_reset(
    database_url: str, empty_database_url: str, connect: Connect, restore: Restore
) -> None:
    old = connect()
    enqueue(old, 5)
    await seal_all(database_url)
    restore()
    enqueue(old, 4)  # after the dump: lost
    await seal_all(database_url)
    async with reading(database_url) as log:
        lost = await log.head()
    assert lost == Cursor(1, 9)
    new = connect(empty_database_url)
    await seal_all(empty_database_url)
    enqueue(new, 10)
    await seal_all(empty_database_url)
    async with reading(empty_database_url) as log:
        head = await log.head()
        for position in (6, 9, 400):
            with pytest.raises(CursorExpired) as caught:
                await log.read(Cursor(1, position), 10)
            assert caught.value.reason == "epoch_changed"
    assert new.execute('SELECT "cursor", type, change FROM tailboard.read(%s)', [str(lost)]).fetchall() == [
        (str(head), "reset", {"reason": "epoch_changed"})
    ]


async def test_what_was_unsealed_when_it_was_dumped_is_sealed_once_where_it_is_restored(
    database_url: str, empty_database_url: str, connect: Connect, restore: Restore
) -> None:
    old = connect()
    enqueue(old, 5)
    await seal_all(database_url)
    enqueue(old, 700)  # more than a tick holds
    restore()
    new = connect(empty_database_url)
    enqueue(new, 4)  # before the first sealer starts there
    await seal_all(empty_database_url)
    enqueue(new, 3)
    await seal_all(empty_database_url)
    assert sealed_seqs(new) == captured_seqs(new)
    assert len(captured_seqs(new)) == 5 + 700 + 4 + 3
    async with board(empty_database_url) as node:
        assert node.projector.stats.tallies() == recount(new)


@pytest.mark.parametrize("distance", [-1_000_000, 0, 1_000_000], ids=["lower", "near", "higher"])
async def test_transaction_ids_of_the_old_server_are_never_compared_with_those_of_the_new(
    distance: int, database_url: str, empty_database_url: str, connect: Connect, restore: Restore
) -> None:
    """Whatever ids the old server was at: neither is anything sealed twice nor passed over."""
    old = connect()
    enqueue(old, 20)
    await seal_all(database_url)
    enqueue(old, 20)
    shift_ids(old, distance)
    restore()
    new = connect(empty_database_url)
    enqueue(new, 5)
    for _ in range(3):
        await seal_all(empty_database_url)
        enqueue(new, 5)
    await seal_all(empty_database_url)
    assert sealed_seqs(new) == captured_seqs(new)
    assert len(captured_seqs(new)) == 60


async def test_a_writer_in_flight_while_the_new_epoch_opens_is_sealed(
    database_url: str, empty_database_url: str, connect: Connect, restore: Restore
) -> None:
    """It may have drawn its seq, and not have written its change, when the floor is laid."""
    enqueue(connect(), 5)
    await seal_all(database_url)
    restore()
    new, watcher = connect(empty_database_url), connect(empty_database_url)
    writer = await psycopg.AsyncConnection.connect(empty_database_url, autocommit=True)

    class Paused(Sealing):
        """Lets a writer come in once the writers are locked out."""

        async def _one(self, statement: Any, parameters: Any = None) -> tuple[Any, ...]:
            if "greatest" in str(statement):
                await writer.execute("SET statement_timeout = '20s'")
                writing.append(
                    asyncio.create_task(
                        writer.execute("INSERT INTO tailboard.jobs (kind) VALUES ('in flight')")
                    )
                )
                await await_until(lambda: waiting(watcher))
            return await super()._one(statement, parameters)

    writing: list[asyncio.Task[Any]] = []
    database = Database(empty_database_url)
    connection: Connection = await database.direct("sealer")
    try:
        sealing = Paused(connection)
        assert await sealing.lead()
        await sealing.open_log()
        await writing[0]
        await sealing.seal()
    finally:
        await connection.close()
        await writer.close()
    enqueue(new, 2)
    await seal_all(empty_database_url)
    assert sealed_seqs(new) == captured_seqs(new)
    assert len(captured_seqs(new)) == 8


def waiting(watcher: psycopg.Connection[Any]) -> bool:
    row = watcher.execute(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database()))"
    ).fetchone()
    return row == (True,)


@pytest.fixture
def fail_over(connect: Connect) -> Callable[..., None]:
    """`fail_over(lost=n)`: as if a standby had been promoted that missed the last `n` ticks."""
    connection = connect()

    def fail_over(*, lost: int = 0) -> None:
        with connection.transaction():
            connection.execute("UPDATE tailboard.epochs SET timeline = 'FFFFFFFF'")
            rows = connection.execute(
                "DELETE FROM tailboard.ticks WHERE tick_id > (SELECT max(tick_id) - %s FROM tailboard.ticks)"
                " RETURNING xids, seqs",
                [lost],
            ).fetchall()
            for xids, _ in rows:
                connection.execute(
                    "DELETE FROM tailboard.changes WHERE xid = ANY (%s::text[]::xid8[])", [xids]
                )
            connection.execute(
                "DELETE FROM tailboard.checkpoints WHERE position > (SELECT max(first_position + n - 1)"
                " FROM tailboard.ticks)"
            )

    return fail_over


async def test_a_failover_opens_an_epoch_and_loses_and_repeats_nothing(
    database_url: str, connect: Connect, fail_over: Callable[..., None]
) -> None:
    connection, open_throughout = connect(), connect()
    enqueue(connection, 5)
    open_throughout.execute("BEGIN")
    enqueue(open_throughout, 2)
    await seal_all(database_url)
    enqueue(connection, 5)  # unsealed when the primary is lost
    fail_over()
    await seal_all(database_url)
    enqueue(connection, 5)
    open_throughout.execute("COMMIT")
    await seal_all(database_url)
    async with reading(database_url) as log:
        events = await everything(log, Cursor(1, 0))
        epoch = (await log.head()).epoch
    assert [each.cursor for each in events] == [Cursor(1, n) for n in range(1, 6)] + [
        Cursor(epoch, n) for n in range(6, 18)
    ]
    assert sorted(each.change.seq for each in events) == captured_seqs(connection)


async def test_readers_of_a_lost_primary_are_reset(
    database_url: str, connect: Connect, fail_over: Callable[..., None]
) -> None:
    connection = connect()
    async with board(database_url) as node:
        enqueue(connection, 3)
        await node.recorder.until(lambda told: len(told.events) == 3)
        survives = node.recorder.events[-1].cursor
        await node.sealer.stop()
        await node.tailer.stop()
        await seal_one_by_one(node, connection, 3)
        lost = Cursor(1, survives.position + 3)
        await node.tailer.start()
        assert node.tailer.head == lost
        fail_over(lost=3)
        end_backends(connection, "tailboard tailer")
        await node.sealer.start()
        await node.recorder.until(lambda told: told.resets)
        ((reason, cursor),) = node.recorder.resets
        assert reason == "epoch_changed"
        assert cursor.position == survives.position
        enqueue(connection, 2)
        await node.recorder.until(lambda told: told.events[-1].cursor.position == survives.position + 2)
        assert node.recorder.events[-1].cursor.epoch > lost.epoch
        assert node.projector.stats.counts()["total"] == 5  # the lost jobs' rows are still in this table
        with pytest.raises(CursorExpired) as caught:
            await node.log.read(lost, 10)
        assert caught.value.reason == "epoch_changed"
        assert len(await everything(node.log, survives)) == 2


async def test_readers_are_not_reset_by_a_failover_that_lost_nothing(
    database_url: str, connect: Connect, fail_over: Callable[..., None]
) -> None:
    connection = connect()
    async with board(database_url) as node:
        enqueue(connection, 3)
        await node.recorder.until(lambda told: len(told.events) == 3)
        await node.sealer.stop()
        fail_over()
        end_backends(connection, "tailboard tailer")
        await node.sealer.start()
        enqueue(connection, 1)
        await node.recorder.until(lambda told: len(told.events) == 4)
        assert node.recorder.resets == []
        assert (node.recorder.events[-1].cursor.epoch > 1, node.recorder.events[-1].cursor.position) == (
            True,
            4,
        )


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


def end_backends(connection: psycopg.Connection[Any], name: str) -> None:
    ended = connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = %s",
        [name],
    ).fetchall()
    assert ended


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


async def test_retention_moves_the_floor_and_never_the_epoch(database_url: str, connect: Connect) -> None:
    connection = connect()
    enqueue(connection, 3)
    await seal_all(database_url)
    small_leaves(connection)
    database = Database(database_url)
    direct = await database.direct("sealer")
    try:
        sealing = Sealing(direct)
        assert await sealing.lead()
        head = await sealing.open_log()
        for _ in range(20):
            enqueue(connection, 50)
            await sealing.seal()
            await sealing.make_leaves()
        await raise_low(sealing)
        head = await reading_head(database_url)
        before = leaves(connection)
        assert await sealing.retain(0.0, head.position) > 0
        assert await sealing.retain(3600.0, head.position) == 0
    finally:
        await direct.close()
    assert set(leaves(connection)) < set(before)
    floor = connection.execute("SELECT min(first_position) - 1 FROM tailboard.ticks").fetchone()
    assert floor is not None
    async with reading(database_url) as log:
        assert await log.head() == head == Cursor(1, 1003)
        assert 0 < floor[0] < head.position
        for gone in (0, 1, floor[0] - 1):
            with pytest.raises(CursorExpired) as caught:
                await log.read(Cursor(1, gone), 10)
            assert caught.value.reason == "cursor_expired"
            found = connection.execute(
                'SELECT "cursor", type, change FROM tailboard.read(%s)', [f"1.{gone}"]
            ).fetchall()
            assert found == [("1.1003", "reset", {"reason": "cursor_expired"})]
        kept = await everything(log, Cursor(1, floor[0]))
    assert [each.cursor.position for each in kept] == list(range(floor[0] + 1, 1004))


async def reading_head(url: str) -> Cursor:
    async with reading(url) as log:
        return await log.head()


async def test_retention_waits_for_the_checkpoint(database_url: str, connect: Connect) -> None:
    connection = connect()
    small_leaves(connection)
    direct = await Database(database_url).direct("sealer")
    try:
        sealing = Sealing(direct)
        assert await sealing.lead()
        await sealing.open_log()
        for _ in range(10):
            enqueue(connection, 50)
            await sealing.seal()
            await sealing.make_leaves()
        await raise_low(sealing)
        await sealing.retain(0.0, 10)
        await sealing.retain(0.0, 10)
    finally:
        await direct.close()
    async with reading(database_url) as log:
        assert len(await everything(log, Cursor(1, 10))) == 490


async def test_a_transaction_still_open_keeps_its_leaf(database_url: str, connect: Connect) -> None:
    connection, slow = connect(), connect()
    small_leaves(connection)
    slow.execute("BEGIN")
    enqueue(slow, 1)
    direct = await Database(database_url).direct("sealer")
    try:
        sealing = Sealing(direct)
        assert await sealing.lead()
        await sealing.open_log()
        for _ in range(10):
            enqueue(connection, 50)
            await sealing.seal()
            await sealing.make_leaves()
        await sealing.advance_low()
        await sealing.seal()
        assert await sealing.retain(0.0, 500) == 0
        slow.execute("COMMIT")
        await raise_low(sealing)
        await sealing.seal()
    finally:
        await direct.close()
    assert sorted(sealed_seqs(connection)) == captured_seqs(connection)
    assert len(captured_seqs(connection)) == 501


async def test_what_retention_has_forgotten_does_not_come_back_in_a_restore(
    database_url: str, empty_database_url: str, connect: Connect, restore: Restore
) -> None:
    """A tick that goes with the oldest leaf may name changes in the next one, among others that stay."""
    connection, early, late = connect(), connect(), connect()
    small_leaves(connection)
    database = Database(database_url)
    direct = await database.direct("sealer")
    try:
        sealing = Sealing(direct)
        assert await sealing.lead()
        await sealing.open_log()
        early.execute("BEGIN")
        enqueue(early, 1)  # in the oldest leaf
        enqueue(connection, 120)
        await sealing.make_leaves()
        late.execute("BEGIN")
        enqueue(late, 1)  # in the next leaf, before others that are sealed earlier
        enqueue(connection, 10)
        await sealing.seal()
        early.execute("COMMIT")
        await sealing.seal()
        checkpoint = await reading_head(database_url)
        enqueue(connection, 10)
        await sealing.seal()
        unsealed = connect()
        late.execute("COMMIT")
        await sealing.seal()
        enqueue(connection, 1)
        await raise_low(sealing)
        assert await sealing.retain(0.0, checkpoint.position) > 0
    finally:
        await direct.close()
    enqueue(unsealed, 1)
    kept = sealed_seqs(connection)
    assert len(kept) == 12
    restore()
    await seal_all(empty_database_url)
    assert sealed_seqs(connect(empty_database_url)) == [*kept, kept[-1] + 1]


async def test_an_unsealed_change_older_than_all_that_is_kept_survives_a_restore(
    database_url: str, empty_database_url: str, connect: Connect, restore: Restore
) -> None:
    connection, slow = connect(), connect()
    small_leaves(connection)
    database = Database(database_url)
    direct = await database.direct("sealer")
    try:
        sealing = Sealing(direct)
        assert await sealing.lead()
        await sealing.open_log()
        enqueue(connection, 105)
        await raise_low(sealing)
        await sealing.make_leaves()
        slow.execute("BEGIN")
        enqueue(slow, 1)
        enqueue(connection, 1)
        await sealing.seal()
        slow.execute("COMMIT")
        assert await sealing.retain(0.0, 10**6) > 0
    finally:
        await direct.close()
    restore()
    new = connect(empty_database_url)
    await seal_all(empty_database_url)
    assert sorted(sealed_seqs(new)) == captured_seqs(new)
    assert len(sealed_seqs(new)) == 2


async def test_a_tailer_that_retention_overtook_resets_its_readers(
    database_url: str, connect: Connect
) -> None:
    connection = connect()
    async with board(database_url) as node:
        enqueue(connection, 3)
        await node.recorder.until(lambda told: len(told.events) == 3)
        await node.tailer.stop()
        await node.sealer.stop()
        await seal_one_by_one(node, connection, 100)
        head = await node.log.head()
        connection.execute("DELETE FROM tailboard.ticks WHERE first_position <= %s", [head.position - 5])
        connection.execute(
            "UPDATE tailboard.checkpoints SET position = %s,"
            ' state = jsonb_build_object(\'stats\', \'[["jobs", "default", "pending", 103]]\'::jsonb)',
            [head.position],
        )
        # as a reader that was suspended, and does not know it
        node.tailer._find_place = nothing  # type: ignore[method-assign]
        await node.tailer.start()
        await node.recorder.until(lambda told: told.resets)
        assert node.recorder.resets == [("cursor_expired", head)]
        assert [each.cursor.position for each in node.recorder.events] == [1, 2, 3]


async def nothing(_connection: Connection) -> None:
    """A place is not looked for."""


async def test_a_place_that_no_log_has_reached_is_ahead(database_url: str) -> None:
    await seal_all(database_url)
    async with reading(database_url) as log:
        with pytest.raises(CursorAhead):
            await log.read(Cursor(1, 1), 10)


async def test_a_place_of_an_epoch_that_never_came_here_is_answered_by_a_reset(
    database_url: str, connect: Connect
) -> None:
    """Its server was lost, and the standby that took over had not heard of it: whatever its number, it is no place."""
    connection = connect()
    enqueue(connection, 5)
    await seal_all(database_url)
    connection.execute("UPDATE tailboard.epochs SET timeline = 'FFFFFFFF'")
    await seal_all(database_url)
    async with reading(database_url) as log:
        epoch = (await log.head()).epoch
        for unknown in (Cursor(epoch + 1, 3), Cursor(epoch - 1, 3) if epoch > 2 else Cursor(epoch + 2, 0)):
            with pytest.raises(CursorExpired) as caught:
                await log.read(unknown, 10)
            assert caught.value.reason == "epoch_changed"
        assert len((await log.read(Cursor(1, 3), 10)).events) == 2


async def test_a_lost_place_is_answered_by_a_reset_before_the_next_epoch_is_open(
    database_url: str, connect: Connect
) -> None:
    connection = connect()
    enqueue(connection, 3)
    await seal_all(database_url)
    connection.execute("UPDATE tailboard.epochs SET timeline = 'FFFFFFFF'")  # promoted, and nobody leads yet
    async with reading(database_url) as log:
        with pytest.raises(CursorExpired) as caught:
            await log.read(Cursor(1, 4), 10)
        assert caught.value.reason == "epoch_changed"
        assert len((await log.read(Cursor(1, 1), 10)).events) == 2


async def test_two_servers_that_continue_from_one_epoch_give_the_next_one_different_numbers(
    database_url: str, connect: Connect
) -> None:
    """One of them may be lost, and its readers come to the other."""
    connection = connect()
    enqueue(connection, 1)
    numbers = set()
    for _ in range(4):
        await seal_all(database_url)
        connection.execute("DELETE FROM tailboard.ticks WHERE epoch > 1")
        connection.execute("DELETE FROM tailboard.epochs WHERE epoch > 1")
        connection.execute("UPDATE tailboard.epochs SET timeline = 'FFFFFFFF'")
        await seal_all(database_url)
        numbers.add(connection.execute("SELECT max(epoch) FROM tailboard.epochs").fetchone())
    assert len(numbers) > 1
