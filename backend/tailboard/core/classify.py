"""What a change means: the one place that decides an event's kind.

`tailboard.classify(op, from, to)` in SQL is its twin; a test compares them over every combination.
"""

from typing import assert_never

from tailboard.core.change import Op
from tailboard.core.event import EventKind


def classify(op: Op, old_status: str | None, new_status: str | None) -> EventKind:
    """Name the kind of a change. Only a change *to* a status starts, completes or fails a job:
    progress on a running job, or a new error text on a failed one, is an update. A DELETE completes or fails a
    job where that is what it means in its source; a job that had ended so before is just deleted.
    """
    match op:
        case Op.INSERT:
            return EventKind.JOB_CREATED
        case Op.UPDATE:
            return _arrival(old_status, new_status) or EventKind.JOB_UPDATED
        case Op.DELETE:
            kind = _arrival(old_status, new_status)
            return EventKind.JOB_DELETED if kind is None or kind is EventKind.JOB_STARTED else kind
        case Op.RESET:
            return EventKind.SOURCE_RESET
        case _:
            assert_never(op)


def _arrival(old_status: str | None, new_status: str | None) -> EventKind | None:
    """What reaching the new status is called, where it is reached and has a name."""
    if old_status == new_status:
        return None
    match new_status:
        case "in_progress":
            return EventKind.JOB_STARTED
        case "completed":
            return EventKind.JOB_COMPLETED
        case "failed":
            return EventKind.JOB_FAILED
        case _:
            return None
