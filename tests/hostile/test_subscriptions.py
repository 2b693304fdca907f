"""Subscriptions that are many, changing, or built to be slow."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from time import monotonic

import psycopg
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from fixtures.waiting import await_until
from hostile.board import Attacked, attacked
from tailboard.core.filter import MAX_DEPTH, MAX_NODES, MAX_VALUES

MANY = 1_000


@pytest.fixture
async def board(database_url: str, tmp_path: Path) -> AsyncIterator[Attacked]:
    async with attacked(tmp_path, database_url) as board:
        yield board


async def follow(board: Attacked, stack: AsyncExitStack, filter_: object) -> ClientConnection:
    """A client of the full dialect that is live."""
    client = await stack.enter_async_context(
        connect(
            f"ws://127.0.0.1:{board.port}/api/ws/jobs",
            subprotocols=[Subprotocol("tailboard.v1")],
            proxy=None,
            compression=None,
            open_timeout=20,
        )
    )
    await client.send(json.dumps({"type": "subscribe", "filter": filter_}))
    while '"caught_up"' not in str(message := await asyncio.wait_for(client.recv(), 20)):
        assert '"error"' not in str(message), message
    return client


@pytest.mark.slow
async def test_a_subscriber_for_every_job_is_told_of_its_own_job_alone(
    board: Attacked, database_url: str
) -> None:
    before = board.memory_mib()
    async with AsyncExitStack() as stack:
        worker = await stack.enter_async_context(
            await psycopg.AsyncConnection.connect(database_url, autocommit=True)
        )
        await worker.execute(
            "INSERT INTO tailboard.jobs (kind) SELECT 'k' FROM generate_series(1, %s)", [MANY]
        )
        clients = {}
        for job in range(1, MANY + 1):
            clients[job] = await follow(board, stack, {"eq": {"job": f"jobs/{job}"}})
        began = monotonic()
        await worker.execute("UPDATE tailboard.jobs SET progress = 0.5")
        for job, client in clients.items():
            while '"progress":0.5' not in (
                said := str(await asyncio.wait_for(client.recv(), 20)).replace(" ", "")
            ):
                pass
            assert f'"id":{job},' in said, said
        assert monotonic() - began < 10
        assert (board.memory_mib() - before) / MANY < 0.15
        await board.healthy()


def slowest_filters() -> list[object]:
    """As large as a filter may be, in ways that no index can help with, each different."""
    numbers = itertools.count()

    def prefix() -> object:
        return {"not": {"prefix": {"kind": f"{'x' * 200}{next(numbers)}"}}}

    def deep(left: int) -> object:
        return {"not": deep(left - 1)} if left else {"prefix": {"kind": f"deep{next(numbers)}"}}

    wide = [{"and": [prefix() for _ in range((MAX_NODES - 1) // 2)]} for _ in range(20)]
    values = [{"not": {"in": {"queue": [f"q{next(numbers)}" for _ in range(MAX_VALUES)]}}} for _ in range(20)]
    return [*wide, *values, *(deep(MAX_DEPTH - 1) for _ in range(20))]


async def test_filters_built_to_be_slow_delay_nobody_else(board: Attacked, database_url: str) -> None:
    """Sixty of the costliest filters there may be, and two thousand events: everybody else is told in time."""
    async with AsyncExitStack() as stack:
        for filter_ in slowest_filters():
            await follow(board, stack, filter_)
        worker = await stack.enter_async_context(
            await psycopg.AsyncConnection.connect(database_url, autocommit=True)
        )
        began = monotonic()
        await worker.execute("INSERT INTO tailboard.jobs (kind) SELECT 'k' FROM generate_series(1, 2000)")
        await board.healthy(within_s=10)
        took = monotonic() - began
        print(f"60 costly filters, 2000 events: the others were told after {took:.2f} s")
        assert took < 8


async def test_a_client_that_subscribes_again_and_again_leaves_nothing_behind(board: Attacked) -> None:
    before = board.memory_mib()
    async with AsyncExitStack() as stack:
        clients = [await follow(board, stack, {"eq": {"queue": "a"}}) for _ in range(20)]
        for round_ in range(30):
            for number, client in enumerate(clients):
                await client.send(
                    json.dumps(
                        {
                            "type": "subscribe",
                            "filter": {"eq": {"queue": f"{round_}-{number}"}},
                            "cursor": "1.0",
                        }
                    )
                )
            await asyncio.sleep(0.1)  # within the rate that is allowed, so that each one is served
        await board.healthy()
    await await_until(lambda: board.open_files() < 60, 10)
    assert board.memory_mib() - before < 40
