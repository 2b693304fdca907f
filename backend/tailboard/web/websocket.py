"""`/api/ws/jobs`: the board over a WebSocket, in two dialects.

    no subprotocol    every message is one JSON object; the query string says what is wanted
    tailboard.v1      messages are newline-joined JSON objects; `subscribe` may be said, and said again

It is raw ASGI: a connection is one coroutine that waits for what the client says. What the client is told
does not pass through it; the hub writes to the connection's outlet.

Close codes: 1008 not allowed; 1012 restarting; 4000 to 4499 come back later (4008 too slow, 4013 the
database is away, 4429 too many connections or messages); 4500 to 4999 not like this (4500 a query string
that cannot be used, 4501 too many messages that are not the protocol's).
"""

import asyncio
import logging
from contextlib import suppress
from http import HTTPStatus
from time import monotonic
from typing import Any, Final, Never, assert_never
from urllib.parse import parse_qsl

from litestar.exceptions import HTTPException, MethodNotAllowedException
from litestar.handlers import asgi

from tailboard.core.cursor import Cursor
from tailboard.core.filter import Filter
from tailboard.core.frames import PONG, Entry, Form, error_entry, pong_entry, welcome_entry
from tailboard.errors import (
    InvalidFilter,
    InvalidFrame,
    InvalidInput,
    Overloaded,
    TailboardError,
    Unauthorized,
)
from tailboard.live.hub import Hub
from tailboard.live.subscription import RESTARTING, Disconnected, Ending, Peer, Subscription
from tailboard.web.access import Access
from tailboard.web.intake import Allowance, Auth, Ping, Subscribe, decode
from tailboard.web.outlet import GOODBYE_S, Deadline, Receive, Send, SendOutlet, WireOutlet
from tailboard.web.wire import EXTENSION

PATH: Final = "/api/ws/jobs"
SUBPROTOCOL: Final = "tailboard.v1"

NOT_ALLOWED: Final = Ending(1008, "not allowed: this board needs its token")
FOREIGN: Final = Ending(
    1008, "not allowed from this origin or host name; TAILBOARD_ORIGINS lists those that are"
)
FAILED: Final = Ending(1011, "the server made a mistake")
UNAVAILABLE: Final = Ending(4013, "the database cannot be read; come back later")
TOO_MANY: Final = Ending(4429, "too many connections; come back later")
TOO_FAST: Final = Ending(4429, "too many messages; come back later")
BAD_QUERY: Final = Ending(4500, "the query string cannot be used")
BAD_MESSAGES: Final = Ending(4501, "too many messages that are not the protocol's")

_MESSAGES_PER_S: Final = 20.0
_MESSAGES_AT_ONCE: Final = 40.0
_STRIKES_PER_S: Final = 0.1
_STRIKES_AT_ONCE: Final = 10.0
_QUERY_FIELDS: Final = 600
_RETRY_MS: Final = 1000

_OWN_PARAMETERS: Final = ("cursor", "token")

_logger = logging.getLogger("tailboard.websocket")


class Wanted:
    """What a query string asks for. `given` is False when it asks for nothing in particular."""

    __slots__ = ("cursor", "filter", "given")

    def __init__(self, query: bytes) -> None:
        """Raises InvalidFilter, InvalidCursor."""
        try:
            pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=_QUERY_FIELDS)
        except ValueError as error:
            raise InvalidFilter(f"the query string has more than {_QUERY_FIELDS} fields") from error
        self.filter = Filter.from_query(pairs, ignore=_OWN_PARAMETERS)
        cursors = [value for name, value in pairs if name == "cursor"]
        self.cursor = Cursor.parse(cursors[-1]) if cursors else None
        self.given = any(name != "token" for name, _ in pairs)


def peer_of(scope: Any) -> Peer:
    """Who connects, for people to read."""
    client = scope.get("client")
    agent = next((value for name, value in scope["headers"] if name == b"user-agent"), b"")
    return Peer(f"{client[0]}:{client[1]}" if client else "", agent.decode("latin-1")[:120])


