"""What a scrape asks the database: each question is cheap, looks at so many rows at most, and gets so long.

None reads an owner's table, and one that is refused or held up takes none of the others with it.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeVar

from psycopg.rows import class_row

from tailboard.db.adopting.upkeep import Registered, healths, registered
from tailboard.db.errors import translated
from tailboard.db.pool import Connection
from tailboard.db.queries import query
from tailboard.errors import DatabaseUnavailable, TailboardError
from tailboard.sources.health import Health

T = TypeVar("T")

_IN_TIME: Final = "SET LOCAL statement_timeout = '300ms'"
"""Five questions take less together than what gives up the connection that they are asked on."""
_WORKERS: Final = 100_000
"""Heartbeats that are looked at; nobody deletes those of workers that are long gone."""
_JOBS: Final = 2000
"""Jobs in progress that are looked at, the oldest: those that a worker left behind are among them."""

_logger = logging.getLogger("tailboard.gauges")


class LogGauges(NamedTuple):
    """The columns of `gauges/log.sql`: the log's size, the age of its oldest tick, its first and last position."""

    bytes: int
    reach_s: float
    first_position: int
    last_position: int


class WorkerGauges(NamedTuple):
    """The columns of `gauges/workers.sql`: workers, and built-in jobs that they have, by how they are."""

    alive: int
    late: int
    lost: int
    held_alive: int
    held_late: int
    held_lost: int


@dataclass(slots=True)
class Readings:
    """What could be read; None, or nothing, where there was no answer in time."""

    answered: bool = False
    """The database was there."""
    log: LogGauges | None = None
    workers: WorkerGauges | None = None
    notify_queue: float | None = None
    """How full the queue of notifications is, from 0 to 1."""
    registered: list[Registered] = field(default_factory=list)
    """The sources, the built-in one too."""
    adopted: list[Health] = field(default_factory=list)

    async def take(self, connection: Connection, *, late_s: float, lost_s: float) -> None:
        """Ask all of it; what was read stays where the connection ends meanwhile. Raises DatabaseUnavailable."""

        async def workers(asked: Connection) -> WorkerGauges | None:
            most = {"late_s": late_s, "lost_s": lost_s, "workers": _WORKERS, "jobs": _JOBS}
            async with asked.cursor(row_factory=class_row(WorkerGauges)) as cursor:
                return await (await cursor.execute(query("gauges_workers"), most)).fetchone()

        with translated():
            await connection.execute("SELECT")
        self.answered = True
        self.log = await _asked(connection, _log)
        self.workers = await _asked(connection, workers)
        self.notify_queue = await _asked(connection, _notify_queue)
        self.registered = await _asked(connection, registered) or []
        self.adopted = await _asked(connection, healths) or []


async def _asked(connection: Connection, read: Callable[[Connection], Awaitable[T]]) -> T | None:
    """What a question gives, or None where it fails or takes too long."""
    try:
        with translated():
            async with connection.transaction():
                await connection.execute(_IN_TIME)
                return await read(connection)
    except DatabaseUnavailable:
        raise
    except TailboardError as error:
        _logger.debug("a scrape goes without an answer: %s", error)
        return None


async def _log(connection: Connection) -> LogGauges | None:
    async with connection.cursor(row_factory=class_row(LogGauges)) as cursor:
        return await (await cursor.execute(query("gauges_log"))).fetchone()


async def _notify_queue(connection: Connection) -> float | None:
    row = await (await connection.execute(query("doctor_notify"))).fetchone()
    return None if row is None else float(row[0])
