"""A whole node on a database of its own, and a client that speaks to it in-process."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from adopted_tables import EXPORTS, EXPORTS_SQL, SHIPMENTS, SHIPMENTS_SQL, adopt
from fixtures.database import Connect
from tailboard.app import Node
from tailboard.settings import Settings
from web_node import client_of


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


@pytest.fixture
def owner(database_url: str, connect: Connect) -> psycopg.Connection[Any]:
    """A board with exports (uuid ids, an enum, due times) and shipments (numbers, no times) beside its own jobs."""
    connection = connect()
    connection.execute(EXPORTS_SQL.encode())
    connection.execute(SHIPMENTS_SQL.encode())
    adopt(database_url, EXPORTS)
    adopt(database_url, SHIPMENTS)
    return connection


@pytest.fixture
def export(owner: psycopg.Connection[Any]) -> Callable[..., str]:
    def export(**columns: Any) -> str:
        columns = columns or {"state": "new"}
        names = ", ".join(columns)
        values = ", ".join(["%s"] * len(columns))
        insert = f"INSERT INTO shop.exports ({names}) VALUES ({values}) RETURNING id"
        row = owner.execute(insert.encode(), list(columns.values())).fetchone()
        assert row is not None
        return str(row[0])

    return export
