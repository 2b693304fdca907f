"""Connections that fall silent, and owners that do: neither may hold up the feed."""

import asyncio
import contextlib
import resource
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from faults.proxy import Proxy
from fixtures.database import AConnect, Connect
from fixtures.waiting import await_until
from log_rig import PATIENCE, AConnection, Board, one, reading, seal_all, sealing
from orders_table import attach_orders, make_orders
from tailboard.app import Node
from tailboard.db import doubt, pool
from tailboard.db.listener import Listener
from tailboard.db.log import Log
from tailboard.db.pool import Database
from tailboard.db.sealing import Sealing
from tailboard.errors import DatabaseUnavailable
from tailboard.live import sealer
from tailboard.settings import Settings
from tailboard.web import system
from web_node import client_of

REPLACED_WITHIN_S = 4
"""Of the 60 s that the session of `silent_leader` may be silent; `make bench` tells how long it takes."""
GIVEN_UP_WITHIN_S = 10
"""Of the 20 s that it would take without; a new connection may lose the 5 s of a handshake before that."""


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[Proxy]:
    """Between a node and the test's database."""
    known = psycopg.conninfo.conninfo_to_dict(database_url)
    host, port = str(known["host"]), int(known.get("port") or 5432)
    between = Proxy(str(Path(host) / f".s.PGSQL.{port}") if host.startswith("/") else port)
    await between.start()
    yield between
    await between.stop()


