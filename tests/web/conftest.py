"""A whole node on a database of its own, and a client that speaks to it in-process."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tailboard.app import Node
from tailboard.core.cursor import Cursor
from tailboard.settings import Settings


def client_of(node: Node, **headers: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=node.litestar, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers)


@pytest.fixture
async def node(database_url: str, tmp_path: Path) -> AsyncIterator[Node]:
    node = Node(Settings(home=tmp_path), database_url)
    await node.start()
    try:
        yield node
    finally:
        await node.stop()


@pytest.fixture
async def client(node: Node) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(node) as client:
        yield client


@pytest.fixture
async def other_node(database_url: str, tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Node]]]:
    """Starts a node with settings of its own; stops it after the test."""
    started: list[Node] = []

    async def start(**settings: Any) -> Node:
        node = Node(Settings(home=tmp_path, **settings), database_url)
        started.append(node)
        await node.start()
        return node

    try:
        yield start
    finally:
        for node in started:
            await node.stop()


@pytest.fixture
async def worker(database_url: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """A worker's own connection: autocommit, plain SQL."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        yield connection


async def delivered(node: Node, sql_connection: psycopg.AsyncConnection[Any]) -> Cursor:
    """Return once the node has delivered the newest change that is committed now."""
    row = await (await sql_connection.execute("SELECT max(seq) FROM tailboard.changes")).fetchone()
    newest = 0 if row is None or row[0] is None else int(row[0])
    async with asyncio.timeout(20):
        while True:
            sealed = await sql_connection.execute(
                "SELECT epoch, first_position + n - 1 FROM tailboard.ticks WHERE seqs @> %s::bigint",
                (newest,),
            )
            place = await sealed.fetchone()
            if newest == 0 or (
                place is not None and node.tailer.head is not None and node.tailer.head >= Cursor(*place)
            ):
                assert node.tailer.head is not None
                return node.tailer.head
            await asyncio.sleep(0.005)
