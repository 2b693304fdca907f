"""Reading workers: their heartbeats, and the jobs that they have in hand."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.sql import Composable

from tailboard.core.job import Status
from tailboard.db.jobs import adopted_listing
from tailboard.db.jobs.adopted import attached
from tailboard.db.jobs.listing import card_of, fragments
from tailboard.db.jobs.page import Card, JobFilter, Reader
from tailboard.db.jobs.reading import Jobs
from tailboard.db.queries import query
from tailboard.errors import SourceFailing

_BUSY: Final = 500
"""Running jobs that are shown of each adopted source."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker as it last spoke; one that never did has only jobs. `silent_s` is by the database's clock."""

    name: str
    info: bytes
    started_at: datetime | None
    seen_at: datetime | None
    silent_s: float | None
    jobs: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class Crew:
    """Everybody who works, by name, and the sources that could not be asked."""

    workers: tuple[Worker, ...]
    failing: tuple[SourceFailing, ...] = ()


class Workers:
    """Raises DatabaseUnavailable and DatabaseError."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    async def list(self) -> Crew:
        """Everybody who was seen within a day or has a job in progress, in whichever source."""
        async with self._jobs.snapshot() as (_, reader):
            await reader.execute(query("workers_jobs").format(**_parts()), prepare=False)
            in_hand: dict[str, list[Card]] = {}
            for name, job_id, card, version in await reader.fetchall():
                in_hand.setdefault(name, []).append(card_of(job_id, card, version))
            failing = await _adopted_jobs(reader, in_hand)
            await reader.execute(query("workers_list"), {"busy": list(in_hand)}, prepare=False)
            rows = await reader.fetchall()
        found = [
            Worker(name, info, started_at, seen_at, silent_s, tuple(in_hand.pop(name, ())))
            for name, info, started_at, seen_at, silent_s in rows
        ]
        found.extend(Worker(name, b"{}", None, None, None, tuple(cards)) for name, cards in in_hand.items())
        return Crew(tuple(sorted(found, key=lambda worker: worker.name)), failing)


async def _adopted_jobs(reader: Reader, in_hand: dict[str, list[Card]]) -> tuple[SourceFailing, ...]:
    """Add what is running in adopted sources, by the worker that the job names."""
    failing = []
    running = JobFilter(statuses=(Status.IN_PROGRESS.value,))
    for source in (await attached(reader)).adopted:
        try:
            for worker, card in await adopted_listing.running(reader, source, running, _BUSY):
                in_hand.setdefault(worker, []).append(card)
        except SourceFailing as error:
            failing.append(error)
    return tuple(failing)


def _parts() -> dict[str, Composable]:
    return {name: part for name, part in fragments().items() if name != "matches"}
