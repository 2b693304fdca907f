"""The composition root: builds one node from its settings, starts it in order, and stops it in order.

    start   database, sealer, tailer, caretaker, heartbeats of the hub, web server
    stop    hub (WebSockets close with 1012, SSE streams end), web server, then the others from the last to the first

The hub goes first on the way down: the web server waits for its connections to end, and only the hub can
end a stream that is meant to last for ever.
"""

import asyncio
import contextlib
import errno
import logging
import os
import socket
from collections.abc import Callable, Iterator
from typing import Final

import httpx
import uvicorn
from litestar import Litestar

from tailboard import __version__
from tailboard.db.jobs.actions import Actions
from tailboard.db.jobs.reading import Jobs
from tailboard.db.jobs.workers import Workers
from tailboard.db.log import Log
from tailboard.db.past.reading import Past
from tailboard.db.pool import Database
from tailboard.errors import AddressInUse, DatabaseUnavailable
from tailboard.live.caretaker import Caretaker
from tailboard.live.event_counts import EventCounts
from tailboard.live.hub import Hub
from tailboard.live.limits import HubLimits
from tailboard.live.presence import Presence
from tailboard.live.projector import Projector
from tailboard.live.sealer import Sealer
from tailboard.live.service import Service
from tailboard.live.tailer import Tailer
from tailboard.settings import Settings, http_url
from tailboard.web.access import Access
from tailboard.web.board import Board
from tailboard.web.http import http_protocol
from tailboard.web.intake import MAX_MESSAGE
from tailboard.web.server import create_litestar
from tailboard.web.wire import WireProtocol

_START_WITHIN_S: Final = 30.0
_READY_WITHIN_S: Final = 10.0
_CONNECTIONS_END_WITHIN_S: Final = 2
_SERVICE_STOPS_WITHIN_S: Final = 1.0
_CALLERS: Final = 500
"""Connections for REST, beside those that follow the feed."""
_log = logging.getLogger("tailboard")


class Node:
    """One Tailboard process without its network: the services and the web application on top of them."""

    def __init__(self, settings: Settings, database_url: str) -> None:
        self.settings = settings
        self.database = Database(database_url, settings.listen_url)
        self.log = Log(self.database)
        self.past = Past(self.database, self.log)
        self.projector = Projector(self.log)
        self.hub = Hub(
            self.log,
            stats=self.projector.counts,
            lag_ms=lambda: self.tailer.lag_ms,
            away=lambda: self.tailer.away,
            limits=HubLimits(connections=settings.max_connections),
        )
        event_counts = EventCounts()
        self.tailer = Tailer(self.database, self.projector, [event_counts, self.hub])
        self.sealer = Sealer(
            self.database,
            folds=self.projector.folds,
            notes=self.projector.take_notes,
            watched=lambda: self.hub.reads_events,
            retention_s=None if settings.retention is None else settings.retention.total_seconds(),
        )
        self.caretaker = Caretaker(
            self.database, self.sealer, self.projector, lambda source: event_counts.by_source[source]
        )
        self._services: tuple[Service, ...] = (
            self.sealer,
            self.tailer,
            self.caretaker,
            self.hub,
        )
        jobs = Jobs(self.database)
        self.litestar: Litestar = create_litestar(
            Board(
                database=self.database,
                log=self.log,
                past=self.past,
                jobs=jobs,
                actions=Actions(self.database, jobs),
                hub=self.hub,
                tailer=self.tailer,
                sealer=self.sealer,
                projector=self.projector,
                presence=Presence(Workers(jobs)),
                access=Access(
                    host=settings.host,
                    token=settings.token,
                    origins=settings.origins,
                    read_only=settings.read_only,
                ),
                version=__version__,
                event_counts=event_counts,
            )
        )

    async def start(self) -> None:
        """Return when events flow. Raises DatabaseUnavailable, with the reason, if they do not in time."""
        await self.database.open()
        for service in self._services:
            try:
                async with asyncio.timeout(_START_WITHIN_S):
                    await service.start()
            except TimeoutError as error:
                why = service.failure or "it gave no reason"
                raise DatabaseUnavailable(f"The {service.name} could not start: {why}.") from error

    async def stop(self) -> None:
        """Stop what was started, the last first. Safe after a start that failed, and safe twice."""
        self.hub.close()
        for service in reversed(self._services):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SERVICE_STOPS_WITHIN_S):
                    await service.stop()
        await self.database.close()


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to the address, not yet listening. Raises AddressInUse with what to do."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise AddressInUse(f"There is no address {host} on this machine; choose another --host.") from error
    failed = OSError(errno.EADDRNOTAVAIL, "the host has no address")
    for family, kind, protocol, _, address in found:
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
        except OSError as error:
            bound.close()
            failed = error
        else:
            bound.settimeout(0)
            return bound
    raise _refused(host, port, failed) from failed


