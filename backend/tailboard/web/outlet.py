"""Outlets over plain ASGI and over the wire, and the way a connection is ended from outside.

A connection's coroutine waits in `receive` for as long as the client is there. To end it, the hub moves
the deadline of that wait to now; the coroutine then says goodbye itself. So a connection needs no second
task, except where ASGI's `send` has to be awaited.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from types import TracebackType
from typing import Any, Final

from tailboard.core.frames import Form, Parcel
from tailboard.live.subscription import Disconnected, Ending
from tailboard.web.wire import Wire

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

GOODBYE_S: Final = 1.0
"""How long a last frame over plain ASGI may wait for a client that does not read."""


class Deadline:
    """A time limit that can be moved to now, with the reason. `async with deadline:` ends quietly."""

    __slots__ = ("_scope", "ending")

    def __init__(self) -> None:
        self.ending: Ending | None = None
        self._scope = asyncio.timeout(None)

    async def __aenter__(self) -> None:
        await self._scope.__aenter__()
        if self.ending is not None:
            self._now()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        try:
            await self._scope.__aexit__(kind, error, trace)
        except TimeoutError:
            if not self._scope.expired():
                raise
            return True
        return False

    def limit(self, seconds: float, ending: Ending) -> None:
        """End with this ending unless lifted before."""
        if self.ending is None:
            self.ending = ending
            self._scope.reschedule(asyncio.get_running_loop().time() + seconds)

    def lift(self, ending: Ending) -> None:
        """Take back the limit with this ending, if it still stands."""
        if self.ending is ending and not self._scope.expired():
            self.ending = None
            self._scope.reschedule(None)

    def end(self, ending: Ending) -> None:
        """End now. Only the first ending counts, but it comes before any limit that has not passed."""
        when = self._scope.when()
        if self.ending is not None and when is not None and when <= asyncio.get_running_loop().time():
            return
        self.ending = ending
        self._now()

    def _now(self) -> None:
        try:
            self._scope.reschedule(asyncio.get_running_loop().time())
        except RuntimeError:
            # Not entered yet: `__aenter__` looks again. Or over already: nothing is left to end.
            return


class WireOutlet:
    """Writes shared, framed bytes straight to the socket. No task, no copy."""

    __slots__ = ("_deadline", "_wire", "form")

    def __init__(self, wire: Wire, form: Form, deadline: Deadline) -> None:
        self.form = form
        self._wire = wire
        self._deadline = deadline

    def bind(self, resume: Callable[[], None]) -> None:
        self._wire.on_writable = resume

    def write(self, parcel: Parcel) -> bool:
        return self._wire.write_framed(parcel.rendered(self.form))

    async def drain(self) -> None:
        if not await self._wire.wait_writable():
            raise Disconnected

    def finish(self, ending: Ending) -> None:
        self._deadline.end(ending)


class SendOutlet:
    """Sends over ASGI, one parcel at a time, from a task of its own (`run`)."""

    __slots__ = ("_broken", "_deadline", "_free", "_next", "_resume", "_send_parcel", "_wake", "form")

    def __init__(
        self, send_parcel: Callable[[Parcel], Awaitable[None]], form: Form, deadline: Deadline
    ) -> None:
        self.form = form
        self._send_parcel = send_parcel
        self._deadline = deadline
        self._resume: Callable[[], None] | None = None
        self._next: Parcel | None = None
        self._wake = asyncio.Event()
        self._free = asyncio.Event()
        self._broken = False

    def bind(self, resume: Callable[[], None]) -> None:
        self._resume = resume

    def write(self, parcel: Parcel) -> bool:
        self._next = parcel
        self._free.clear()
        self._wake.set()
        return False

    async def drain(self) -> None:
        await self._free.wait()
        if self._broken:
            raise Disconnected

    def finish(self, ending: Ending) -> None:
        self._deadline.end(ending)

    async def run(self) -> None:
        """Send until cancelled or the client is gone."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                parcel, self._next = self._next, None
                if parcel is not None:
                    await self._send_parcel(parcel)
                self._free.set()
                if self._resume is not None:
                    self._resume()
        except OSError:
            self._broken = True
            self._free.set()