@pytest.fixture
def soon_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that does not come at once is looked into."""
    monkeypatch.setattr(doubt, "_DOUBT_S", 0.3)
    monkeypatch.setattr(doubt, "_STILL_S", 0.1)
    monkeypatch.setattr(doubt, "_ASK_AGAIN_S", 0.3)


def through(proxy: Proxy, url: str) -> str:
    return psycopg.conninfo.make_conninfo(url, host="127.0.0.1", port=proxy.port)


@asynccontextmanager
async def silent_leader(database_url: str, silence_s: float = 60) -> AsyncIterator[Listener]:
    """One that leads, and does nothing about it; the server ends its session after `silence_s`."""
    async with Listener(Database(database_url), "tailboard_bell", "frozen", silence_s=silence_s) as frozen:
        await await_until(Sealing(frozen.connection).lead)  # who led before may be about to leave
        yield frozen


async def test_a_leader_that_asks_nothing_loses_its_place_to_another(database_url: str) -> None:
    async with silent_leader(database_url, silence_s=0.5) as frozen:
        async with sealing(database_url) as other:
            async with asyncio.timeout(PATIENCE):
                while not other.leading:
                    await other.until_pause(lambda _: other.leading)
        with pytest.raises(DatabaseUnavailable):
            await Sealing(frozen.connection).seal()


@pytest.mark.parametrize("where", ["between two statements", "in a transaction"])
async def test_a_leader_that_is_silent_while_changes_wait_is_replaced_long_before_its_session_ends(
    database_url: str, connect: Connect, where: str
) -> None:
    await seal_all(database_url)
    writer = connect()
    async with silent_leader(database_url) as frozen:
        if where == "in a transaction":
            await frozen.connection.execute("BEGIN")
        async with sealing(database_url) as other, reading(database_url) as log:
            writer.execute("SELECT tailboard.enqueue('waits')")
            began = time.monotonic()
            await await_until(lambda: _sealed(log), timeout=PATIENCE)
            assert time.monotonic() - began < REPLACED_WITHIN_S
            assert other.leading
        with pytest.raises(DatabaseUnavailable):
            await Sealing(frozen.connection).seal()


async def _sealed(log: Log) -> bool:
    return (await log.head()).position == 1


async def test_a_leader_that_sleeps_or_takes_long_keeps_its_place(
    database_url: str, connect: Connect, aconnect: AConnect
) -> None:
    """Three times what a follower bears of one that is silent while changes wait."""
    await seal_all(database_url)
    eye = await aconnect()
    async with silent_leader(database_url) as busy, sealing(database_url) as other:
        await followed(eye, times=15)
        assert not other.leading, "nothing waits"
        connect().execute("SELECT tailboard.enqueue('waits')")
        await busy.connection.execute("SELECT pg_sleep(3)")
        assert not other.leading, "the server is at it"
        assert (await Sealing(busy.connection).seal()).sealed == 1


async def followed(eye: AConnection, times: int) -> None:
    """Return once a follower has looked after its leader so often."""
    looks = 0
    last = None
    async with asyncio.timeout(PATIENCE):
        while looks < times:
            asked = await one(
                eye,
                "SELECT max(query_start) FROM pg_stat_activity WHERE query LIKE '-- Whether the log stands still%'"
                " AND datname = current_database()",
            )
            looks += asked != last
            last = asked


@pytest.mark.usefixtures("soon_in_doubt")
async def test_a_node_whose_connections_fell_silent_makes_new_ones(
    database_url: str, connect: Connect, proxy: Proxy
) -> None:
    connection = connect()
    node = Board(through(proxy, database_url))
    try:
        await node.start()
        connection.execute("SELECT tailboard.enqueue('before')")
        await node.recorder.until(lambda told: len(told.events) == 1)
        assert proxy.half_open() >= 3
        connection.execute("SELECT tailboard.enqueue('after')")
        await node.recorder.until(lambda told: len(told.events) == 2)
    finally:
        await node.stop()


@pytest.mark.usefixtures("soon_in_doubt")
async def test_a_caretaker_whose_connection_fell_silent_makes_a_new_one(
    database_url: str, connect: Connect, proxy: Proxy
) -> None:
    orders = connect()
    make_orders(orders)
    attach_orders(database_url)
    node = Board(through(proxy, database_url))
    try:
        await node.start()
        await await_until(lambda: node.caretaker.counted == 1, timeout=PATIENCE)
        proxy.half_open()
        orders.execute("TRUNCATE shop.orders CASCADE")
        await await_until(lambda: node.caretaker.counted == 2, timeout=2 * PATIENCE)
    finally:
        await node.stop()


@pytest.mark.usefixtures("soon_in_doubt")
async def test_a_leader_that_thinks_between_two_questions_is_not_taken_for_cut_off(database_url: str) -> None:
    """Three times as long as an answer may take, in a transaction, then a question that takes as long."""

    async def work(sealing: Sealing) -> None:
        async with sealing._connection.transaction():
            await sealing._connection.execute("SELECT 1")
            await asyncio.sleep(1)
            await sealing._connection.execute("SELECT pg_sleep(1)")
            await asyncio.sleep(1)
            await sealing._connection.execute("SELECT 1")

    async with sealing(database_url) as leader:
        await await_until(lambda: leader.leading)
        await leader.errand(work)
        assert (leader.leading, leader.restarts) == (True, 0)


async def test_an_errand_is_done_and_told_although_the_pool_fell_silent(
    database_url: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The leader's own connection goes past the proxy, as past a pooler."""
    monkeypatch.setattr(sealer, "_RING_WITHIN_S", 0.3)
    done = []

    async def work(_: Sealing) -> None:
        done.append("once")

    node = Board(through(proxy, database_url), listen_url=database_url)
    try:
        await node.start()
        assert proxy.half_open() >= 1
        async with asyncio.timeout(PATIENCE):
            await node.sealer.errand(work)
        assert done == ["once"]
    finally:
        await node.stop()


async def test_a_statement_that_the_server_is_at_may_take_as_long_as_it_takes(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doubt, "_DOUBT_S", 0.2)
    monkeypatch.setattr(doubt, "_ASK_AGAIN_S", 0.1)
    async with Listener(Database(database_url), "tailboard_tick", "patient", silence_s=60) as patient:
        with patient.asking():
            await patient.connection.execute("SELECT pg_sleep(1)")
        assert await patient.wait(0.01) is False


