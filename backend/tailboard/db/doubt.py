"""Telling an answer that takes its time from one that will not come."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from psycopg.pq import TransactionStatus

from tailboard.db.errors import translated
from tailboard.db.pool import Connection, Database, hang_up
from tailboard.errors import TailboardError

_DOUBT_S: Final = 1.0
"""How long answers may take before it is looked into."""
_STILL_S: Final = 0.5
"""Who waits for an answer as long as this, and for one that the server says it gave before, will not get it."""
_SECOND_OPINION_S: Final = 6.0
"""How long that may take before nobody answers at all."""
_ASK_AGAIN_S: Final = 2.0

# Where the server tracks no activities it says "disabled": then nothing is known against it.
_WORKS: Final = (
    "SELECT state NOT LIKE 'idle%%' OR state_change > clock_timestamp() - interval '1 second' * %s"
    " FROM pg_stat_activity WHERE pid = %s"
)


class Doubt:
    """About one direct connection, which has fallen silent or is at work: only another can tell.

    doubt = Doubt(database, connection, "sealer")
    with doubt.asking():
        await connection.execute(…)
    """

    def __init__(self, database: Database, connection: Connection, purpose: str) -> None:
        self._database = database
        self._connection = connection
        self._purpose = purpose
        self._doubting: asyncio.Task[None] | None = None

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Around queries on the connection. One whose answer does not come, although the server is not at it any
        more, raises DatabaseUnavailable: a connection that fell silent is otherwise like a slow one, for ever.
        Between queries their owner may take its time.
        """
        late = asyncio.get_running_loop().call_later(_DOUBT_S, self._begin)
        try:
            yield
        finally:
            late.cancel()
            if self._doubting is not None:
                self._doubting.cancel()
                self._doubting = None

    def _begin(self) -> None:
        self._doubting = asyncio.create_task(
            self._hang_up_if_silent(), name=f"tailboard.{self._purpose}.doubt"
        )

    async def _hang_up_if_silent(self) -> None:
        pid = self._connection.info.backend_pid
        while True:
            if await self._waits():
                try:
                    async with asyncio.timeout(_SECOND_OPINION_S):
                        works = await self._works(pid)
                except (TailboardError, TimeoutError):
                    works = True  # nobody answers: there is nothing to go to instead
                if not works:
                    hang_up(self._connection)
                    return
            await asyncio.sleep(_ASK_AGAIN_S)

    async def _waits(self) -> bool:
        """Whether an answer has been waited for all the time. If it was another one at first, the server was at work
        since, and says so.
        """
        if self._connection.info.transaction_status != TransactionStatus.ACTIVE:
            return False
        await asyncio.sleep(_STILL_S)
        return self._connection.info.transaction_status == TransactionStatus.ACTIVE

    async def _works(self, pid: int) -> bool:
        """Whether the server, asked on a new connection, is working for the backend or waiting for a lock in it, or
        was a moment ago.
        """
        with translated():
            async with await self._database.direct(f"{self._purpose} doubt") as other:
                row = await (await other.execute(_WORKS, [2 * _STILL_S, pid])).fetchone()
        return row is not None and bool(row[0])
