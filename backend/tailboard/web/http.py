"""The connection before there is a request: how large its head may be, how long it may take, how many there may be.

uvicorn limits none of these with httptools. Whoever is counted or timed out here has cost no task and no query.
Pass `http_protocol(connections)` to uvicorn as `http=`.
"""

import asyncio
import logging
import resource
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MAX_HEAD: Final = 65_536
"""Bytes of a request line and its headers; a WebSocket's handshake is one, too."""
HEAD_WITHIN_S: Final = 10.0
"""From the connection, or from the first byte of a further request, to the end of its head."""
BODY_WITHIN_S: Final = 30.0
TAKEN_WITHIN_S: Final = 40.0
"""Of an answer that waits for its client something has to be taken in so long. The hub ends those who follow the feed
and do not read before that.
"""
TRANSPORT: Final = "tailboard.transport"
"""An ASGI extension, the socket under an answer: uvicorn goes on to take what is sent to a client that has gone, and
waits for ever for one that does not read.
"""

_BESIDE_CLIENTS: Final = 128
"""Files that are no connection of a client: the database, the log, the programs' own."""

_logger = logging.getLogger("tailboard.web")


class LimitedHttp(HttpToolsProtocol):
    """uvicorn's HTTP protocol, for clients that mean ill. `most` bounds the connections of the process."""

    def __init__(self, most: int, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._most = most
        self._head: int | None = 0
        self._late: asyncio.TimerHandle | None = None
        self._untaken: asyncio.TimerHandle | None = None
        self._unanswered: deque[RequestResponseCycle] = deque()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        if len(self.connections) > self._most:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections; come back later.")
        else:
            self._within(HEAD_WITHIN_S)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self._head is not None:
            self._head += len(data)
            if self._head > MAX_HEAD:
                self._refuse(
                    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"A request's head may have {MAX_HEAD} bytes."
                )

    def connection_lost(self, exc: Exception | None) -> None:
        self._in_time()
        self._taken()
        super().connection_lost(exc)
        # uvicorn tells only the newest of several requests, and the one at work would write to what is closed.
        for cycle in self._unanswered:
            cycle.disconnected = True
            cycle.message_event.set()

    def handle_websocket_upgrade(self) -> None:
        self._in_time()
        self._taken()
        super().handle_websocket_upgrade()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_taking()

    def resume_writing(self) -> None:
        self._taken()
        self._watch_rest()
        super().resume_writing()

    # What the parser has come to

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if not self.flow.write_paused:
            self._taken()
        self.scope["extensions"] = {TRANSPORT: self.transport}  # type: ignore[dict-item]  # no dict of settings
        self._head = 0
        self._within(HEAD_WITHIN_S)

    def on_headers_complete(self) -> None:
        self._head = None
        self._within(BODY_WITHIN_S)
        former: RequestResponseCycle | None = self.cycle
        super().on_headers_complete()
        if self.cycle is not former:
            self._unanswered.append(self.cycle)

    def on_message_complete(self) -> None:
        self._in_time()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._unanswered.popleft()
        super().on_response_complete()
        self._watch_rest()

    def _within(self, seconds: float) -> None:
        """Let what is under way take so long from now."""
        self._in_time()
        self._late = self.loop.call_later(seconds, self.transport.abort)

    def _in_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _watch_rest(self) -> None:
        """As `_watch_taking`, for what is left of answers that have been written in full."""
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        if cycle is not None and cycle.response_complete:
            self._watch_taking()

    def _watch_taking(self) -> None:
        """End the connection unless its client takes something, again and again, while nothing more is written."""
        self._taken()
        unsent = self.transport.get_write_buffer_size()
        if unsent:
            self._untaken = self.loop.call_later(TAKEN_WITHIN_S, self._look_whether_taken, unsent)

    def _look_whether_taken(self, unsent: int) -> None:
        if self.transport.get_write_buffer_size() >= unsent:
            self.transport.abort()
        else:
            self._watch_taking()

    def _taken(self) -> None:
        if self._untaken is not None:
            self._untaken.cancel()
            self._untaken = None

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        """Say why, and close."""
        self._in_time()
        self._head = None
        if self.transport.is_closing():
            return
        body = f"{why}\n".encode()
        self.transport.write(
            b"HTTP/1.1 %d %b\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n"
            b"connection: close\r\n\r\n%b" % (status, status.phrase.encode(), len(body), body)
        )
        self.transport.close()


def http_protocol(most: int) -> Callable[..., LimitedHttp]:
    """A protocol factory for uvicorn that lets `most` connections in, or as many as the process may have."""
    most = min(most, _raise_file_limit(most + _BESIDE_CLIENTS) - _BESIDE_CLIENTS)

    def protocol(**arguments: Any) -> LimitedHttp:
        return LimitedHttp(most, **arguments)

    return protocol


def _raise_file_limit(wanted: int) -> int:
    """Let this process have as many files open as wanted, if it may; return how many it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft < wanted:
        _logger.warning(
            "this process may have %d files open: not more than %d clients", soft, soft - _BESIDE_CLIENTS
        )
    return soft