class JobsSocket:
    """The ASGI application behind the route; `auth_s` is how long a client may take to show its token."""

    def __init__(self, hub: Hub, access: Access, *, auth_s: float = 5.0) -> None:
        self._hub = hub
        self._access = access
        self._auth_s = auth_s

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            raise _upgrade_required(scope)
        await receive()
        offered = SUBPROTOCOL in scope["subprotocols"]
        await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL if offered else None})
        ending = await self._serve(scope, receive, send, Form.LINES if offered else Form.OBJECTS)
        if ending is None:
            return
        wire = scope.get("extensions", {}).get(EXTENSION)
        if wire is not None:
            wire.close(ending.code, ending.reason)
            return
        try:
            async with asyncio.timeout(GOODBYE_S):
                await send({"type": "websocket.close", "code": ending.code, "reason": ending.reason})
        except (TimeoutError, OSError):
            return

    async def _serve(self, scope: Any, receive: Receive, send: Send, form: Form) -> Ending | None:
        """Serve one client; return how to end its connection, or None when the client ended it."""
        if not (self._access.origin_allowed(scope) and self._access.host_allowed(scope)):
            return FOREIGN
        deadline = Deadline()
        wire = scope.get("extensions", {}).get(EXTENSION)
        outlet = (
            SendOutlet(_text_sender(send, form), form, deadline)
            if wire is None
            else WireOutlet(wire, form, deadline)
        )
        try:
            subscription = self._hub.open(outlet, peer_of(scope))
        except Overloaded:
            return RESTARTING if self._hub.closed else TOO_MANY
        outlet.bind(subscription.resume)
        token = self._access.token_from(scope)
        talk = _Conversation(self._hub, self._access, subscription, deadline, receive)
        try:
            async with deadline:
                if isinstance(outlet, WireOutlet):
                    await talk.hold(token, scope["query_string"], self._auth_s)
                else:
                    async with asyncio.TaskGroup() as tasks:
                        writer = tasks.create_task(outlet.run())
                        await talk.hold(token, scope["query_string"], self._auth_s)
                        writer.cancel()
        except Exception:
            _logger.exception("A WebSocket connection failed")
            return FAILED
        finally:
            self._hub.leave(subscription)
        return deadline.ending


def websocket_route(hub: Hub, access: Access, *, auth_s: float = 5.0) -> asgi:
    """The Litestar handler for the route."""
    application = JobsSocket(hub, access, auth_s=auth_s)

    # We never change the scope, and a copy would live for as long as the connection.
    @asgi(PATH, copy_scope=False)
    async def jobs_socket(scope: Any, receive: Any, send: Any) -> None:
        await application(scope, receive, send)

    return jobs_socket


