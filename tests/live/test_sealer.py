"""One sealer leads, whoever dies; all that is committed is sealed once, in ticks of bounded size."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import pairwise
from time import monotonic

import pytest

from fixtures.database import AConnect, Connect
from fixtures.waiting import WAITING_FOR_LOCKS, await_until
from log_rig import (
    PATIENCE,
    AConnection,
    WatchedSealer,
    board,
    by_hand,
    everything,
    one,
    reading,
    seal_all,
    sealing,
)
from tailboard.core.cursor import Cursor
from tailboard.core.projections import Saved
from tailboard.core.stats import Tally
from tailboard.db.log import Log
from tailboard.db.pool import Database
from tailboard.db.sealing import Sealing
from tailboard.errors import LeadershipLost

HANDOVER_S = 4.0
"""On a machine that is busy with other tests; `make bench` tells how long it takes on one that is not."""


@pytest.fixture
async def rivals(database_url: str) -> AsyncIterator[list[WatchedSealer]]:
    async with AsyncExitStack() as running:
        yield [await running.enter_async_context(sealing(database_url)) for _ in range(2)]


async def end_leader(connect: Connect) -> None:
    """Terminate the backend of whoever holds the lock."""
    with connect() as admin:
        ended = admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            " AND objid = 1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        ).fetchall()
    assert ended == [(True,)]


async def test_of_two_sealers_one_leads(rivals: list[WatchedSealer]) -> None:
    assert [rival.leading for rival in rivals] == [True, False]
    assert all(rival.is_ready for rival in rivals), "standing by is being ready, too"


async def test_another_takes_over_when_the_leaders_connection_is_cut(
    rivals: list[WatchedSealer], database_url: str, aconnect: AConnect, connect: Connect
) -> None:
    writer = await aconnect()
    for turn in range(1, 4):
        await writer.execute("INSERT INTO tailboard.jobs (kind) SELECT 'k' FROM generate_series(1, 7)")
        await end_leader(connect)
        cut = monotonic()
        await writer.execute("INSERT INTO tailboard.jobs (kind) SELECT 'k' FROM generate_series(1, 7)")
        async with reading(database_url) as log:
            await await_until(lambda log=log, turn=turn: _sealed(log, turn * 14), timeout=10)
            assert monotonic() - cut < HANDOVER_S
            events = await everything(log, Cursor(1, 0))
        assert sorted(each.change.seq for each in events) == list(range(1, turn * 14 + 1))
    assert sum(rival.restarts for rival in rivals) == 3


async def _sealed(log: Log, position: int) -> bool:
    return (await log.head()).position >= position


async def test_a_leader_that_stops_hands_over(
    rivals: list[WatchedSealer], database_url: str, aconnect: AConnect
) -> None:
    writer = await aconnect()
    await rivals[0].stop()
    stopped = monotonic()
    await await_until(lambda: rivals[1].leading)
    assert monotonic() - stopped < HANDOVER_S
    await writer.execute("INSERT INTO tailboard.jobs (kind) VALUES ('k')")
    async with reading(database_url) as log:
        await await_until(lambda: _sealed(log, 1))


async def test_a_rival_that_goes_past_the_lock_is_refused_by_the_primary_key(
    database_url: str, aconnect: AConnect
) -> None:
    """A leader that was suspended and wakes up after another has taken over."""
    await seal_all(database_url)
    writer, database = await aconnect(), Database(database_url)
    sealers = [await database.direct("sealer") for _ in range(2)]
    try:
        hands = [Sealing(connection) for connection in sealers]
        for each in hands:
            await each.open_log()
        await writer.execute("INSERT INTO tailboard.jobs (kind) VALUES ('k')")
        # The first has sealed and not committed; the second, who does not see that, waits at the key.
        await sealers[0].execute("BEGIN")
        await hands[0].seal()
        second = asyncio.create_task(hands[1].seal())
        await await_until(lambda: _is_waiting(writer))
        await sealers[0].execute("COMMIT")
        with pytest.raises(LeadershipLost):
            await second
        assert (await hands[1].seal()).sealed == 0, "nothing is left to seal, nothing sealed twice"
        assert await one(writer, "SELECT count(*) FROM tailboard.events") == 1
    finally:
        for connection in sealers:
            await connection.close()


async def _is_waiting(connection: AConnection) -> bool:
    return bool(await one(connection, WAITING_FOR_LOCKS))


async def test_an_open_transaction_delays_its_own_changes_alone(
    database_url: str, aconnect: AConnect
) -> None:
    slow, writer = await aconnect(), await aconnect()
    async with sealing(database_url), reading(database_url) as log:
        await slow.execute("BEGIN")
        await slow.execute("INSERT INTO tailboard.jobs (kind) VALUES ('slow')")
        for n in range(1, 21):
            await writer.execute("INSERT INTO tailboard.jobs (kind) VALUES ('quick')")
            await await_until(lambda n=n: _sealed(log, n))
        await slow.execute("COMMIT")
        await await_until(lambda: _sealed(log, 21))
        events = await everything(log, Cursor(1, 0))
    assert [each.change.facets.kind for each in events] == ["quick"] * 20 + ["slow"]
    assert events[-1].change.seq == 1


async def test_what_is_written_between_a_seals_snapshot_and_its_tick_is_in_the_next(
    database_url: str, aconnect: AConnect
) -> None:
    """Its transaction is the first that the snapshot does not know, not one beyond that."""
    await seal_all(database_url)
    writer = await aconnect()
    async with by_hand(database_url) as hands:
        await writer.execute("INSERT INTO tailboard.jobs (kind) VALUES ('before')")
        async with hands._connection.transaction():
            await hands._connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            await hands._connection.execute("SELECT pg_current_snapshot()")
            await writer.execute("INSERT INTO tailboard.jobs (kind) VALUES ('between')")
            assert (await hands.seal()).sealed == 1
        assert (await hands.seal()).sealed == 1


async def test_what_is_rolled_back_never_appears(database_url: str, aconnect: AConnect) -> None:
    writer = await aconnect()
    async with sealing(database_url), reading(database_url) as log:
        async with writer.transaction(force_rollback=True):
            await writer.execute("INSERT INTO tailboard.jobs (kind) VALUES ('rolled back')")
        async with writer.transaction():
            await writer.execute("INSERT INTO tailboard.jobs (kind) VALUES ('kept')")
            async with writer.transaction(force_rollback=True):
                await writer.execute("INSERT INTO tailboard.jobs (kind) VALUES ('rolled back')")
        await await_until(lambda: _sealed(log, 1))
        await writer.execute("INSERT INTO tailboard.jobs (kind) VALUES ('last')")
        await await_until(lambda: _sealed(log, 2))
        events = await everything(log, Cursor(1, 0))
    assert [each.change.facets.kind for each in events] == ["kept", "last"]


async def test_a_hundred_thousand_changes_of_one_statement_are_sealed_in_small_ticks(
    database_url: str, aconnect: AConnect
) -> None:
    writer = await aconnect()
    await writer.execute("INSERT INTO tailboard.jobs (kind) SELECT 'k' FROM generate_series(1, 100000)")
    await seal_all(database_url)
    rows = await (
        await writer.execute(
            "SELECT tick_id, first_position, n FROM tailboard.ticks WHERE n > 0 ORDER BY tick_id"
        )
    ).fetchall()
    assert max(n for _, _, n in rows) == 500
    assert len(rows) == 200
    for before, after in pairwise(rows):
        assert after[0] == before[0] + 1
        assert after[1] == before[1] + before[2]
    assert await one(writer, "SELECT tailboard.cursor()") == "1.100000"
    # the last position is reached by a page that ends with it, in the order of seq
    async with reading(database_url) as log:
        page = await log.read(Cursor(1, 99_600), 1000)
    assert [each.cursor.position for each in page.events] == list(range(99_601, 100_001))
    assert [each.change.seq for each in page.events] == list(range(99_601, 100_001))


async def test_leaves_are_made_ahead_of_the_writers(database_url: str, aconnect: AConnect) -> None:
    writer = await aconnect()
    await writer.execute("UPDATE tailboard.settings SET value = '100' WHERE key = 'leaf_rows'")
    await writer.execute(
        "SELECT setval('tailboard.changes_seq', (SELECT max(to_seq) - 1 FROM tailboard.leaves))"
    )
    ahead = (
        "SELECT count(*) FROM tailboard.leaves"
        " WHERE from_seq > (SELECT pg_sequence_last_value('tailboard.changes_seq'))"
    )
    slow = await aconnect()
    async with sealing(database_url):
        for _ in range(2):
            await await_until(lambda: _is_two(writer, ahead))
            await slow.execute("BEGIN")  # which nobody has to wait for
            await slow.execute("INSERT INTO tailboard.jobs (kind) VALUES ('slow')")
            await writer.execute("INSERT INTO tailboard.jobs (kind) SELECT 'k' FROM generate_series(1, 120)")
            await await_until(lambda: _is_two(writer, ahead))
            await slow.execute("COMMIT")
    assert await one(writer, "SELECT count(*) FROM tailboard.changes") == 242
    assert await one(writer, "SELECT count(*) FROM tailboard.changes_overflow") == 0


async def _is_two(connection: AConnection, statement: str) -> bool:
    return bool(await one(connection, statement) == 2)


async def test_writers_go_on_in_the_overflow_when_nobody_made_leaves(
    database_url: str, aconnect: AConnect
) -> None:
    writer = await aconnect()
    await writer.execute("UPDATE tailboard.settings SET value = '100' WHERE key = 'leaf_rows'")
    await writer.execute(
        "SELECT setval('tailboard.changes_seq', (SELECT max(to_seq) - 6 FROM tailboard.leaves))"
    )
    await writer.execute("INSERT INTO tailboard.jobs (kind) SELECT 'k' FROM generate_series(1, 20)")
    assert await one(writer, "SELECT count(*) FROM tailboard.changes_overflow") == 15
    await writer.execute("SELECT tailboard.make_leaves()")
    await writer.execute("INSERT INTO tailboard.jobs (kind) SELECT 'k' FROM generate_series(1, 20)")
    await writer.execute("UPDATE tailboard.jobs SET progress = 0.5")
    await writer.execute("DELETE FROM tailboard.jobs")
    await seal_all(database_url)
    async with reading(database_url) as log:
        assert len(await everything(log, Cursor(1, 0))) == 120


async def test_the_folds_are_saved_at_the_end_of_a_tick_and_nowhere_else(
    database_url: str, aconnect: AConnect
) -> None:
    writer = await aconnect()
    await seal_all(database_url)
    await writer.execute("INSERT INTO tailboard.jobs (kind) SELECT 'k' FROM generate_series(1, 700)")
    await seal_all(database_url)
    async with by_hand(database_url) as leader:
        saved = Saved([Tally("jobs", "default", "pending", 700)])
        for place, taken in {
            Cursor(1, 500): True,
            Cursor(1, 700): True,
            Cursor(1, 499): False,  # inside a tick
            Cursor(2, 700): False,  # of an epoch that this log has not
            Cursor(1, 701): False,  # folded on a primary that is lost
        }.items():
            assert await leader.save(place, saved) is taken, place
    positions = await (
        await writer.execute(
            "SELECT position FROM tailboard.checkpoints WHERE projection = 'board' ORDER BY 1"
        )
    ).fetchall()
    assert [place for (place,) in positions if place] == [500, 700]


async def test_a_checkpoint_is_saved_while_it_runs_and_old_ones_are_forgotten(
    database_url: str, aconnect: AConnect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tailboard.live.sealer._HOUSEKEEPING_S", 0.02)
    monkeypatch.setattr("tailboard.live.sealer._CHECKPOINT_S", 0.0)
    writer = await aconnect()
    newest = "SELECT max(position) FROM tailboard.checkpoints WHERE projection = 'board'"
    async with board(database_url) as node:
        for n in range(1, 6):
            await writer.execute("INSERT INTO tailboard.jobs (kind) VALUES ('k')")
            await node.recorder.until(lambda told, n=n: len(told.events) == n)
            await await_until(lambda n=n: _equals(writer, newest, n))
    assert await one(writer, "SELECT count(*) FROM tailboard.checkpoints WHERE projection = 'board'") <= 3


async def test_a_fold_is_kept_for_the_past_every_so_many_changes(
    database_url: str, aconnect: AConnect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tailboard.live.sealer._HOUSEKEEPING_S", 0.02)
    monkeypatch.setattr("tailboard.live.projector.NOTE_EVERY", 100)
    writer = await aconnect()
    kept = "SELECT array_agg(position ORDER BY position) FROM tailboard.checkpoints WHERE projection = 'past'"
    async with board(database_url) as node:
        for n in range(1, 5):
            await writer.execute("INSERT INTO tailboard.jobs (kind) SELECT 'k' FROM generate_series(1, 60)")
            await node.recorder.until(lambda told, n=n: len(told.events) == 60 * n)
            await await_until(lambda n=n: _equals(writer, kept, [0, 120, 240][: n // 2 + 1]))


async def test_a_fold_of_very_many_queues_is_kept_more_rarely(
    database_url: str, aconnect: AConnect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2,000 numbers cost what 500 changes cost."""
    monkeypatch.setattr("tailboard.live.projector.NOTE_EVERY", 100)
    writer = await aconnect()
    await writer.execute(
        "INSERT INTO tailboard.jobs (kind, queue) SELECT 'k', 'q' || n FROM generate_series(1, 2000) AS n"
    )
    async with board(database_url) as node:
        await await_until(lambda: node.projector.cursor.position == 2000)
        node.projector.take_notes()
        for n in range(1, 7):
            await writer.execute("UPDATE tailboard.jobs SET progress = random() WHERE id <= 90")
            await node.recorder.until(
                lambda told, n=n: told.ticks and told.ticks[-1].cursor.position == 2000 + 90 * n
            )
        assert [note.cursor.position for note in node.projector.take_notes()] == [2540]


