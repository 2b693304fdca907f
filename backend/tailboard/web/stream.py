"""`/api/events/stream`: the board as server-sent events, for EventSource and `curl -N`.

The same events, filters and cursors as the WebSocket. `id:` is the cursor, `event:` the type, so that a
browser that lost the connection goes on where it was by itself.
"""

import asyncio
import logging
from typing import Any, Final

from litestar.exceptions import MethodNotAllowedException
from litestar.handlers import asgi

from tailboard.core.cursor import Cursor
from tailboard.core.frames import Form, Parcel
from tailboard.errors import TailboardError
from tailboard.live.hub import Hub
from tailboard.live.subscription import Disconnected, Subscription
from tailboard.web.access import Access
from tailboard.web.http import TRANSPORT
from tailboard.web.outlet import GOODBYE_S, Deadline, Receive, Send, SendOutlet
from tailboard.web.websocket import Wanted, peer_of

PATH: Final = "/api/events/stream"

_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # nginx would hold events back until its buffer is full.
    (b"x-accel-buffering", b"no"),
]
_RETRY: Final = b"retry: 2000\n\n"

_logger = logging.getLogger("tailboard.stream")


class EventStream:
    """The ASGI application behind the route."""

    def __init__(self, hub: Hub, access: Access) -> None:
        self._hub = hub
        self._access = access

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Raises TailboardError while no event has been sent, for the application to answer."""
        self._access.check_host(scope)
        self._access.check_origin(scope)
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
            raise MethodNotAllowedException(headers={"allow": "GET, OPTIONS"})
        self._access.check_token(scope)
        wanted = Wanted(scope["query_string"])
        last_seen = _last_event_id(scope)
        cursor = wanted.cursor if last_seen is None else Cursor.parse(last_seen)
        if scope["method"] == "HEAD":
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await send({"type": "http.response.body"})
            return
        deadline = Deadline()
        transport: asyncio.Transport | None = scope.get("extensions", {}).get(TRANSPORT)
        response = _Response(send, transport)
        outlet = SendOutlet(response.send_parcel, Form.SSE, deadline)
        subscription = self._hub.open(outlet, peer_of(scope))
        outlet.bind(subscription.resume)
        refused: TailboardError | None = None
        try:
            async with deadline, asyncio.TaskGroup() as tasks:
                writer = tasks.create_task(outlet.run())
                refused = await self._follow(subscription, wanted, cursor, receive)
                writer.cancel()
        finally:
            self._hub.leave(subscription)
        if refused is not None and not response.started:
            raise refused
        if not await response.finish() and transport is not None:
            transport.abort()
            await _gone(receive)

    async def _follow(
        self, subscription: Subscription, wanted: Wanted, cursor: Cursor | None, receive: Receive
    ) -> TailboardError | None:
        """Follow until the client leaves; or return why that was not possible."""
        try:
            await self._hub.follow(subscription, wanted.filter, cursor)
            await _gone(receive)
        except Disconnected:
            return None
        except TailboardError as error:
            _logger.info("An event stream could not be continued: %s", error)
            return error
        return None


def stream_route(hub: Hub, access: Access) -> asgi:
    """The Litestar handler for the route."""
    application = EventStream(hub, access)

    @asgi(PATH, copy_scope=False)
    async def event_stream(scope: Any, receive: Any, send: Any) -> None:
        await application(scope, receive, send)

    return event_stream


class _Response:
    """An HTTP response that begins with its first event, so that until then it can still be an error."""

    __slots__ = ("_send", "_transport", "started")

    def __init__(self, send: Send, transport: asyncio.Transport | None) -> None:
        self._send = send
        self._transport = transport
        self.started = False

    async def send_parcel(self, parcel: Parcel) -> None:
        """Raises OSError where the client has gone."""
        if self._transport is not None and self._transport.is_closing():
            raise ConnectionResetError("the client has gone")
        body = parcel.rendered(Form.SSE)
        if not self.started:
            self.started = True
            await self._send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            body = _RETRY + body
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def finish(self) -> bool:
        """End it; return whether the client could still be told."""
        try:
            async with asyncio.timeout(GOODBYE_S):
                if not self.started:
                    await self._send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
                await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        except (TimeoutError, OSError):
            return False
        return True


async def _gone(receive: Receive) -> None:
    """Return once the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _last_event_id(scope: Any) -> str | None:
    found = next((value for name, value in scope["headers"] if name == b"last-event-id"), b"")
    return bytes(found).decode("latin-1") or None
