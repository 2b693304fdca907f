"""Every node is told every tick once and in order, whatever happens to its connection."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest

from epochs_rig import enqueue
from fixtures.database import Connect
from fixtures.waiting import await_until
from log_rig import Board, board, end_backends, reading, recount
from tailboard.core.cursor import Cursor
from tailboard.core.event import EventKind, Tick
from tailboard.live import tailer


def positions(node: Board) -> list[int]:
    return [event.cursor.position for event in node.recorder.events]


async def test_consumers_are_told_where_it_begins_and_then_of_every_tick(
    database_url: str, connect: Connect
) -> None:
    connection = connect()
    enqueue(connection, 3)
    async with board(database_url) as node:
        assert node.recorder.began == [Cursor(1, 3)]
        enqueue(connection, 5)
        await node.recorder.until(lambda told: len(told.events) == 5)
        assert positions(node) == [4, 5, 6, 7, 8]
        ids = [tick.tick_id for tick in node.recorder.ticks]
        assert ids == list(range(ids[0], ids[0] + len(ids)))
        assert node.tailer.head == Cursor(1, 8)


async def test_a_cut_connection_is_made_anew_and_nothing_is_missed_or_repeated(
    database_url: str, connect: Connect
) -> None:
    connection = connect()
    async with board(database_url) as node:
        for turn in range(1, 4):
            enqueue(connection, 3)
            end_backends(connection, "tailboard tailer")
            enqueue(connection, 3)
            await node.recorder.until(lambda told, turn=turn: len(told.events) == 6 * turn)
            # the next cut must find a connection that is there
            await await_until(lambda: node.tailer.is_ready)
        assert positions(node) == list(range(1, 19))
        assert node.tailer.restarts == 3
        assert node.tailer.failure is None
        assert node.recorder.resets == []
        assert node.projector.stats.tallies() == recount(connection)


async def test_what_a_consumer_fails_at_is_counted_once(
    database_url: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connect()
    async with board(database_url) as node:
        publish = node.recorder.publish

        def fail_once(tick: Tick) -> None:
            monkeypatch.setattr(node.recorder, "publish", publish)
            raise RuntimeError

        monkeypatch.setattr(node.recorder, "publish", fail_once)
        enqueue(connection, 3)
        await node.recorder.until(lambda told: len(told.events) == 3)
        assert node.tailer.restarts == 1
        assert node.projector.stats.tallies() == recount(connection)


async def test_while_it_is_away_it_says_why(database_url: str, connect: Connect) -> None:
    connection = connect()
    name = connection.info.dbname
    async with board(database_url) as node:
        enqueue(connection)
        await node.recorder.until(lambda told: len(told.events) == 1)
        with connect(database_url.replace(f"/{name}", "/postgres")) as admin:
            admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'.encode())
            try:
                end_backends(connection, "tailboard tailer")
                await await_until(lambda: node.tailer.failure is not None and not node.tailer.is_ready)
                await await_until(lambda: node.tailer.restarts >= 2)
                assert "not currently accepting connections" in str(node.tailer.failure)
            finally:
                admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'.encode())
        enqueue(connection)
        await node.recorder.until(lambda told: len(told.events) == 2)
        await await_until(lambda: node.tailer.failure is None and node.tailer.is_ready)


async def test_two_nodes_are_told_the_same_in_the_same_order(database_url: str, connect: Connect) -> None:
    connection = connect()
    async with board(database_url) as one_node, board(database_url) as other:
        enqueue(connection, 4)
        connection.execute("UPDATE tailboard.jobs SET status = 'in_progress'")
        connection.execute("DELETE FROM tailboard.jobs WHERE id = 2")
        for node in (one_node, other):
            await node.recorder.until(lambda told: len(told.events) == 9)
        assert one_node.recorder.events == other.recorder.events
        assert one_node.projector.counts() == other.projector.counts()
        assert one_node.recorder.events[-1].kind is EventKind.JOB_DELETED


@pytest.mark.parametrize(("reads_events", "most"), [(True, 1499), (False, 5499)], ids=["events", "digests"])
async def test_a_statement_on_many_rows_comes_whole_and_leaves_others_their_turns(
    database_url: str, connect: Connect, monkeypatch: pytest.MonkeyPatch, reads_events: bool, most: int
) -> None:
    connection = connect()
    async with board(database_url) as node:
        node.recorder.reads_events = reads_events
        in_one_turn = InOneTurn(node.projector.publish)
        monkeypatch.setattr(node.projector, "publish", in_one_turn.told)
        connection.execute("INSERT INTO tailboard.jobs (kind) SELECT 'k' FROM generate_series(1, 33000)")
        await node.recorder.until(lambda told: told.ticks and told.ticks[-1].cursor.position == 33_000)
        assert sum(tick.n for tick in node.recorder.ticks) == 33_000
        assert max(tick.n for tick in node.recorder.ticks) == 500
        if reads_events:
            assert positions(node) == list(range(1, 33_001))
        assert in_one_turn.most <= most


class InOneTurn:
    """The most changes that a consumer was told of before anything else had its turn."""

    def __init__(self, publish: Callable[[Tick], None]) -> None:
        self.most = self._now = 0
        self._publish = publish

    def told(self, tick: Tick) -> None:
        if not self._now:
            asyncio.get_running_loop().call_soon(self._turn)
        self._now += tick.n
        self.most = max(self.most, self._now)
        self._publish(tick)

    def _turn(self) -> None:
        self._now = 0


async def test_what_is_committed_and_cannot_be_sealed_is_lag(database_url: str, connect: Connect) -> None:
    async with board(database_url) as node:
        with connect().transaction() as held:
            held.connection.execute("LOCK TABLE tailboard.ticks IN EXCLUSIVE MODE")
            enqueue(connect())
            await await_until(lambda: node.tailer.lag_ms > 2000)
            assert not node.tailer.away
        await node.recorder.until(lambda told: told.events)
        await await_until(lambda: node.tailer.lag_ms < 1000)


async def test_a_log_that_cannot_be_looked_at_is_lag(database_url: str, connect: Connect) -> None:
    connection = connect()
    name = connection.info.dbname
    async with board(database_url) as node:
        with connect(database_url.replace(f"/{name}", "/postgres")) as admin:
            admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'.encode())
            try:
                end_backends(connection, "tailboard tailer")
                await await_until(lambda: node.tailer.lag_ms > 2500)
                assert node.tailer.away
            finally:
                admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'.encode())
        await await_until(lambda: node.tailer.lag_ms < 1000)


async def test_lag_is_the_time_from_sealing_to_telling(database_url: str, connect: Connect) -> None:
    async with board(database_url) as node:
        enqueue(connect())
        await node.recorder.until(lambda told: told.events)
        await await_until(lambda: node.tailer.lag_ms > 0)
        assert node.tailer.lag_ms < 5000


@pytest.mark.parametrize("follows", [True, False], ids=["events", "digests"])
async def test_lag_is_by_the_databases_clock_alone(
    database_url: str, connect: Connect, monkeypatch: pytest.MonkeyPatch, follows: bool
) -> None:
    ahead = SimpleNamespace(now=lambda zone: datetime.now(zone) + timedelta(minutes=10))
    monkeypatch.setattr(tailer, "datetime", ahead, raising=False)
    async with board(database_url) as node:
        node.recorder.reads_events = follows
        enqueue(connect())
        await node.recorder.until(lambda told: told.ticks)
        await await_until(lambda: node.tailer.lag_ms > 0)
        assert node.tailer.lag_ms < 5000


async def test_the_head_of_the_log_is_what_was_told(database_url: str, connect: Connect) -> None:
    async with board(database_url) as node, reading(database_url) as log:
        enqueue(connect(), 10)
        await node.recorder.until(lambda told: len(told.events) == 10)
        await await_until(lambda: node.tailer.head == Cursor(1, 10))
        assert await log.head() == Cursor(1, 10)
        assert node.projector.counts()[0] == Cursor(1, 10)