def _refused(host: str, port: int, error: OSError) -> AddressInUse:
    match error.errno:
        case errno.EADDRINUSE:
            return AddressInUse(
                f"Port {port} on {host} is in use, perhaps by another Tailboard: "
                "choose another with --port or TAILBOARD_PORT."
            )
        case errno.EACCES:
            return AddressInUse(f"Port {port} is for privileged users; choose one above 1023 with --port.")
        case _:
            reason = os.strerror(error.errno) if error.errno else str(error)
            return AddressInUse(f"Cannot listen on {host}, port {port}: {reason}. Choose another --host.")


def address_of(bound: socket.socket, host: str) -> str:
    """The URL at which a bound socket serves, with the port it was really given."""
    return http_url(host, bound.getsockname()[1])


async def serve(
    node: Node,
    bound: socket.socket,
    *,
    ready: Callable[[], None],
    stopping: asyncio.Event,
    forced: asyncio.Event,
) -> None:
    """Serve the node until `stopping` is set, then end every connection and return.

    Calls `ready` once a request for /readyz is answered 200. `forced` cuts the ending short. The node is the
    caller's to start before and to stop after.
    """
    server = _Server(node, stopping, forced)
    try:
        bound.listen(2048)
    except OSError as error:
        # Another process has bound the same port as we did, and was first to listen.
        raise _refused(node.settings.host, bound.getsockname()[1], error) from error
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(server.watch())
        serving = group.create_task(server.serve(sockets=[bound]))
        announcing = group.create_task(_announce(node, ready))
        await asyncio.wait([serving])
        announcing.cancel()
        watching.cancel()


async def _announce(node: Node, ready: Callable[[], None]) -> None:
    """Call `ready` as soon as /readyz says so."""
    transport = httpx.ASGITransport(app=node.litestar)  # type: ignore[arg-type]  # two spellings of ASGI
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        why = ""
        for _ in range(int(_READY_WITHIN_S / 0.05)):
            answer = await client.get("/readyz")
            if answer.status_code == httpx.codes.OK:
                ready()
                return
            why = answer.text
            await asyncio.sleep(0.05)
    raise DatabaseUnavailable(f"The board did not become ready: {why}")


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, which closes the hub before it waits for connections to end."""

    def __init__(self, node: Node, stopping: asyncio.Event, forced: asyncio.Event) -> None:
        super().__init__(
            uvicorn.Config(
                node.litestar,
                http=http_protocol(node.settings.max_connections + _CALLERS),  # type: ignore[arg-type]  # a factory
                ws=WireProtocol,
                ws_max_size=MAX_MESSAGE,
                ws_per_message_deflate=node.settings.compression,
                lifespan="off",
                log_config=None,
                access_log=logging.getLogger("uvicorn.access").isEnabledFor(logging.INFO),
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=_CONNECTIONS_END_WITHIN_S,
            )
        )
        self._node = node
        self._stopping = stopping
        self._forced = forced

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the command line's business."""
        yield

    async def watch(self) -> None:
        """Pass on what the command line was told."""
        await self._stopping.wait()
        self.should_exit = True
        await self._forced.wait()
        self.force_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        _log.info("stopping: closing %d connections", self._node.hub.connected)
        self._node.hub.close()
        # One turn of the loop, in which each connection says its own goodbye.
        await asyncio.sleep(0)
        await super().shutdown(sockets)