async def _equals(connection: AConnection, statement: str, value: object) -> bool:
    return bool(await one(connection, statement) == value)


async def test_nothing_is_rung_while_the_queue_of_notifications_is_in_danger(
    database_url: str, aconnect: AConnect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NOTIFY fails at commit when the queue is full: ticks are sealed without it, and writers are told not to."""
    listening, writer = await aconnect(), await aconnect()
    await listening.execute("LISTEN tailboard_tick")
    async with by_hand(database_url) as leader:
        for limit, ringing in ((-1.0, False), (0.5, True)):
            monkeypatch.setattr("tailboard.db.sealing._QUEUE_IN_DANGER", limit)
            assert await leader.notify_enabled() is ringing
            await writer.execute("SELECT tailboard.enqueue('k')")
            assert (await leader.seal()).sealed == 1
            rung = [notice async for notice in listening.notifies(timeout=0.5, stop_after=1)]
            assert bool(rung) is ringing


async def test_who_waits_for_an_errand_is_told_whatever_ends_the_leadership_in_it(database_url: str) -> None:
    async def work(_: Sealing) -> None:
        raise ValueError("a bug")

    async with sealing(database_url) as leader:
        await await_until(lambda: leader.leading)
        with pytest.raises(LeadershipLost):
            async with asyncio.timeout(PATIENCE):
                await leader.errand(work)
        await await_until(lambda: leader.leading)


async def test_counts_are_saved_while_a_dump_keeps_partitions_from_being_made(
    database_url: str, aconnect: AConnect
) -> None:
    worker, dump = await aconnect(), await aconnect()
    await worker.execute("SELECT setval('tailboard.changes_seq', (SELECT max(to_seq) FROM tailboard.leaves))")
    leaves = "SELECT count(*) FROM tailboard.leaves"
    made = await one(worker, leaves)
    saved = "SELECT max(position) FROM tailboard.checkpoints WHERE projection = 'board'"
    async with dump.transaction():
        await dump.execute("LOCK TABLE tailboard.changes, tailboard.changes_overflow IN ACCESS SHARE MODE")
        async with board(database_url):
            await worker.execute("INSERT INTO tailboard.jobs (kind) VALUES ('k')")
            await await_until(lambda: _equals(worker, saved, 1))
            assert await one(worker, leaves) == made, "none could be made"


async def test_housekeeping_that_waits_for_a_lock_is_logged_when_it_begins_to_and_when_it_goes_on(
    database_url: str, aconnect: AConnect, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tailboard.live.sealer._HOUSEKEEPING_S", 0.02)
    monkeypatch.setattr("tailboard.live.sealer._RETENTION_S", 0.02)
    caplog.set_level(logging.INFO, "tailboard.sealer")
    tries = 0
    make_leaves = Sealing.make_leaves

    async def counting(self: Sealing) -> int:
        nonlocal tries
        tries += 1
        return await make_leaves(self)

    monkeypatch.setattr(Sealing, "make_leaves", counting)

    def logged() -> list[str]:
        return [text for text in caplog.messages if "housekeeping" in text]

    worker, dump = await aconnect(), await aconnect()
    await worker.execute("SELECT setval('tailboard.changes_seq', (SELECT max(to_seq) FROM tailboard.leaves))")
    await dump.execute("BEGIN; LOCK TABLE tailboard.changes, tailboard.changes_overflow IN ACCESS SHARE MODE")
    async with board(database_url):
        await await_until(lambda: tries > 3)
        assert logged() == ["housekeeping waits for a lock that others hold"]
        await dump.execute("ROLLBACK")
        await await_until(lambda: len(logged()) > 1)
        before = tries
        await await_until(lambda: tries > before + 2)
    assert logged()[1:] == ["housekeeping goes on"]


async def test_who_gives_up_an_errand_in_the_middle_does_not_stop_the_sealing(
    database_url: str, aconnect: AConnect
) -> None:
    writer = await aconnect()
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def work(_: Sealing) -> None:
        begun.set()
        await go_on.wait()

    async with board(database_url) as node:
        leader = node.sealer
        errand = asyncio.create_task(leader.errand(work))
        async with asyncio.timeout(PATIENCE):
            await begun.wait()
        errand.cancel()
        with pytest.raises(asyncio.CancelledError):
            await errand
        go_on.set()
        before = leader.changes_sealed
        await writer.execute("SELECT tailboard.enqueue('k')")
        await await_until(lambda: leader.changes_sealed == before + 1)
        assert leader.restarts == 0


async def test_a_queue_of_notifications_that_fills_up_is_a_warning_and_one_with_room_again_is_none(
    database_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tailboard.live.sealer._HOUSEKEEPING_S", 0.02)
    caplog.set_level(logging.INFO, "tailboard.sealer")

    def told() -> list[tuple[str, str]]:
        return [
            (record.levelname, record.message)
            for record in caplog.records
            if "notifications" in record.message
        ]

    async with board(database_url):
        monkeypatch.setattr("tailboard.db.sealing._QUEUE_IN_DANGER", -1.0)
        await await_until(told)
        monkeypatch.setattr("tailboard.db.sealing._QUEUE_IN_DANGER", 0.25)
        await await_until(lambda: len(told()) > 1)
    (filling, says), (room, _) = told()
    assert (filling, room) == ("WARNING", "INFO")
    assert "`tailboard doctor` names those" in says
