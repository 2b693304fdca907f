"""A whole node on a database of its own, and a client that speaks to it in-process."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

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
