"""Follow the events of a Tailboard server over `tailboard.v1`, across restarts and lost connections.

The feed remembers the cursor of the last message it handed out and subscribes again from there, so its
reader sees every event once and in order, or is told by a `Reset` that this was not possible.
"""

import asyncio
import random
import ssl
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.frames import Close
from websockets.typing import Subprotocol

from tailboard.client.filters import Filter
from tailboard.client.messages import (
    Disconnected,
    Fault,
    Heartbeat,
    Message,
    Stats,
    Subscribed,
    Welcome,
    decode,
)
from tailboard.errors import (
    AccessDenied,
    InvalidCursor,
    InvalidFilter,
    ServerRefused,
    ServerUnreachable,
    Unauthorized,
)

_PATH = "/api/ws/jobs"
_SUBPROTOCOL = Subprotocol("tailboard.v1")

# A tick of many large jobs is one frame; the bound only keeps a broken server from filling our memory.
_MAX_FRAME = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before the nth attempt in a row, in seconds: doubling, at random up to a limit."""

    first: float = 0.25
    limit: float = 10.0

    def wait(self, attempt: int) -> float:
        ceiling = min(self.limit, self.first * 2 ** min(attempt, 16))
        return random.uniform(ceiling / 2, ceiling)


class Feed:
    """The events of one server that match a filter, for ever.

    `async for message in feed.messages()` connects, subscribes and hands out messages. `cursor` is the place
    after the last one; keep it to go on from there another day.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        filter: Filter | None = None,  # noqa: A002  # the protocol's word
        cursor: str | None = None,
        backoff: Backoff | None = None,
        patient: bool = False,
    ) -> None:
        """Follow the server at `url` (http or https), from `cursor` or else from now.

        `patient`: keep trying also where no attempt has ever succeeded, instead of raising ServerUnreachable.
        """
        parts = urlsplit(url)
        self._address = (
            f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}{parts.path.rstrip('/')}{_PATH}"
        )
        # A proxy from the environment must not come between two programs on one machine.
        loopback = parts.hostname in {"127.0.0.1", "::1", "localhost"}
        self._proxy: Literal[True] | None = None if loopback else True
        self._url = url
        self._token = token
        self._filter = filter
        self._backoff = backoff or Backoff()
        self._patient = patient
        self._attempt = 0
        self._retry_after = 0.0
        self.cursor = cursor

    async def messages(self) -> AsyncGenerator[Message, None]:
        """Hand out messages until cancelled. Raises where coming back would not help: AccessDenied,
        InvalidFilter, InvalidCursor, ServerRefused, or ServerUnreachable if nothing was ever reached.
        """
        while True:
            self._retry_after = 0.0
            try:
                async with connect(
                    self._address,
                    subprotocols=[_SUBPROTOCOL],
                    additional_headers={"Authorization": f"Bearer {self._token}"} if self._token else None,
                    proxy=self._proxy,
                    compression=None,
                    max_size=_MAX_FRAME,
                    open_timeout=10,
                    close_timeout=1,
                ) as connection:
                    async for message in self._follow(connection):
                        yield message
                reason = "the server closed the connection"
            except (ConnectionClosed, InvalidHandshake, OSError, TimeoutError) as error:
                reason = self._why(error)
            wait = max(self._backoff.wait(self._attempt), self._retry_after)
            self._attempt += 1
            yield Disconnected(reason=reason, retry_s=wait)
            await asyncio.sleep(wait)

    async def _follow(self, connection: ClientConnection) -> AsyncGenerator[Message, None]:
        if connection.subprotocol != _SUBPROTOCOL:
            raise ServerRefused(f"What answers at {self._url} does not speak tailboard.v1; check it.")
        subscribe = {"type": "subscribe", "filter": self._filter, "cursor": self.cursor}
        given = {key: value for key, value in subscribe.items() if value is not None}
        await connection.send(msgspec.json.encode(given).decode())
        followed = False
        while True:
            frame = await connection.recv(decode=False)
            for message in decode(frame):
                if isinstance(message, Fault):
                    self._take(message)
                    continue
                if isinstance(message, Subscribed):
                    self._attempt, self._patient = 0, True
                    followed = True
                # The head of the log in a welcome, the counts, and a heartbeat before anything is followed here, may be
                # ahead of what has been sent.
                early = isinstance(message, Heartbeat) and not followed
                if not early and not isinstance(message, Welcome | Stats | Disconnected):
                    self.cursor = message.cursor
                yield message

    def _take(self, fault: Fault) -> None:
        if fault.retryable:
            self._retry_after = (fault.retry_after_ms or 0) / 1000
            return
        if fault.code == Unauthorized.code:
            raise Unauthorized(_denied(self._url))
        for known in (InvalidCursor, InvalidFilter):
            if known.code == fault.code:
                raise known(fault.message)
        raise ServerRefused(f"{fault.message} ({fault.code})")

    def _why(self, error: Exception) -> str:
        """The reason to come back after an error; raises where that would not help."""
        match error:
            case ConnectionClosed(rcvd=close) if close is not None:
                if close.code == 1008:
                    # Its reason says whether it is the token, or where one comes from.
                    foreign = close.reason and "token" not in close.reason
                    said = f"{self._url} {_closed(close)}." if foreign else _denied(self._url)
                    raise AccessDenied(said) from error
                if close.code in {1002, 1003, 1007, 1009, 1010} or 4500 <= close.code <= 4999:
                    raise ServerRefused(f"{self._url} {_closed(close)}.") from error
                return f"the server {_closed(close)}"
            case InvalidStatus(response=response):
                return self._answered(response.status_code, error)
            case InvalidHandshake():
                raise ServerRefused(f"What answers at {self._url} speaks no WebSocket; check it.") from error
            case ssl.SSLError() if not self._patient:
                raise ServerUnreachable(
                    f"{self._url} cannot be reached by TLS: {' '.join(str(error).split())}; check the scheme and the"
                    " certificate."
                ) from error
            case _ if not self._patient:
                raise ServerUnreachable(
                    f"Nothing answers at {self._url}: start `tailboard up`, or say where with TAILBOARD_URL."
                ) from error
            case _:
                return " ".join(str(error).split()) or type(error).__name__

    def _answered(self, status: int, error: InvalidStatus) -> str:
        """The same, after an answer that is no WebSocket's."""
        if status in {401, 403}:
            # A board answers the handshake first, and says then that it wants a token.
            raise AccessDenied(
                f"{self._url} answered {status}: check the address, and what a proxy before the board wants."
            ) from error
        if status == 426:
            raise ServerRefused(
                f"{self._url} answered 426: a proxy before the board passes no WebSocket upgrades; have it pass them,"
                " or ask the board itself."
            ) from error
        if status < 500 and status not in {408, 425, 429}:
            raise ServerRefused(f"{self._url} answered {status}; is that a Tailboard server?") from error
        return f"the server answered {status}"


def _closed(close: Close) -> str:
    return f"closed the connection with {close.code}" + (f" ({close.reason})" if close.reason else "")


def _denied(url: str) -> str:
    return f"{url} does not accept the token: set TAILBOARD_TOKEN to the one the server was started with."
