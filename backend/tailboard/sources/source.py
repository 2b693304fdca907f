"""A source: a handful of SQL expressions that say how the rows of somebody's table are jobs.

    [sources.orders]
    table = "public.order_exports"
    id = "id"
    queue = "region"
    status = { column = "state", map = { new = "pending", busy = "in_progress", ok = "completed" } }

The same expressions make the capture and the reading function, so the two cannot disagree. They are written over
the bare columns of the row; where a subquery needs to name the row, it is called `job`:
`(SELECT e.at FROM public.events AS e WHERE e.job_id = job.id)`. Everything outside of PostgreSQL's own catalog,
also in an expression, is written with its schema.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from tailboard.core.action import Action
from tailboard.core.job import Status
from tailboard.sources.sqltext import TableName


class Column(StrEnum):
    """What a source may say about a job beside its id and status, in the order of the card."""

    QUEUE = "queue"
    KIND = "kind"
    PRIORITY = "priority"
    ATTEMPT = "attempt"
    MAX_ATTEMPTS = "max_attempts"
    PROGRESS = "progress"
    PHASE = "phase"
    PHASES = "phases"
    WORKER = "worker"
    ERROR = "error"
    TAGS = "tags"
    CREATED_AT = "created_at"
    SCHEDULED_AT = "scheduled_at"
    STARTED_AT = "started_at"
    FINISHED_AT = "finished_at"
    PAYLOAD = "payload"
    RESULT = "result"


GONE: Final = "gone"
"""`deleted`: a row that is deleted was deleted, and that is all there is to say."""

STRAY_STATUS: Final = Status.PAUSED
"""Where a job stands whose status nothing maps at run time: on the board, not at work, and counted as a fault."""

ROW: Final = "job"
"""What the row is called in expressions that need to name it."""


@dataclass(frozen=True, slots=True)
class StatusColumn:
    """A status that is in one column: its values, as text, and what each means."""

    column: str
    map: Mapping[str, Status]

    def natives(self, status: Status) -> tuple[str, ...]:
        """The values that mean `status`, before `due` is looked at."""
        return tuple(value for value, meant in self.map.items() if meant is status)


@dataclass(frozen=True, slots=True)
class Follow:
    """A second table whose rows decide a job's status; `job` is its expression that gives the job's id."""

    table: TableName
    job: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One adopted table. Make it with `parsing.parse` or `parsing.from_definition`, which check it.

    Expressions are SQL text. `due`: a timestamptz; a row that maps to `pending` is `scheduled` until then, and by time
    alone `pending` from then on. It must follow from the row, not from the clock. `deleted`: `gone`, a status, or an
    expression over the old row that gives one or NULL. `running`: true while a job is at work, where no row says
    so; asked again and again. `looked_up`: a query over the row `job` that gives several columns by their names, the
    same as their expressions give: one look at another table costs a worker less than one for each column.
    """

    name: str
    table: TableName
    id: str
    status: StatusColumn | str
    columns: Mapping[Column, str] = field(default_factory=dict)
    due: str | None = None
    deleted: str = GONE
    running: str | None = None
    looked_up: str | None = None
    actions: Mapping[Action, str] = field(default_factory=dict)
    follows: tuple[Follow, ...] = ()
    attach_note: str | None = None
    definition: Mapping[str, Any] = field(default_factory=dict)
    """What it was parsed from, with every placeholder filled in; `parsing.from_definition` reads it back."""

    @property
    def remembers(self) -> bool:
        """Whether the row before an UPDATE does not tell the job's former status, so that it has to be kept."""
        return bool(self.follows) or self.running is not None

    @property
    def native_status(self) -> str | None:
        """The expression of the status as the queue writes it; None where no single column holds it."""
        return self.status.column if isinstance(self.status, StatusColumn) else None

    @property
    def deleted_status(self) -> Status | None:
        """What every DELETE means, where it always means the same; None where it is `gone` or an expression."""
        return Status(self.deleted) if self.deleted in _STATUS_NAMES else None


_STATUS_NAMES: Final = frozenset(Status)
