"""LISTEN on one direct connection, supervised by its owner: `wait` returns or raises, and never hangs unseen."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self

from psycopg import sql

from tailboard.db.errors import translated
from tailboard.db.pool import Connection, Database, beginning, hang_up
from tailboard.errors import TailboardError

_DOUBT_S: Final = 1.5
"""How long an answer may take before the server is asked elsewhere whether it is still at it."""
_SECOND_OPINION_S: Final = 6.0
"""How long that may take before nobody answers at all."""
_ASK_AGAIN_S: Final = 2.0

# The owner never leaves the connection alone for long. One that does is frozen, or cut off without either end knowing:
# then its locks and its place in the queue of notifications must not outlive it.
_LISTEN: Final = (
    "SELECT set_config('idle_session_timeout', %(ms)s, false)"
    ", set_config('idle_in_transaction_session_timeout', %(ms)s, false)"
)
# Where the server tracks no activities it says "disabled": then nothing is known against it.
_WORKS: Final = "SELECT state NOT LIKE 'idle%%' FROM pg_stat_activity WHERE pid = %s"


class Listener:
    """Wakes its owner when a channel rings. Payloads are ignored: NOTIFY is a doorbell, the log is the truth.

        async with Listener(database, "tailboard_tick", silence_s=60) as listener:
            rang = await listener.wait(timeout=1.0)

    The connection is also good for queries between waits; one owner, one task. Raises DatabaseUnavailable
    when the connection is lost; the owner makes a new Listener and looks at the log for what it missed.
    `silence_s` is how long the owner may ask nothing before the server ends the connection.
    """

    def __init__(self, database: Database, channel: str, purpose: str, *, silence_s: float) -> None:
        self._database = database
        self._channel = channel
        self._purpose = purpose
        self._silence_s = silence_s
        self._doubting: asyncio.Task[None] | None = None
        self.connection: Connection

    async def __aenter__(self) -> Self:
        self.connection = await self._database.direct(self._purpose)
        try:
            with translated(), beginning(self.connection):
                await self.connection.execute(_LISTEN, {"ms": str(int(self._silence_s * 1000))})
                await self.connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))
        except BaseException:
            await self.connection.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.connection.close()

    async def wait(self, timeout: float) -> bool:  # noqa: ASYNC109  # the driver's own, which loses no notification
        """Return True as soon as the channel has rung since the last call, False after `timeout` seconds."""
        rang = False
        with translated():
            async for _ in self.connection.notifies(timeout=timeout, stop_after=1):
                rang = True
        return rang

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Around queries on the connection. One whose answer does not come, although the server is not at it any
        more, raises DatabaseUnavailable: a connection that fell silent is otherwise like a slow one, for ever.
        """
        late = asyncio.get_running_loop().call_later(_DOUBT_S, self._doubt)
        try:
            yield
        finally:
            late.cancel()
            if self._doubting is not None:
                self._doubting.cancel()
                self._doubting = None

    def _doubt(self) -> None:
        self._doubting = asyncio.create_task(
            self._hang_up_if_silent(), name=f"tailboard.{self._purpose}.doubt"
        )

    async def _hang_up_if_silent(self) -> None:
        pid = self.connection.info.backend_pid
        while True:
            try:
                async with asyncio.timeout(_SECOND_OPINION_S):
                    works = await self._works(pid)
            except (TailboardError, TimeoutError):
                works = True  # nobody answers: there is nothing to go to instead
            if not works:
                hang_up(self.connection)
                return
            await asyncio.sleep(_ASK_AGAIN_S)

    async def _works(self, pid: int) -> bool:
        """Whether the server, asked on a new connection, is working for the backend or waiting for a lock in it."""
        with translated():
            async with await self._database.direct(f"{self._purpose} doubt") as other:
                row = await (await other.execute(_WORKS, [pid])).fetchone()
        return row is not None and bool(row[0])
