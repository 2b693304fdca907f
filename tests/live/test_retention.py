"""What is old, sealed and below the checkpoint goes, by whole leaves or, where these take long, by ticks."""

from typing import Any

import psycopg
import pytest

from epochs_rig import (
    Restore,
    captured_seqs,
    enqueue,
    leaves,
    raise_low,
    seal_one_by_one,
    sealed_seqs,
    small_leaves,
)
from fixtures.database import Connect
from fixtures.waiting import await_until
from log_rig import board, by_hand, everything, reading, seal_all
from tailboard.core.cursor import Cursor
from tailboard.db.past.reading import Past
from tailboard.db.pool import Connection
from tailboard.db.sealing import Sealing
from tailboard.db.verify.proof import verify
from tailboard.errors import CursorExpired


async def test_retention_moves_the_floor_and_never_the_epoch(database_url: str, connect: Connect) -> None:
    connection = connect()
    enqueue(connection, 3)
    await seal_all(database_url)
    small_leaves(connection)
    async with by_hand(database_url) as sealing:
        for _ in range(20):
            enqueue(connection, 50)
            await sealing.seal()
            await sealing.make_leaves()
        await raise_low(sealing)
        head = await reading_head(database_url)
        before = leaves(connection)
        assert await sealing.retain(0.0, head.position) > 0
        assert await sealing.retain(3600.0, head.position) == 0
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
    async with by_hand(database_url) as sealing:
        for _ in range(10):
            enqueue(connection, 50)
            await sealing.seal()
            await sealing.make_leaves()
        await raise_low(sealing)
        await sealing.retain(0.0, 10)
        await sealing.retain(0.0, 10)
    async with reading(database_url) as log:
        assert len(await everything(log, Cursor(1, 10))) == 490


async def test_a_transaction_still_open_keeps_its_leaf(database_url: str, connect: Connect) -> None:
    connection, slow = connect(), connect()
    small_leaves(connection)
    slow.execute("BEGIN")
    enqueue(slow, 1)
    async with by_hand(database_url) as sealing:
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
    assert sorted(sealed_seqs(connection)) == captured_seqs(connection)
    assert len(captured_seqs(connection)) == 501


async def test_what_retention_has_forgotten_does_not_come_back_in_a_restore(
    database_url: str, empty_database_url: str, connect: Connect, restore: Restore
) -> None:
    """A tick that goes with the oldest leaf may name changes in the next one, among others that stay."""
    connection, early, late = connect(), connect(), connect()
    small_leaves(connection)
    async with by_hand(database_url) as sealing:
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
    async with by_hand(database_url) as sealing:
        enqueue(connection, 105)
        await raise_low(sealing)
        await sealing.make_leaves()
        slow.execute("BEGIN")
        enqueue(slow, 1)
        enqueue(connection, 1)
        await sealing.seal()
        slow.execute("COMMIT")
        assert await sealing.retain(0.0, 10**6) > 0
    restore()
    new = connect(empty_database_url)
    await seal_all(empty_database_url)
    assert sorted(sealed_seqs(new)) == captured_seqs(new)
    assert len(sealed_seqs(new)) == 2


