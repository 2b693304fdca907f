"""The socket under a WebSocket: uvicorn's own protocol, opened far enough to write to it directly.

ASGI sends one text message at a time, each framed anew for each client. A board sends the same bytes to
everybody, so this protocol offers an ASGI extension, `tailboard.wire`: write bytes that are already framed,
learn when the socket is full and when it is free, and cut off a client that will never read again, which
ASGI cannot. Pass it to uvicorn as `ws=WireProtocol`. Under any other server the same routes work over
plain ASGI, at a higher cost a client.
"""

from collections.abc import Callable
from typing import Any, Final, Protocol

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

EXTENSION: Final = "tailboard.wire"

_MOST_PARTS: Final = 1024
_UNREAD_S: Final = 1.0
"""How long a last frame may stay unread when the server has no more time."""


class Wire(Protocol):
    """What the extension offers."""

    on_writable: Callable[[], None] | None

    def write_framed(self, data: bytes) -> bool:
        """Write; False when the socket's buffer is now full, or the client is gone."""
        ...

    async def wait_writable(self) -> bool:
        """Return once the buffer is free again; False when the client is gone."""
        ...

    def close(self, code: int, reason: str) -> None:
        """Say goodbye behind what is unsent; drop the connection if that is not read in time."""
        ...


class WireProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol with the extension. A connection that compresses does not offer it:
    its messages have to be framed one by one."""

    on_writable: Callable[[], None] | None = None
    linger_s: float = 10.0
    """How long a goodbye may stay unread, or unanswered, before the connection is dropped."""

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        # The application's task exists but has not run yet; a refused handshake has no scope.
        scope: Any = getattr(self, "scope", None)
        if scope is not None and not self.conn.extensions:
            scope["extensions"][EXTENSION] = self

    def handle_ping(self) -> None:
        """Answer, unless the client does not read its answers: they would pile up for as long as it asks."""
        answer = b"".join(self.conn.data_to_send())
        if self.writable.is_set():
            self.transport.write(answer)

    def handle_cont(self, event: Frame) -> None:
        """The size of a message is bounded elsewhere, and empty parts add nothing to it."""
        if len(self.frames) >= _MOST_PARTS:
            self._refuse_message(1009, f"a message may have {_MOST_PARTS} parts at most")
        else:
            super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text":
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self._refuse_message(1007, "text that is no UTF-8")
                return
        super().send_receive_event_to_app()

    def _refuse_message(self, code: int, reason: str) -> None:
        self.frames = []
        if not self.close_sent:
            self.conn.send_close(code, reason)
            self.handle_parser_exception()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.on_writable is not None:
            self.on_writable()

    def write_framed(self, data: bytes) -> bool:
        if self.disconnected or self.close_sent or self.transport.is_closing():
            return False
        self.transport.write(data)
        return self.writable.is_set()

    async def wait_writable(self) -> bool:
        await self.writable.wait()
        return not (self.disconnected or self.close_sent or self.transport.is_closing())

    def close(self, code: int, reason: str) -> None:
        self.on_writable = None
        if self.disconnected or self.close_sent or self.transport.is_closing():
            return
        self.stop_keepalive()
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(self.linger_s, self.transport.abort)

    def keepalive_timeout(self) -> None:
        """A client that reads nothing cannot answer a ping; how long it may do that is not decided here."""
        if not self.writable.is_set() and not self.transport.is_closing():
            self.pong_timer = None
            self.schedule_ping()
            return
        super().keepalive_timeout()
        self.loop.call_later(_UNREAD_S, self.transport.abort)

    def shutdown(self) -> None:
        # `transport.close` waits for ever for a client that does not read.
        super().shutdown()
        self.loop.call_later(_UNREAD_S, self.transport.abort)
