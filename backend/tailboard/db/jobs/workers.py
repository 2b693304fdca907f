"""Reading workers: their heartbeats, and the jobs that they have in hand."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.sql import Composable

from tailboard.core.job import Status
from tailboard.db.jobs import adopted_listing
from tailboard.db.jobs.adopted import READ_WITHIN_S, attached
from tailboard.db.jobs.listing import card_of, fragments
from tailboard.db.jobs.page import Card, JobFilter
from tailboard.db.jobs.reading import Jobs
from tailboard.db.queries import query
from tailboard.errors import SourceFailing

_SHOWN: Final = 2000
"""Workers with a heartbeat that are shown, and running jobs of the built-in source."""
_SHOWN_OF_ADOPTED: Final = 500
"""Running jobs that are shown of each adopted source."""
_RUNNING_WITHIN_S: Final = 6.0
"""How long all adopted sources together may take."""
_RUNNING: Final = JobFilter(statuses=(Status.IN_PROGRESS.value,))


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
    """Everybody who works, by name, and the sources that could not be asked.

    Not `complete` where there are more of them, or of their jobs, than a board shows.
    """

    workers: tuple[Worker, ...]
    complete: bool = True
    failing: tuple[SourceFailing, ...] = ()


class Workers:
    """Raises DatabaseUnavailable and DatabaseError."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    async def list(self) -> Crew:
        """Everybody who was seen within a day or has a job in progress, in whichever source."""
        async with self._jobs.snapshot() as (_, reader):
            await reader.execute(query("workers_jobs").format(**_parts()), {"most": _SHOWN}, prepare=False)
            running = [
                (name, card_of(job_id, card, version))
                for name, job_id, card, version in await reader.fetchall()
            ]
            complete = len(running) < _SHOWN
            failing = []
            deadline = time.monotonic() + _RUNNING_WITHIN_S
            for source in (await attached(reader)).adopted:
                try:
                    within_s = min(READ_WITHIN_S, deadline - time.monotonic())
                    found = await adopted_listing.running(
                        reader, source, _RUNNING, _SHOWN_OF_ADOPTED, within_s
                    )
                except SourceFailing as error:
                    failing.append(error)
                else:
                    running += found
                    complete = complete and len(found) < _SHOWN_OF_ADOPTED
            in_hand: dict[str, list[Card]] = {}
            for name, card in running:
                in_hand.setdefault(name, []).append(card)
            await reader.execute(
                query("workers_list"), {"busy": list(in_hand), "most": _SHOWN}, prepare=False
            )
            rows = await reader.fetchall()
        crew = [
            Worker(name, info, started_at, seen_at, silent_s, tuple(in_hand.pop(name, ())))
            for name, info, started_at, seen_at, silent_s in rows
        ]
        crew.extend(Worker(name, b"{}", None, None, None, tuple(cards)) for name, cards in in_hand.items())
        return Crew(
            tuple(sorted(crew, key=lambda worker: worker.name)),
            complete and len(rows) < _SHOWN,
            tuple(failing),
        )


def _parts() -> dict[str, Composable]:
    return {name: part for name, part in fragments().items() if name != "matches"}
