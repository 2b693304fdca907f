"""What tests and measurements of delivery stand on: made-up events, a log in memory, a server on a port."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
import uvicorn
from litestar import Litestar

from tailboard.core.change import Change, Facets, Op, Was
from tailboard.core.classify import classify
from tailboard.core.cursor import Cursor
from tailboard.core.event import Event, Tick
from tailboard.core.job import STATUSES
from tailboard.errors import CursorExpired, InvalidCursor
from tailboard.live.hub import Hub
from tailboard.live.limits import HubLimits
from tailboard.web.access import Access
from tailboard.web.errors import exception_handlers
from tailboard.web.http import http_protocol
from tailboard.web.stream import stream_route
from tailboard.web.websocket import websocket_route
from tailboard.web.wire import WireProtocol

AT = datetime(2026, 11, 22, 19, 5, 0, 123456, tzinfo=UTC)


def make_event(
    position: int,
    *,
    job: int | str = 1,
    op: Op = Op.UPDATE,
    old: str | None = "pending",
    new: str | None = "in_progress",
    source: str = "jobs",
    queue: str | None = "default",
    kind: str | None = "mail.send",
    worker: str | None = None,
    tags: tuple[str, ...] = (),
    was: Was | None = None,
    epoch: int = 1,
    padding: int = 0,
) -> Event:
    """An event as the log would give it, with a card in PostgreSQL's spelling."""
    if op is Op.INSERT:
        old = None
    if op is Op.DELETE and new == "in_progress":
        new = None
    card: dict[str, Any] = {
        "id": job,
        "kind": kind,
        "tags": tags,
        "queue": queue,
        "status": new or old,
        "worker": worker,
        "payload": {"text": "x" * padding},
        "version": position,
    }
    change = Change(
        seq=position,
        at=AT,
        source=source,
        job_id=str(job),
        op=op,
        old_status=old,
        new_status=new,
        card=None if op is Op.RESET else msgspec.json.encode(card),
        facets=Facets(id=job, queue=queue, kind=kind, worker=worker, tags=tags),
        was=was,
    )
    return Event(Cursor(epoch, position), classify(op, old, new), change)


class MemoryPage(NamedTuple):
    events: tuple[Event, ...]
    cursor: Cursor


class MemoryLog:
    """Follows the rules of the real log for one epoch, with a floor below which nothing is left."""

    def __init__(self, epoch: int = 1) -> None:
        self.events: list[Event] = []
        self.epoch = epoch
        self.floor = 0
        self.reads = 0

    @property
    def head(self) -> Cursor:
        return self.events[-1].cursor if self.events else Cursor(self.epoch, self.floor)

    async def read(self, after: Cursor, limit: int) -> MemoryPage:
        await asyncio.sleep(0)
        self.reads += 1
        if after > self.head:
            raise InvalidCursor(f"{after} is ahead of the log, which ends at {self.head}")
        if after.epoch < self.epoch:
            raise CursorExpired("another epoch", reason="epoch_changed")
        if after.position < self.floor:
            raise CursorExpired("below the floor")
        start = after.position - self.floor
        events = tuple(self.events[start : start + limit])
        return MemoryPage(events, events[-1].cursor if events else after)


class Feed:
    """A log, a hub and stats that belong together: what a database and a tailer are in the product."""

    def __init__(self, limits: HubLimits | None = None, *, epoch: int = 1) -> None:
        self.log = MemoryLog(epoch)
        self.counts = dict.fromkeys([*STATUSES, "total"], 0)
        self.lag_ms = 1.25
        self.away = False
        self.hub = Hub(
            self.log,
            stats=lambda: (self.hub.head, self.counts),
            lag_ms=lambda: self.lag_ms,
            away=lambda: self.away,
            limits=limits,
        )
        self.hub.begin(self.log.head)
        self._ticks = 0

    @property
    def next(self) -> int:
        return self.log.head.position + 1

    def record(self, events: Iterable[Event]) -> None:
        """Put events into the log that the hub has not published yet."""
        self.log.events.extend(events)

    def publish(self, *events: Event) -> None:
        """One tick."""
        self.record(events)
        self._ticks += 1
        self.counts["total"] += len(events)
        self.hub.publish(Tick(self._ticks, events[-1].cursor, events))

    def burst(self, count: int, **fields: Any) -> None:
        """One tick of so many events, each of a job of its own unless said otherwise."""
        first = self.next
        self.publish(*(make_event(first + n, **{"job": first + n, **fields}) for n in range(count)))


async def eventually(condition: Callable[[], bool]) -> None:
    """Return once the condition holds, for facts of the kernel's and uvicorn's that nobody signals."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  there is no event to wait for
            await asyncio.sleep(0.001)


class Address(NamedTuple):
    """Where the server listens; `sockets` counts the connections that uvicorn still holds."""

    host: str
    port: int
    sockets: Callable[[], int]

    @property
    def http(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://{self.host}:{self.port}/api/ws/jobs"


@asynccontextmanager
async def serving(
    feed: Feed,
    access: Access | None = None,
    *,
    wire: bool = True,
    compression: bool = False,
    auth_s: float = 5.0,
    send_buffer: int | None = None,
) -> AsyncIterator[Address]:
    """The real server on a real port; with `wire` off, over plain ASGI. `send_buffer` is how many bytes the kernel
    holds for a client.
    """
    access = access or Access()
    application = Litestar(
        [websocket_route(feed.hub, access, auth_s=auth_s), stream_route(feed.hub, access)],
        exception_handlers=exception_handlers(),
        openapi_config=None,
    )
    listener = socket.create_server(("127.0.0.1", 0))
    if send_buffer is not None:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    server = uvicorn.Server(
        uvicorn.Config(
            application,
            http=http_protocol(1_000),  # type: ignore[arg-type]  # a factory
            ws=WireProtocol if wire else "websockets-sansio",
            ws_per_message_deflate=compression,
            ws_max_size=65_536,
            lifespan="off",
            log_level="error",
            access_log=False,
            timeout_graceful_shutdown=3,
        )
    )
    await feed.hub.start()
    running = asyncio.create_task(server.serve([listener]))
    try:
        host, port = listener.getsockname()
        yield Address(host, port, lambda: len(server.server_state.connections))
    finally:
        feed.hub.close()
        server.should_exit = True
        await running
        await feed.hub.stop()
