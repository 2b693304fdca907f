"""A node to which nobody listens reads digests: what it counts is the same, and whoever comes is told everything."""

import random
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from fixtures.database import AConnect, Connect
from fixtures.waiting import await_until
from log_rig import Board, board, reading
from orders_table import attach_orders, make_orders
from tailboard.core.cursor import Cursor
from tailboard.core.event import EventKind
from tailboard.core.job import STATUSES
from tailboard.db import digest as digesting
from tailboard.live.projector import Projector


def churn(connection: psycopg.Connection[Any], rng: random.Random, n: int) -> None:
    """Both sources: jobs come, end, progress, wait for their time, move between queues and go; some rows are odd."""
    for _ in range(n):
        queue, status = rng.choice("abc"), rng.choice(STATUSES).value
        state, region = rng.choice(["new", "busy", "ok", "err"]), rng.choice(["eu", "us"])
        of_some_job = "id = (SELECT id FROM tailboard.jobs ORDER BY random() LIMIT 1)"
        of_some_order = "ctid = (SELECT ctid FROM shop.orders ORDER BY random() LIMIT 1)"
        match rng.randrange(8):
            case 0:
                connection.execute(
                    "INSERT INTO tailboard.jobs (kind, queue, status, payload)"
                    " VALUES ('k', %s, %s, to_jsonb(repeat('x', %s)))",
                    [queue, status, rng.choice([1, 5000])],
                )
            case 1:
                connection.execute(
                    f"UPDATE tailboard.jobs SET queue = %s, status = %s WHERE {of_some_job}".encode(),
                    [queue, status],
                )
            case 2 | 3:
                connection.execute(
                    f"UPDATE tailboard.jobs SET progress = random() WHERE {of_some_job}".encode()
                )
            case 4:
                connection.execute(
                    f"UPDATE tailboard.jobs SET status = 'completed', started_at = %s WHERE {of_some_job}".encode(),
                    [rng.choice(["-infinity", "2001-01-01", None])],
                )
            case 5:
                connection.execute(
                    "INSERT INTO shop.orders (region, state, not_before)"
                    " VALUES (%s, %s, clock_timestamp() + make_interval(secs => %s))",
                    [region, state, rng.choice([None, 0.5, 3600])],
                )
            case 6:
                connection.execute(
                    f"UPDATE shop.orders SET region = %s, state = %s WHERE {of_some_order}".encode(),
                    [region, state],
                )
                connection.execute(
                    "UPDATE shop.orders SET not_before = not_before + interval '1 day'"
                    f" WHERE {of_some_order}".encode(),
                )
            case _:
                table, one = rng.choice([("tailboard.jobs", of_some_job), ("shop.orders", of_some_order)])
                connection.execute(f"DELETE FROM {table} WHERE {one}".encode())


def told(node: Board) -> int:
    return sum(tick.n for tick in node.recorder.ticks)


async def test_digests_and_events_add_up_to_the_same(database_url: str, connect: Connect) -> None:
    connection, rng = connect(), random.Random(11)
    make_orders(connection)
    attach_orders(database_url)
    async with board(database_url) as node:
        await await_until(lambda: node.caretaker.counted == 1)
        node.recorder.reads_events = False
        connection.execute(
            "SELECT tailboard.enqueue('k')"
        )  # the look that is under way may still be for events
        await node.recorder.until(lambda told: any(event.change.source == "jobs" for event in told.events))
        before, seen = node.projector.cursor, told(node)
        with connection.transaction():  # several thousand changes in one tick or more
            connection.execute("INSERT INTO tailboard.jobs (kind) SELECT 'k' FROM generate_series(1, 1200)")
        churn(connection, rng, 400)
        connection.execute("TRUNCATE tailboard.jobs")
        churn(connection, rng, 100)
        row = connection.execute("SELECT count(*) FROM tailboard.changes").fetchone()
        assert row is not None
        await await_until(lambda: node.projector.cursor.position == row[0])
        digests = [tick for tick in node.recorder.ticks if tick.cursor > before]
        assert all(tick.quiet is not None for tick in digests)
        assert told(node) - seen == node.projector.cursor.position - before.position
        async with reading(database_url) as log:
            events = (await log.read(before, 10_000)).events
            other = Projector(log)
            await other.restore()
        quiet = sum(sum((tick.quiet or {}).values()) for tick in digests)
        moved = [event.kind for tick in digests for event in tick.events]
        assert 0 < quiet < len(events)
        assert len(moved) + quiet == len(events)
        for kind in EventKind:
            own = moved.count(kind) + (quiet if kind is EventKind.JOB_UPDATED else 0)
            assert own == sum(event.kind is kind for event in events), kind
            assert node.counts.by_kind[kind] >= own
        now = datetime.now(UTC).timestamp()
        for projector in (node.projector, other):
            projector.stats.advance(datetime.fromtimestamp(now, UTC))
        assert node.projector.stats.tallies() == other.stats.tallies()
        assert node.projector.stats.ahead() == other.stats.ahead()
        assert node.projector.rates.minutes() == other.rates.minutes()
        assert any(minute.durations for minute in other.rates.minutes())


async def test_whoever_comes_while_a_digest_is_read_is_told_every_event(
    database_url: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connect()
    came = False

    async def interrupted(*arguments: Any, **limits: Any) -> Any:
        nonlocal came
        ticks = await digesting.digest(*arguments, **limits)
        came = node.recorder.reads_events = came or bool(ticks)
        return ticks

    monkeypatch.setattr("tailboard.live.tailer.digest", interrupted)
    async with board(database_url) as node:
        node.recorder.reads_events = False
        connection.execute("SELECT tailboard.enqueue('kind')")
        connection.execute("UPDATE tailboard.jobs SET progress = 0.5")
        await node.recorder.until(lambda told: len(told.events) == 2)
        assert came
        assert [event.change.facets.kind for event in node.recorder.events] == ["kind", "kind"]
        assert [event.cursor for event in node.recorder.events] == [Cursor(1, 1), Cursor(1, 2)]


async def test_while_nobody_is_connected_several_ticks_are_read_at_a_time(
    database_url: str, aconnect: AConnect, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = await aconnect()
    ticks_read: list[int] = []

    async def counted(*arguments: Any, **limits: Any) -> Any:
        ticks = await digesting.digest(*arguments, **limits)
        ticks_read.append(len(ticks))
        return ticks

    monkeypatch.setattr("tailboard.live.tailer.digest", counted)
    async with board(database_url) as node:
        node.recorder.reads_events = False
        await connection.execute("SELECT tailboard.enqueue('kind')")
        changes = 1
        while sum(ticks_read) < 30:
            await connection.execute("UPDATE tailboard.jobs SET progress = random()")
            changes += 1
        await await_until(lambda: told(node) == changes)
    reads = [n for n in ticks_read if n]
    assert max(reads) >= 3
    assert len(reads) < sum(reads) / 2