class _Conversation:
    """What one client says, and what it is answered."""

    __slots__ = ("_access", "_allowance", "_deadline", "_hub", "_receive", "_strikes", "_subscription")

    def __init__(
        self, hub: Hub, access: Access, subscription: Subscription, deadline: Deadline, receive: Receive
    ) -> None:
        self._hub = hub
        self._access = access
        self._subscription = subscription
        self._deadline = deadline
        self._receive = receive
        self._allowance: Allowance | None = None
        self._strikes: Allowance | None = None

    async def hold(self, token: str | None, query: bytes, auth_s: float) -> None:
        """Talk until the client leaves or the deadline is moved to now."""
        try:
            known = self._access.allows(token)
            if not known and (token is not None or not await self._authenticated(auth_s)):
                await self._end(NOT_ALLOWED, Unauthorized.code)
            await self._begin(query)
            while True:
                message = await self._receive()
                if message["type"] == "websocket.disconnect":
                    return
                await self._hear(message.get("text"))
        except Disconnected:
            return

    async def _authenticated(self, auth_s: float) -> bool:
        """Whether the first message is the token. No answer in time ends the connection."""
        self._deadline.limit(auth_s, NOT_ALLOWED)
        message = await self._receive()
        self._deadline.lift(NOT_ALLOWED)
        try:
            said = decode(message.get("text"))
        except InvalidFrame:
            return False
        return isinstance(said, Auth) and self._access.allows(said.token)

    async def _begin(self, query: bytes) -> None:
        hub, subscription = self._hub, self._subscription
        subscription.welcome = True
        if subscription.answers:
            subscription.say(welcome_entry(subscription.session, hub.limits.heartbeat_s, hub.head))
        try:
            wanted = Wanted(query)
            if wanted.given or not subscription.answers:
                await hub.follow(subscription, wanted.filter, wanted.cursor)
        except InvalidInput as error:
            await self._end(BAD_QUERY, error.code, str(error))
        except TailboardError as error:
            await self._end(UNAVAILABLE, error.code, str(error))

    async def _hear(self, text: str | None) -> None:
        now = monotonic()
        if self._allowance is None:
            self._allowance = Allowance(_MESSAGES_PER_S, _MESSAGES_AT_ONCE, now)
        wait = self._allowance.take(now)
        if wait > 0:
            self._error("rate_limited", "too many messages", retry_after_ms=int(wait * 1000) + 1)
            await self._strike(TOO_FAST)
            return
        if text == "ping":
            self._pong(Entry(None, self._subscription.place, "pong", PONG))
            return
        try:
            await self._obey(text)
        except InvalidFrame as error:
            self._error(error.code, str(error))
            await self._strike(BAD_MESSAGES)
        except InvalidInput as error:
            self._error(error.code, str(error))
        except TailboardError as error:
            # What it followed before has ended: a client that waits for more would wait for ever.
            await self._end(UNAVAILABLE, error.code, str(error))

    async def _obey(self, text: str | None) -> None:
        said = decode(text)
        match said:
            case Ping():
                self._pong(pong_entry(self._subscription.place))
            case Auth(token):
                if not self._access.allows(token):
                    await self._end(NOT_ALLOWED, Unauthorized.code)
            case Subscribe(tree, text_cursor):
                if not self._subscription.answers:
                    raise InvalidFrame(
                        f"offer the subprotocol {SUBPROTOCOL} to subscribe; "
                        "without it, the query string says what is wanted"
                    )
                wanted = Filter.from_tree(tree)
                cursor = None if text_cursor is None else Cursor.parse(text_cursor)
                await self._hub.follow(self._subscription, wanted, cursor)
            case _:
                assert_never(said)

    def _pong(self, entry: Entry) -> None:
        # To a client with unread frames an answer says nothing; and a bare pong must not join JSON lines.
        if self._subscription.ready:
            self._subscription.say(entry)

    def _error(self, code: str, message: str, *, retry_after_ms: int | None = None) -> None:
        # An answer leaves the client where it is: heartbeats say this place.
        self._subscription.say(
            error_entry(
                self._subscription.place,
                code,
                message,
                retryable=retry_after_ms is not None,
                retry_after_ms=retry_after_ms,
            )
        )

    async def _strike(self, ending: Ending) -> None:
        now = monotonic()
        if self._strikes is None:
            self._strikes = Allowance(_STRIKES_PER_S, _STRIKES_AT_ONCE, now)
        if self._strikes.take(now) > 0:
            await self._end(ending)

    async def _end(self, ending: Ending, code: str | None = None, message: str | None = None) -> Never:
        """Say why, end the connection, and do not return."""
        if code is not None:
            retry = _RETRY_MS if 4000 <= ending.code < 4500 else None
            self._error(code, message or ending.reason, retry_after_ms=retry)
        with suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await self._subscription.drain()
        self._deadline.end(ending)
        await asyncio.get_running_loop().create_future()
        raise AssertionError("the deadline has passed")


def _text_sender(send: Send, form: Form) -> Any:
    async def send_parcel(parcel: Any) -> None:
        for text in parcel.texts(form):
            try:
                await send({"type": "websocket.send", "text": text})
            except RuntimeError as closed:  # uvicorn says so that the connection was closed meanwhile
                raise ConnectionResetError("the connection is closed") from closed

    return send_parcel


def _upgrade_required(scope: Any) -> HTTPException:
    """The error for a request that is no handshake."""
    if scope["method"] != "GET":
        return MethodNotAllowedException(headers={"allow": "GET, OPTIONS"})
    return HTTPException(
        "This is a WebSocket: connect with ws:// or wss://. A proxy has to pass the upgrade; without WebSockets follow"
        " /api/events/stream.",
        status_code=HTTPStatus.UPGRADE_REQUIRED,
        headers={"Upgrade": "websocket", "Connection": "upgrade"},
    )
