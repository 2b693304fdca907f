"""Connections: the pool for ordinary queries, and single direct ones for those who hold a lock or LISTEN.

All of them are autocommit, and set up as `session` says.

Behind a transaction pooler a session is shared with strangers: nothing may be prepared in it, and what is set for the
session would reach the workers' queries, or not our own. There every use is a transaction with settings of its own.
"""

import asyncio
import os
import select
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, suppress
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from tailboard.db.errors import translated
from tailboard.db.queries import query
from tailboard.db.session import address, set_up
from tailboard.errors import InvalidSetting

Connection = AsyncConnection[tuple[Any, ...]]

# A peer that vanished without a word is noticed within about 20 seconds, in both directions.
_KEEPALIVE: Final = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 20_000,
}
# Every query here knows its index, but a fresh leaf of the log has no statistics and a plan that starts by reading
# all of it would be chosen now and then.
# A transaction whose owner was cut off without either end knowing must not hold its locks for ever.
_OURS: Final = {"enable_seqscan": "off", "idle_in_transaction_session_timeout": "30s"}
_SESSION: Final = set_up(_OURS)
_LOCAL: Final = set_up(_OURS, local=True)
_PLAIN: Final = b"SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE; "
_DIRECT_SESSION: Final = set_up(
    _OURS | {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "2"}
)

_ANSWER_WITHIN_S: Final = 20.0
"""Pooled connections are for short work; one that is busy for longer has lost its server without knowing."""
_RECONNECT_S: Final = 2.0
"""The pool doubles the time between attempts for as long as it may go on: after a long outage the next one would be far
away. So it gives up soon, and whoever waits has it begin anew."""
_BEGIN_WITHIN_S: Final = 5.0
"""For the first answers of a new connection; the handshake before them has the same."""


class Database:
    """One PostgreSQL database, reached through a pool.

    `listen_url` is the way past a transaction pooler such as PgBouncer, for connections that hold session
    state; without one the pool's URL serves. Raises DatabaseUnavailable and DatabaseError, never psycopg's.
    """

    def __init__(self, url: str, listen_url: str | None = None, *, pool_size: int = 8) -> None:
        self.url = url
        self.listen_url = listen_url or url
        self._behind_pooler = self.listen_url != url
        self.pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            address(url, "", **_KEEPALIVE),
            min_size=1,
            max_size=pool_size,
            max_waiting=200,
            timeout=10,
            reconnect_timeout=_RECONNECT_S,
            reconnect_failed=self._try_again,
            kwargs={"autocommit": True} | ({"prepare_threshold": None} if self._behind_pooler else {}),
            check=self._check,
            configure=None if self._behind_pooler else _configure,
            open=False,
            name="tailboard",
        )
        self._renewing: asyncio.Task[None] | None = None
        self._trying: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Be ready for queries, or raise DatabaseUnavailable; or InvalidSetting where the two URLs lead to two
        databases, of which one would be sealed and followed, and the other listed.
        """
        with translated():
            await self.pool.open(wait=True, timeout=10)
            if not self._behind_pooler:
                return
            async with self.connection() as pooled, await self.direct("check") as direct:
                if await _database_of(pooled) != await _database_of(direct):
                    raise InvalidSetting(
                        "TAILBOARD_LISTEN_URL leads to another database than TAILBOARD_DATABASE_URL: give the direct"
                        " address of the same one."
                    )

    async def close(self) -> None:
        await self.pool.close(timeout=3)

    @asynccontextmanager
    async def connection(self, *, within_s: float = _ANSWER_WITHIN_S) -> AsyncIterator[Connection]:
        """A pooled connection for single statements, or for short transactions of the caller's own. It is ended, with
        DatabaseUnavailable, where the caller is not done with it `within_s`.
        """
        with translated():
            async with self._pooled(within_s) as connection:
                if not self._behind_pooler:
                    yield connection
                    return
                async with connection.transaction():
                    await connection.execute(_PLAIN + _LOCAL)
                    yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        """A read-only REPEATABLE READ transaction: every query in it sees the same moment."""
        with translated():
            async with self._pooled(_ANSWER_WITHIN_S) as connection, connection.transaction():
                await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                if self._behind_pooler:
                    await connection.execute(_LOCAL)
                yield connection

    @asynccontextmanager
    async def _pooled(self, within_s: float) -> AsyncIterator[Connection]:
        """One that fell silent is given up, whoever waits for it, and the others of the pool with it: what silenced
        it may well have silenced them, and each would cost somebody this wait.
        """
        async with self.pool.connection() as connection:
            with _answering(connection, within_s, self._renew):
                yield connection

    async def _check(self, connection: Connection) -> None:
        """Nobody is given a connection that the server has ended: it said so, and to listen asks nothing of it."""
        try:
            listening = select.poll()  # select() takes no descriptor over 1,023, and every client has one
            listening.register(connection.fileno(), select.POLLIN)
            while listening.poll(0):
                connection.pgconn.consume_input()
        except psycopg.OperationalError:
            self._renew()  # what ended this one may have ended others
            raise

    def _renew(self) -> None:
        self._renewing = asyncio.create_task(self.pool.drain(), name="tailboard.pool.renewal")

    async def _try_again(self, pool: AsyncConnectionPool[Connection]) -> None:
        """A pool that gave up connects again for the next who asks, and not for those who wait already."""
        if pool.get_stats().get("requests_waiting", 0) > 0:
            self._trying = asyncio.create_task(self._ask(), name="tailboard.pool.retry")

    async def _ask(self) -> None:
        with suppress(psycopg.OperationalError):  # timed out, too many, closed: what counts is to have asked
            async with self.pool.connection(timeout=0.01):
                pass

    async def direct(self, purpose: str) -> Connection:
        """A connection of the caller's own, past any pooler. The caller closes it."""
        with translated():
            connection = await AsyncConnection.connect(
                address(self.listen_url, purpose, **_KEEPALIVE), autocommit=True
            )
            try:
                with beginning(connection):
                    await connection.execute(_DIRECT_SESSION)
            except BaseException:
                await connection.close()
                raise
        return connection


async def _configure(connection: Connection) -> None:
    with beginning(connection):
        await connection.execute(_SESSION)


async def _database_of(connection: Connection) -> object:
    return await (await connection.execute(query("log_database"))).fetchone()


def beginning(connection: Connection) -> AbstractContextManager[None]:
    """Around the first queries on a new connection: a server that shook hands may yet fall silent."""
    return _answering(connection, _BEGIN_WITHIN_S)


@contextmanager
def _answering(
    connection: Connection, within_s: float, given_up: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """End the connection where its user is not done with it in time, and tell."""

    def give_up() -> None:
        hang_up(connection)
        given_up()

    overdue = asyncio.get_running_loop().call_later(within_s, give_up)
    try:
        yield
    finally:
        overdue.cancel()


def hang_up(connection: Connection) -> None:
    """End a connection under whoever waits for its answer: their query fails at once, with DatabaseUnavailable.

    Cancelling them would not do: it asks the server to cancel as well, and waits for its answer.
    """
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as ours:
        ours.shutdown(socket.SHUT_RDWR)