async def test_a_transaction_whose_owner_was_cut_off_does_not_hold_its_locks_for_ever(
    database_url: str, connect: Connect, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_SESSION", pool._SESSION.replace(b"'30s'", b"'300ms'"))
    await seal_all(database_url)
    owner = connect()
    owner.execute("SET lock_timeout = '10s'")
    database = Database(through(proxy, database_url))
    await database.open()
    with contextlib.suppress(DatabaseUnavailable):
        async with database.snapshot() as connection:
            await connection.execute("SELECT FROM tailboard.changes")
            proxy.half_open()
            try:
                await asyncio.to_thread(owner.execute, "BEGIN; LOCK TABLE tailboard.changes; COMMIT")
            finally:
                pool.hang_up(connection)
    await database.close()


async def test_when_one_pooled_connection_never_answers_all_are_given_up(
    database_url: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_ANSWER_WITHIN_S", 0.3)
    database = Database(through(proxy, database_url))
    await database.open()
    try:
        for pooled in (lambda: database.connection(within_s=0.3), database.snapshot):
            async with database.connection() as one, database.connection() as other:
                await one.execute("SELECT 1")
                await other.execute("SELECT 1")
            assert proxy.half_open() >= 2
            began = time.monotonic()
            with pytest.raises(DatabaseUnavailable):
                async with pooled() as connection:
                    await connection.execute("SELECT 1")
            async with database.connection() as one, database.connection() as other:
                await one.execute("SELECT 1")
                await other.execute("SELECT 1")
            assert time.monotonic() - began < GIVEN_UP_WITHIN_S
    finally:
        await database.close()


async def test_a_node_whose_database_fell_silent_tells_its_metrics_all_the_same(
    database_url: str, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "_PROBE_S", 0.2)
    node = Node(Settings(home=tmp_path), through(proxy, database_url))
    try:
        await node.start()
        async with client_of(node) as client:
            assert (await client.get("/metrics")).status_code == 200
            assert proxy.half_open() >= 1
            async with asyncio.timeout(3):
                told = await client.get("/metrics")
        assert "tailboard_tailer_ready" in told.text
    finally:
        await node.stop()


async def test_a_server_that_falls_silent_after_the_handshake_is_given_up(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_BEGIN_WITHIN_S", 0.3)
    monkeypatch.setattr(pool, "_DIRECT_SESSION", "SELECT pg_sleep(60)")
    began = time.monotonic()
    with pytest.raises(DatabaseUnavailable):
        await Database(database_url).direct("a server that does not answer")
    assert time.monotonic() - began < GIVEN_UP_WITHIN_S


async def test_who_waits_for_a_server_that_was_away_is_answered_as_soon_as_it_is_back(
    database_url: str, proxy: Proxy
) -> None:
    async with opened(through(proxy, database_url)) as database:
        proxy.refusing = True
        proxy.cut()
        waits = asyncio.create_task(ask(database))
        await await_until(lambda: proxy.refused >= 5, timeout=PATIENCE)
        proxy.refusing = False
        async with asyncio.timeout(3):
            assert await waits == 1


async def test_who_asks_is_given_no_connection_that_the_server_has_ended(
    database_url: str, connect: Connect
) -> None:
    async with opened(database_url) as database:
        async with database.connection() as one_of_them, database.connection() as another:
            pids = [one_of_them.info.backend_pid, another.info.backend_pid]
        for pid in pids:
            connect().execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        async with asyncio.timeout(PATIENCE), database.connection() as connection:
            assert await one(connection, "SELECT 1") == 1
            assert connection.info.backend_pid not in pids


async def test_connections_are_made_and_given_beside_a_thousand_open_sockets(database_url: str) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 2048:
        resource.setrlimit(resource.RLIMIT_NOFILE, (2048, hard))
    with contextlib.ExitStack() as many:
        for _ in range(1030):
            many.enter_context(socket.socket())
        async with asyncio.timeout(PATIENCE), opened(database_url) as database:
            for _ in range(2):
                async with database.connection() as connection:
                    assert connection.fileno() > 1023
                    assert await one(connection, "SELECT 1") == 1


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def ask(database: Database) -> int:
    """A question, put again where it was refused."""
    while True:
        with contextlib.suppress(DatabaseUnavailable):
            async with database.connection() as connection:
                return int(await one(connection, "SELECT 1"))
