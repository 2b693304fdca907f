"""What tests of the web interfaces share: a client of a node, waiting until it has caught up, and work beside it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, cast

import httpx
import psycopg

from adopted_tables import EXPORTS, EXPORTS_SQL, adopt
from tailboard.app import Node
from tailboard.core.cursor import Cursor
from tailboard.db.schema import migrate
from tailboard.db.session import connect
from tailboard.settings import Settings


def client_of(node: Node, **headers: str) -> httpx.AsyncClient:
    # httpx and Litestar spell the types of ASGI in two ways
    transport = httpx.ASGITransport(app=cast("Any", node.litestar), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers)


@asynccontextmanager
async def adopted_node(url: str, home: Path) -> AsyncIterator[tuple[Node, psycopg.Connection[Any]]]:
    """A node on a database that had nothing of Tailboard's, with the exports adopted; and one of their workers."""
    migrate(url)
    with closing(connect(url, "worker")) as worker:
        worker.execute(EXPORTS_SQL)
        adopt(url, EXPORTS)
        node = Node(Settings(home=home), url)
        await node.start()
        try:
            yield node, worker
        finally:
            await node.stop()


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


async def meanwhile(work: Callable[..., Any], *arguments: Any) -> None:
    """Do what may have to wait for the server's own locks, while the server, which runs in this loop, goes on."""
    await asyncio.to_thread(work, *arguments)
