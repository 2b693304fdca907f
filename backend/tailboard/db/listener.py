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
_LISTEN: Final = (
    "SELECT set_config('idle_session_timeout', %(ms)s, false)"
    ", set_config('idle_in_transaction_session_timeout', %(ms)s, false)"
)


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
        self._doubt: Doubt
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

    def asking(self) -> AbstractContextManager[None]:
        """Around queries on the connection: one whose answer will not come raises DatabaseUnavailable."""
        return self._doubt.asking()
