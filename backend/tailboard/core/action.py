"""What a person can do to a job, and from which statuses."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from tailboard.core.job import Status


class Action(StrEnum):
    """What a person can do to a job."""

    RETRY = "retry"
    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"
    DELETE = "delete"


ALLOWED: Final[Mapping[Action, tuple[Status, ...]]] = {
    Action.RETRY: (Status.FAILED, Status.CANCELLED, Status.COMPLETED),
    Action.CANCEL: (Status.SCHEDULED, Status.PENDING, Status.IN_PROGRESS, Status.PAUSED),
    Action.PAUSE: (Status.SCHEDULED, Status.PENDING),
    Action.RESUME: (Status.PAUSED,),
    Action.DELETE: tuple(status for status in Status if status is not Status.IN_PROGRESS),
}
"""From which statuses each action starts. A running job cannot be paused or deleted under its worker."""


def why_not(job_id: str, action: Action, status: Status) -> str:
    """Why a job that stands so cannot be acted on like this."""
    if action is Action.DELETE:
        return f"Job {job_id} is in progress: cancel it before you delete it."
    *others, last = [status.replace("_", " ") for status in ALLOWED[action]]
    fitting = f"{', '.join(others)} or {last}" if others else last
    return f"Job {job_id} is {status.replace('_', ' ')}; only a job that is {fitting} can be {PARTICIPLE[action]}."


PARTICIPLE: Final = {
    Action.RETRY: "retried",
    Action.CANCEL: "cancelled",
    Action.PAUSE: "paused",
    Action.RESUME: "resumed",
    Action.DELETE: "deleted",
}
