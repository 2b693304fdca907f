"""However many partitions the log has, what is asked again and again looks into those that can hold an answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, Final

import psycopg
import pytest

from fixtures.database import AConnect, Connect
from fixtures.waiting import await_until
from log_rig import PATIENCE, AConnection, board, by_hand
from tailboard.db.listener import Listener
from tailboard.db.log import follow
from tailboard.db.pool import Database
from tailboard.db.queries import query
from tailboard.live import tailer

LEAVES: Final = 20
ROWS: Final = 100


@pytest.fixture
async def long_log(aconnect: AConnect, database_url: str) -> AsyncIterator[AConnection]:
    """Twenty full partitions, all sealed, and the bound of what is solid at their end."""
    writer = await aconnect()
    await writer.execute("UPDATE tailboard.settings SET value = %s WHERE key = 'leaf_rows'", [str(ROWS)])
    await writer.execute("SELECT setval('tailboard.changes_seq', max(to_seq) - 1) FROM tailboard.leaves")
    await writer.execute("SELECT tailboard.make_leaves()")
    await writer.execute("SELECT setval('tailboard.changes_seq', max(from_seq) - 1) FROM tailboard.leaves")
    await writer.execute("SELECT tailboard.make_leaves()")
    async with by_hand(database_url) as sealing:
        for _ in range(LEAVES):
            await writer.execute(
                "INSERT INTO tailboard.jobs (kind) SELECT 'k' FROM generate_series(1, %s)", [ROWS]
            )
            await sealing.seal()
            await sealing.make_leaves()

        async def solid() -> bool:
            """Transactions of other databases hold the bound back too."""
            await sealing.advance_low()
            await sealing.seal()
            await writer.execute("INSERT INTO tailboard.jobs (kind) VALUES ('last')")
            await sealing.seal()
            return (await newest(writer))[1] > 2_000_000 + LEAVES * ROWS

        await await_until(solid)
        yield writer


async def newest(writer: AConnection) -> tuple[int, int]:
    """The newest tick and its bound."""
    row = await (
        await writer.execute("SELECT tick_id, solid FROM tailboard.ticks ORDER BY tick_id DESC LIMIT 1")
    ).fetchone()
    assert row is not None
    tick_id, solid = row
    return tick_id, solid


@pytest.mark.parametrize("name", ["log_seal", "log_follow", "log_digest"])
async def test_full_partitions_are_not_opened(name: str, long_log: AConnection, database_url: str) -> None:
    tick_id, solid = await newest(long_log)
    follower = {"tick_id": tick_id - 1, "solid": solid, "ticks": 64, "changes": 1000}
    parameters = {"low": solid, "ring": False, **follower}
    async with Listener(Database(database_url), "tailboard_bell", "plans", silence_s=60) as listener:
        row = await (
            await listener.connection.execute(
                psycopg.sql.SQL("EXPLAIN (FORMAT JSON) ") + query(name), parameters, prepare=True
            )
        ).fetchone()
    assert row is not None
    plan = json.dumps(row[0])
    looked_into = {leaf for leaf in await leaves(long_log) if f'"{leaf}"' in plan}
    assert 1 <= len(looked_into) <= 4, looked_into  # where the bound is, the current one and two that wait
    assert '"Subplans Removed"' in plan  # planned once, for every bound: these were removed as it began


async def test_what_is_asked_again_and_again_is_planned_once(database_url: str) -> None:
    async with Listener(Database(database_url), "tailboard_bell", "plans", silence_s=60) as listener:
        for tick_id in range(7):
            await follow(listener.connection, tick_id, 0, ticks=1, changes=1)
        planned = await (
            await listener.connection.execute(
                "SELECT sum(generic_plans), sum(custom_plans) FROM pg_prepared_statements"
                " WHERE statement LIKE '%%tailboard.changes%%'"
            )
        ).fetchone()
    assert planned is not None
    assert planned[0] >= 1
    assert planned[1] == 0


async def leaves(writer: AConnection) -> list[str]:
    rows = await (await writer.execute("SELECT leaf FROM tailboard.leaves")).fetchall()
    assert len(rows) > LEAVES
    return [leaf for (leaf,) in rows]


@pytest.mark.parametrize("watched", [True, False], ids=["watched", "unwatched"])
async def test_a_node_goes_on_from_the_bound_of_the_tick_that_it_read(
    watched: bool, database_url: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    name = "follow" if watched else "digest"
    read = getattr(tailer, name)

    async def noted(connection: Any, tick_id: int, solid: int, **limits: int) -> Any:
        asked.append(solid)
        return await read(connection, tick_id, solid, **limits)

    monkeypatch.setattr(tailer, name, noted)
    writer = connect()
    async with asyncio.timeout(PATIENCE), board(database_url) as node:
        node.recorder.reads_events = watched
        told = 0
        while not asked or not asked[-1]:
            writer.execute("SELECT tailboard.enqueue('kind')")
            told += 1
            await node.recorder.until(
                lambda recorder, told=told: sum(tick.cursor.position for tick in recorder.ticks[-1:]) >= told
            )
        assert 0 < asked[-1] < told
