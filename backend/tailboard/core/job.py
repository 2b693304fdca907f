"""What a job is to Tailboard: an identity, a status, and a card of canonical columns."""

from enum import StrEnum
from typing import Final

JobId = int | str
"""A job's id as its source types it: a number where the source's id is one, text otherwise."""


class Status(StrEnum):
    """Where a job stands. Every source maps its own vocabulary onto these seven."""

    SCHEDULED = "scheduled"
    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


STATUSES: Final = tuple(Status)
"""All statuses, in the order in which boards and stats show them."""

BUILTIN_SOURCE: Final = "jobs"
"""The name of the source that Tailboard ships: the table `tailboard.jobs`."""
