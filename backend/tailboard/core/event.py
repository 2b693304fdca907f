"""An event: a change with a place in the total order and a kind."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from tailboard.core.change import Change
from tailboard.core.cursor import Cursor


class EventKind(StrEnum):
    """What a change means to somebody who watches jobs. `frames` uses the value as the frame's `type`."""

    JOB_CREATED = "job_created"
    JOB_STARTED = "job_started"
    JOB_COMPLETED = "job_completed"
    JOB_FAILED = "job_failed"
    JOB_UPDATED = "job_updated"
    JOB_DELETED = "job_deleted"
    SOURCE_RESET = "source_reset"
    """The source was truncated or reconciled: forget its jobs and load them again."""


class Event(msgspec.Struct, frozen=True, gc=False):
    """`cursor` is the place after this event: a reader that continues there gets the next one."""

    cursor: Cursor
    kind: EventKind
    change: Change


class Tick(msgspec.Struct, frozen=True, gc=False):
    """A sealed batch: all its events became readable at once, in this order.

    `tick_id` is dense. `cursor` is the place after the tick's last event. `at` is when it was sealed, by the
    database's clock.

    `quiet` is None where every event is there. A digest, for those who only count, has no cards, facets for the folds
    alone, and one place for all its events; updates that move no count are a number for each source in `quiet`.

    No later tick holds a change whose `seq` is `solid` or less; 0 claims nothing.

    `age_s` is how long ago it was sealed when it was read, by the database's clock alone.
    """

    tick_id: int
    cursor: Cursor
    events: tuple[Event, ...]
    at: datetime | None = None
    quiet: Mapping[str, int] | None = None
    solid: int = 0
    age_s: float | None = None

    @property
    def n(self) -> int:
        """How many changes it holds."""
        return len(self.events) + sum((self.quiet or {}).values())
