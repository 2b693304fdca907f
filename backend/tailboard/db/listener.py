"""LISTEN on one direct connection, supervised by its owner: `wait` returns or raises, and never hangs unseen."""

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final, Self

from psycopg import sql

from tailboard.db.doubt import Doubt
from tailboard.db.errors import translated
from tailboard.db.pool import Connection, Database, beginning

# The owner never leaves the connection alone for long. One that does is frozen, or cut off without either end knowing:
# then its locks and its place in the queue of notifications must not outlive it.
# What is asked here again and again is planned once: PostgreSQL would plan it anew each time, in the belief that this
# pays, and take several times as long for that as for the answer.
_LISTEN: Final = (
    "SELECT set_config('idle_session_timeout', %(ms)s, false)"
    ", set_config('idle_in_transaction_session_timeout', %(ms)s, false)"
    ", set_config('plan_cache_mode', 'force_generic_plan', false)"
)


class Listener:
    """Wakes its owner when a channel rings. Payloads are ignored: NOTIFY is a doorbell, the log is the truth.

        async with Listener(database, "tailboard_tick", silence_s=60) as listener:
            rang = await listener.wait(timeout=1.0)

    The connection is also good for queries between waits; one owner, one task. Raises DatabaseUnavailable
    when the connection is lost; the owner makes a new Listener and looks at the log for what it missed.
    While its owner looks by itself, a listener may be `deaf`: every NOTIFY in a database, of whatever channel, wakes
    every session that LISTENs, and a queue may have one for every job.
    `silence_s` is how long the owner may ask nothing before the server ends the connection.
    """

    def __init__(
        self, database: Database, channel: str, purpose: str, *, silence_s: float, deaf: bool = False
    ) -> None:
        self._database = database
        self._channel = channel
        self._purpose = purpose
        self._silence_s = silence_s
        self._deaf = deaf
        self._doubt: Doubt
        self.connection: Connection

    async def __aenter__(self) -> Self:
        self.connection = await self._database.direct(self._purpose)
        try:
            with translated(), beginning(self.connection):
                await self.connection.execute(_LISTEN, {"ms": str(int(self._silence_s * 1000))})
                if not self._deaf:
                    await self._listen()
        except BaseException:
            await self.connection.close()
            raise
        self._doubt = Doubt(self._database, self.connection, self._purpose)
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

    async def hear(self) -> bool:
        """Be deaf no longer; return whether it was: then the owner has to look for what rang meanwhile."""
        was, self._deaf = self._deaf, False
        if was:
            with translated():
                await self._listen()
        return was

    async def turn_deaf(self) -> None:
        """Let nothing wake this session until `hear`."""
        if not self._deaf:
            self._deaf = True
            with translated():
                await self.connection.execute("UNLISTEN *")

    async def _listen(self) -> None:
        await self.connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))

    def asking(self) -> AbstractContextManager[None]:
        """Around queries on the connection: one whose answer will not come raises DatabaseUnavailable."""
        return self._doubt.asking()
