"""LISTEN on one direct connection, supervised by its owner: `wait` returns or raises, and never hangs unseen."""

from types import TracebackType
from typing import Self

from psycopg import sql

from tailboard.db.errors import translated
from tailboard.db.pool import Connection, Database


class Listener:
    """Wakes its owner when a channel rings. Payloads are ignored: NOTIFY is a doorbell, the log is the truth.

        async with Listener(database, "tailboard_tick") as listener:
            rang = await listener.wait(timeout=1.0)

    The connection is also good for queries between waits; one owner, one task. Raises DatabaseUnavailable
    when the connection is lost; the owner makes a new Listener and looks at the log for what it missed.
    """

    def __init__(self, database: Database, channel: str, purpose: str) -> None:
        self._database = database
        self._channel = channel
        self._purpose = purpose
        self.connection: Connection

    async def __aenter__(self) -> Self:
        self.connection = await self._database.direct(self._purpose)
        try:
            with translated():
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
