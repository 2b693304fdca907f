"""The shapes of answers, for the OpenAPI document. Answers themselves are bytes; tests hold them to these."""

from datetime import datetime
from typing import Any, Literal

from litestar.openapi.datastructures import ResponseSpec
from msgspec import UNSET, Struct, UnsetType

from tailboard.core.event import EventKind
from tailboard.core.job import Status
from tailboard.live.subscription import ConnectionInfo


class Job(Struct, kw_only=True):
    """The canonical card. `version` grows with every change; `omitted` names values too large for a list.

    `id` is a number where the source's id is one. A job that is `scheduled` is `pending` from `due` on, where it
    has that, without any further event. Outside the built-in source any field may be null but id and status.
    """

    source: str
    version: int
    id: int | str
    queue: str | None
    kind: str | None
    status: Status
    priority: int | None
    attempt: int | None
    max_attempts: int | None
    progress: float | None
    phase: str | None
    phases: list[Any] | None
    worker: str | None
    error: str | None
    tags: list[str] | None
    created_at: datetime | None
    scheduled_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    payload: Any
    result: Any
    omitted: list[str] | UnsetType = UNSET
    due: datetime | UnsetType = UNSET


class Failing(Struct):
    """A source that the answer is without. `code` is source_broken, source_slow, source_locked or source_denied."""

    source: str
    code: str
    message: str


class JobList(Struct):
    """A page may be shorter than asked for and not the last: `next` is null only at the end.

    `complete` is false where a search or an order without an index looked at the newest jobs only, and where a
    source is failing; with `as_of`, where jobs stood of which the log knows nothing. `at` is the time of an `as_of`.
    """

    jobs: list[Job]
    next: str | None
    cursor: str
    complete: bool
    failing: list[Failing]
    at: datetime | UnsetType = UNSET


class OneJob(Struct):
    job: Job
    cursor: str | UnsetType = UNSET
    at: datetime | UnsetType = UNSET


class Event(Struct, kw_only=True):
    """`cursor` is the place after the event; null in a history while the change is not sealed."""

    type: EventKind
    source: str
    job: dict[str, Any]
    change: dict[str, Any]
    version: int
    at: datetime
    cursor: str | None
    changed: dict[str, list[Any]] | UnsetType = UNSET


class History(Struct):
    """Newest first. `changed` maps each field that the change altered to its old and new value."""

    events: list[Event]
    next: str | None


class SourceReset(Struct):
    """In the place of an event: the counts of this source began anew, and it alone has to be loaded again."""

    type: Literal["reset"]
    reason: Literal["source_reset"]
    source: str
    cursor: str


class Left(Struct):
    """In the place of an event: the job of this id no longer matches the filter."""

    type: Literal["left"]
    source: str
    id: int | str
    version: int
    cursor: str


class EventPage(Struct):
    events: list[Event]
    cursor: str
    more: bool


class Counts(Struct):
    scheduled: int
    pending: int
    in_progress: int
    paused: int
    completed: int
    failed: int
    cancelled: int
    total: int


class QueueCounts(Struct):
    source: str
    queue: str
    stats: Counts


class SourceCounts(Struct):
    source: str
    stats: Counts


class StatsNow(Struct):
    stats: Counts
    by_source: list[SourceCounts]
    by_queue: list[QueueCounts]
    queues: int
    cursor: str
    at: datetime | UnsetType = UNSET


class Durations(Struct):
    """How long the jobs ran that ended in a minute, in milliseconds; percentiles are within 10 %."""

    n: int
    mean: float | None
    p50: float | None
    p95: float | None


class MinuteOf(Struct):
    at: datetime
    created: int
    started: int
    completed: int
    failed: int
    duration_ms: Durations


class StatsHistory(Struct):
    minutes: list[MinuteOf]
    cursor: str


class PastMoment(Struct):
    cursor: str
    at: datetime


class PastSpan(Struct):
    """`now` is the database's clock."""

    first: PastMoment
    last: PastMoment
    now: datetime
    whole: bool


class BulkDone(Struct):
    """`matched` is counted up to 100,000. `more` says that the same call would find further jobs.

    `complete` is false where a text search looked at the newest jobs only. `refused` counts jobs that their queue
    left as they were; `unsupported` names sources that have no such action.
    """

    action: str
    dry_run: bool
    matched: int
    changed: int
    more: bool
    refused: int
    unsupported: list[str]
    failing: list[Failing]
    complete: bool


class WorkerNow(Struct):
    """`health` is alive, late, lost or, without any heartbeat, unknown."""

    name: str
    info: Any
    started_at: datetime | None
    seen_at: datetime | None
    silent_s: float | None
    health: str
    alive: bool
    jobs: list[Job]


class WorkerList(Struct):
    workers: list[WorkerNow]
    complete: bool
    failing: list[Failing]


class SourceHealth(Struct):
    status: str
    lag_ms: float | None
    detail: str | None
    advice: str | None = None
    faults: int = 0
    last_fault: str | None = None
    last_fault_at: datetime | None = None
    counted_at: datetime | None = None


class SourceNow(Struct):
    name: str
    table: str
    builtin: bool
    attached: bool
    health: SourceHealth
    actions: list[str]
    rows: int
    attached_at: datetime


class SourceList(Struct):
    sources: list[SourceNow]
    read_only: bool


class ConnectionList(Struct):
    connections: list[ConnectionInfo]


class BoardNow(Struct):
    """What a page needs to know before it shows anything."""

    version: str
    read_only: bool
    token_required: bool
    sources: list[str]
    limits: dict[str, int]


class Alive(Struct):
    status: str


class Ready(Struct):
    status: str
    lag_ms: float
    leader: bool
    cursor: str | None


def answers(document: type[Struct], description: str, *, status: int = 200) -> dict[int, ResponseSpec]:
    """What a handler's success looks like, for `responses=`. Made-up examples would differ at every start."""
    return {status: ResponseSpec(document, description=description, generate_examples=False)}
