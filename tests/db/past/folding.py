"""The past the plain way: one event after the other, and lists of what stands then."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tailboard.core.change import Op
from tailboard.core.event import Event
from tailboard.db.jobs.page import JobFilter, Sort


@dataclass(frozen=True)
class Stood:
    """A job as the fold in this test has it."""

    born: int
    job: dict[str, Any]
    version: int

    @property
    def name(self) -> tuple[str, str]:
        return self.job["source"], str(self.job["id"])


def fold(events: list[Event], position: int) -> dict[tuple[str, str], Stood]:
    """What stood at a position: the plain way, one event after the other."""
    stood: dict[tuple[str, str], Stood] = {}
    for event in events:
        if event.cursor.position > position:
            break
        change = event.change
        name = (change.source, change.job_id)
        if change.op is Op.RESET:
            stood = {name: job for name, job in stood.items() if name[0] != change.source}
        elif change.op is Op.DELETE:
            stood.pop(name, None)
        else:
            assert change.card is not None
            job = json.loads(change.card) | {"source": change.source}
            before = stood.get(name)
            stood[name] = Stood(event.cursor.position if before is None else before.born, job, change.seq)
    return stood


def matches(job: dict[str, Any], wanted: JobFilter, text: str) -> bool:
    return (
        (not wanted.queues or job["queue"] in wanted.queues)
        and (not wanted.kinds or job["kind"] in wanted.kinds)
        and (not wanted.statuses or job["status"] in wanted.statuses)
        and (not wanted.workers or job["worker"] in wanted.workers)
        and (not wanted.tags or bool(set(job["tags"]) & set(wanted.tags)))
        and (not wanted.sources or job["source"] in wanted.sources)
        and (not text or text in {str(job["id"]), job["kind"], job["queue"]})
    )


def ordered(stood: list[Stood], sort: Sort) -> list[Stood]:
    def moment(value: str | None) -> float:
        return -1.0 if value is None else datetime.fromisoformat(value).timestamp()

    match sort:
        case "newest":
            return sorted(stood, key=lambda one: -one.born)
        case "oldest":
            return sorted(stood, key=lambda one: one.born)
        case "priority":
            return sorted(stood, key=lambda one: (-one.job["priority"], one.born))
        case _:
            return sorted(stood, key=lambda one: (-moment(one.job[f"{sort}_at"]), -one.born))