async def test_a_tailer_that_retention_overtook_resets_its_readers(
    database_url: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
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
        monkeypatch.setattr(node.tailer, "_find_place", nothing)
        await node.tailer.start()
        await node.recorder.until(lambda told: told.resets)
        assert node.recorder.resets == [("cursor_expired", head)]
        assert [each.cursor.position for each in node.recorder.events] == [1, 2, 3]


async def nothing(_connection: Connection) -> None:
    """A place is not looked for."""


async def test_a_leaf_that_never_fills_forgets_tick_by_tick(database_url: str, connect: Connect) -> None:
    connection = connect()
    enqueue(connection, 2)
    await seal_all(database_url)
    async with by_hand(database_url) as sealing:
        for _ in range(20):
            enqueue(connection, 3)
            await sealing.seal()
        await keep_fold(sealing, connection, 32, age_s=100.0)
        await keep_fold(sealing, connection, 47, age_s=50.0)
        assert await sealing.trim(60.0, 31) > 0
        assert floor(connection) == 2, "up to the fold that is below the checkpoint"
        assert await sealing.trim(60.0, 62) > 0
        assert floor(connection) == 32, "up to the newest fold that is old enough"
        assert await sealing.trim(60.0, 62) == 0
        assert captured_seqs(connection) == sealed_seqs(connection) == list(range(33, 63))
        assert await sealing.trim(0.0, 62) > 0
        assert floor(connection) == 47
    async with reading(database_url) as log:
        with pytest.raises(CursorExpired):
            await log.read(Cursor(1, 46), 10)
        kept = await everything(log, Cursor(1, 47))
    assert [each.cursor.position for each in kept] == list(range(48, 63))


async def test_the_newest_tick_is_never_forgotten(database_url: str, connect: Connect) -> None:
    connection = connect()
    async with by_hand(database_url) as sealing:
        for _ in range(2):
            enqueue(connection, 3)
            await sealing.seal()
        await keep_fold(sealing, connection, 6, age_s=1.0)
        assert await sealing.trim(0.0, 6) > 0
        assert floor(connection) == 3
        enqueue(connection, 1)
        await sealing.seal()
    async with reading(database_url) as log:
        assert [each.cursor.position for each in await everything(log, Cursor(1, 3))] == [4, 5, 6, 7]


async def test_so_many_changes_are_forgotten_at_once(
    database_url: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tailboard.db.sealing._TRIM", 10)
    connection = connect()
    async with by_hand(database_url) as sealing:
        for n in (4, 4, 4, 30, 1, 1):
            connection.execute("SELECT tailboard.enqueue('k') FROM generate_series(1, %s)", [n])
            await sealing.seal()
        await keep_fold(sealing, connection, 43, age_s=1.0)
        floors = []
        while await sealing.trim(0.0, 43):
            floors.append(floor(connection))
    assert floors == [8, 12, 42, 43]


async def test_where_leaves_fill_they_go_as_a_whole(database_url: str, connect: Connect) -> None:
    connection = connect()
    enqueue(connection, 3)
    small_leaves(connection)
    async with by_hand(database_url) as sealing:
        enqueue(connection, 3)
        await sealing.seal()
        await keep_fold(sealing, connection, 6, age_s=1.0)
        assert await sealing.trim(0.0, 6) == 0


async def test_what_was_not_sealed_yet_is_not_forgotten(
    database_url: str, empty_database_url: str, connect: Connect, restore: Restore
) -> None:
    connection, slow = connect(), connect()
    async with by_hand(database_url) as sealing:
        enqueue(connection, 5)
        slow.execute("BEGIN")
        enqueue(slow, 1)
        enqueue(connection, 5)
        await sealing.seal()
        enqueue(connection, 1)
        await sealing.seal()
        await keep_fold(sealing, connection, 10, age_s=1.0)
        assert await sealing.trim(0.0, 10) > 0
        slow.execute("COMMIT")
    assert captured_seqs(connection) == [6, 12]
    restore()
    await seal_all(empty_database_url)
    new = connect(empty_database_url)
    assert sorted(sealed_seqs(new)) == captured_seqs(new) == [6, 12]


async def test_a_small_board_keeps_what_it_was_asked_to(
    database_url: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server by itself: it keeps a fold, lets the log before it go, and the past begins there, with its counts."""
    monkeypatch.setattr("tailboard.live.sealer._HOUSEKEEPING_S", 0.05)
    monkeypatch.setattr("tailboard.live.sealer._CHECKPOINT_S", 0.05)
    monkeypatch.setattr("tailboard.live.sealer._RETENTION_S", 0.05)
    connection = connect()
    async with board(database_url, retention_s=0.4) as node:
        enqueue(connection, 3)
        await node.recorder.until(lambda told: len(told.events) == 3)

        async def forgotten() -> bool:
            enqueue(connection)
            return floor(connection) >= 3

        await await_until(forgotten)
        past = Past(node.database, node.log)
        span = await past.span()
        assert span.floor == span.first.position, "the past is whole from the floor on"
        stats, _ = await past.folds(await past.moment(span.first))
        assert stats.counts()["pending"] == span.first.position
    assert verify(database_url).is_clean


async def keep_fold(
    sealing: Sealing, connection: psycopg.Connection[Any], position: int, *, age_s: float
) -> None:
    assert await sealing.keep(Cursor(1, position), b"{}")
    connection.execute(
        "UPDATE tailboard.checkpoints SET at = clock_timestamp() - make_interval(secs => %s)"
        " WHERE projection = 'past' AND position <= %s AND at > clock_timestamp() - make_interval(secs => %s)",
        [age_s, position, age_s],
    )


def floor(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT min(first_position) - 1 FROM tailboard.ticks").fetchone()
    assert row is not None
    return int(row[0])
