"""A standby takes over, with all that was committed or less: a new epoch, and a reset where a place was lost."""

from collections.abc import Callable

import pytest

from epochs_rig import captured_seqs, enqueue, seal_one_by_one
from fixtures.database import Connect
from log_rig import board, end_backends, everything, reading, seal_all
from tailboard.core.cursor import Cursor
from tailboard.errors import CursorAhead, CursorExpired


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
