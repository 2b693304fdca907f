"""What a job is to Tailboard: an identity, a status, and a card of canonical columns."""

from enum import StrEnum
from typing import Final, NamedTuple

JobId = int | str
"""A job's id as its source types it: a number where the source's id is one, text otherwise."""


class JobName(NamedTuple):
    """A job wherever it is named: `source/id`. The id is text, whatever its source types it as."""

    source: str
    id: str

    def __str__(self) -> str:
        return f"{self.source}/{self.id}"

    @classmethod
    def parse(cls, text: str) -> "JobName":
        """Read `source/id`. No source's name holds a slash, while an id may."""
        source, _, job_id = text.partition("/")
        return cls(source, job_id)


class Status(StrEnum):
    """Where a job stands. Every source maps its own vocabulary onto these seven."""

    SCHEDULED = "scheduled"
    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


def lasting(status: str) -> str:
    """The status without what time alone changes: `scheduled` becomes `pending` by no write, so both are `pending`."""
    return Status.PENDING.value if status == Status.SCHEDULED else status


STATUSES: Final = tuple(Status)
"""All statuses, in the order in which boards and stats show them."""

BUILTIN_SOURCE: Final = "jobs"
"""The name of the source that Tailboard ships: the table `tailboard.jobs`."""
