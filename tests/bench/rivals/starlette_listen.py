"""The usual first version: one connection that LISTENs, and a loop that sends each payload to each WebSocket.

`?queue=` gives a client the rows of one queue only.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator

import psycopg
from serving import serve
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

active: dict[WebSocket, str | None] = {}


async def jobs(socket: WebSocket) -> None:
    await socket.accept()
    active[socket] = socket.query_params.get("queue")
    try:
        while True:
            await socket.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        del active[socket]


async def listen(url: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("LISTEN jobs")
        async for notice in connection.notifies():
            of_queue: str | None = None
            for socket, queue in list(active.items()):
                if queue is not None:
                    of_queue = of_queue or json.loads(notice.payload)["queue"]
                    if queue != of_queue:
                        continue
                with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                    await socket.send_text(notice.payload)


@contextlib.asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    task = asyncio.create_task(listen(sys.argv[1]))
    yield
    task.cancel()


if __name__ == "__main__":
    serve(Starlette(routes=[WebSocketRoute("/jobs", jobs)], lifespan=lifespan))
