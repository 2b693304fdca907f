"""The servers of the fan-out measurement: Tailboard's hub fed by hand, or the naive broadcast."""

import asyncio
import json
import resource
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
import websockets

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from litestar import Litestar, WebSocket, websocket

from delivery_rig import Feed, make_event
from tailboard.web.access import Access
from tailboard.web.websocket import websocket_route
from tailboard.web.wire import WireProtocol

PADDING = 330


class TailboardServer:
    def __init__(self) -> None:
        self.feed = Feed()
        self.application = Litestar(
            [websocket_route(self.feed.hub, Access())], openapi_config=None, logging_config=None
        )

    async def publish(self, events: int, burst: int) -> None:
        """As a tailer does: one tick after another, each when the loop has had its turn."""
        for _ in range(0, events, burst):
            first = self.feed.next
            self.feed.publish(*[make_event(first + n, job=first + n, padding=PADDING) for n in range(burst)])
            await asyncio.sleep(0)


class NaiveServer:
    """A list of connections; for each change, JSON and an awaited send to each in turn."""

    def __init__(self) -> None:
        self.active: list[WebSocket[Any, Any, Any]] = []
        self.position = 0

        @websocket("/api/ws/jobs")
        async def jobs(socket: WebSocket[Any, Any, Any]) -> None:
            await socket.accept()
            self.active.append(socket)
            try:
                while True:
                    if await socket.receive_text() == "ping":
                        await socket.send_text("pong")
            finally:
                self.active.remove(socket)

        self.application = Litestar([jobs], openapi_config=None, logging_config=None)

    async def publish(self, events: int, burst: int) -> None:
        for number in range(events):
            self.position += 1
            event = make_event(self.position, job=self.position, padding=PADDING)
            job = json.loads(event.change.card or b"{}")
            message = {
                "type": event.kind,
                "source": "jobs",
                "job": {"source": "jobs", **job},
                "change": {"from": event.change.old_status, "to": event.change.new_status},
                "version": event.change.seq,
                "at": event.change.at.isoformat(),
                "cursor": str(event.cursor),
            }
            for connection in list(self.active):
                await connection.send_text(json.dumps(message))
            if number % burst == burst - 1:
                await asyncio.sleep(0)


def usage() -> dict[str, float]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    resident = pages * resource.getpagesize()
    return {"cpu_s": used.ru_utime + used.ru_stime, "rss_kib": resident / 1024}


async def main(kind: str) -> None:
    board = NaiveServer() if kind == "naive" else TailboardServer()
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    server = uvicorn.Server(
        uvicorn.Config(
            board.application,
            ws=WireProtocol if kind == "wire" else "websockets-sansio",
            ws_per_message_deflate=False,
            ws_max_size=65_536,
            lifespan="off",
            log_level="error",
            access_log=False,
        )
    )
    serving = asyncio.create_task(server.serve([listener]))
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), sys.stdin
    )
    while line := await commands.readline():
        answer: dict[str, Any] = {}
        match json.loads(line):
            case {"do": "port"}:
                answer = {"port": listener.getsockname()[1]}
            case {"do": "warm"}:
                await _warm(listener.getsockname()[1])
            case {"do": "usage"}:
                answer = usage()
            case {"do": "publish", "events": int(events), "burst": int(burst)}:
                await board.publish(events, burst)
        print(json.dumps(answer), flush=True)
    server.should_exit = True
    await serving


async def _warm(port: int) -> None:
    """A few connections first, so that imports and caches are not counted as theirs."""
    for _ in range(3):
        async with websockets.connect(f"ws://127.0.0.1:{port}/api/ws/jobs") as client:
            await client.send("ping")
            await client.recv()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
