"""Presence: which workers are alive, late or lost, and what each has in hand.

Heartbeats are rows that are asked for when somebody looks. They never go through the log or NOTIFY: a
thousand idle workers must not cost the feed anything.
"""

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from time import monotonic
from typing import Final

from tailboard.db.jobs.workers import Worker, Workers
from tailboard.errors import SourceFailing

LATE_S: Final = 30
"""Silence from which a worker is late."""
LOST_S: Final = 120
"""Silence from which nobody counts on it any more."""


class Health(StrEnum):
    """How a worker does, by its last heartbeat."""

    ALIVE = "alive"
    LATE = "late"
    """Silent for longer than its heartbeat should take, yet not long enough to give it up."""
    LOST = "lost"
    UNKNOWN = "unknown"
    """It has jobs but never sent a heartbeat, so its silence says nothing."""


def health(silent_s: float | None) -> Health:
    """What a silence of so many seconds says."""
    if silent_s is None:
        return Health.UNKNOWN
    if silent_s > LOST_S:
        return Health.LOST
    return Health.LATE if silent_s > LATE_S else Health.ALIVE


@dataclass(frozen=True, slots=True)
class Present:
    worker: Worker
    health: Health


class Presence:
    """Answers from memory for `fresh_s` seconds, so that a hundred open pages cost one query. Who asks while one is
    under way shares its answer, or its failure: where the database says nothing, nobody waits for others to wait first.
    """

    def __init__(self, workers: Workers, *, fresh_s: float = 1.0) -> None:
        self._workers = workers
        self._fresh_s = fresh_s
        self._asking: asyncio.Task[None] | None = None
        self._at = float("-inf")
        self._known: tuple[Present, ...] = ()
        self.failing: tuple[SourceFailing, ...] = ()
        """Sources that could not be asked when the workers were last looked at."""
        self.complete = True
        """Whether that was all of them and of their jobs."""

    async def workers(self) -> tuple[Present, ...]:
        """Everybody, by name. Raises DatabaseUnavailable and DatabaseError."""
        if monotonic() - self._at > self._fresh_s:
            if self._asking is None or self._asking.done():
                self._asking = asyncio.create_task(self._ask(), name="tailboard.presence")
            await asyncio.shield(self._asking)  # whoever gives up waits alone
        return self._known

    async def _ask(self) -> None:
        crew = await self._workers.list()
        self._known = tuple(Present(worker, health(worker.silent_s)) for worker in crew.workers)
        self.failing, self.complete = crew.failing, crew.complete
        self._at = monotonic()
