"""Reading workers: their heartbeats, and the jobs that they have in hand."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.sql import Composable

from tailboard.db.jobs import Jobs
from tailboard.db.listing import Card, fragments
from tailboard.db.queries import query


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker as it last spoke; one that never did has only jobs. `silent_s` is by the database's clock."""

    name: str
    info: bytes
    started_at: datetime | None
    seen_at: datetime | None
    silent_s: float | None
    jobs: tuple[Card, ...]


class Workers:
    """Raises DatabaseUnavailable and DatabaseError."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    async def list(self) -> tuple[Worker, ...]:
        """Everybody who was seen within a day or has a job in progress, by name."""
        async with self._jobs.snapshot() as (_, reader):
            await reader.execute(query("workers_jobs").format(**_parts()), prepare=False)
            in_hand: dict[str, list[Card]] = {}
            for name, job_id, card, version in await reader.fetchall():
                in_hand.setdefault(name, []).append(Card(job_id, card, version))
            await reader.execute(query("workers_list"), {"busy": list(in_hand)}, prepare=False)
            rows = await reader.fetchall()
        found = [
            Worker(name, info, started_at, seen_at, silent_s, tuple(in_hand.pop(name, ())))
            for name, info, started_at, seen_at, silent_s in rows
        ]
        found.extend(Worker(name, b"{}", None, None, None, tuple(cards)) for name, cards in in_hand.items())
        return tuple(sorted(found, key=lambda worker: worker.name))


def _parts() -> dict[str, Composable]:
    return {name: part for name, part in fragments().items() if name != "matches"}
