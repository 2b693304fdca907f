"""The messages of `tailboard.v1`, as types. A type this client does not know is passed over.

A cursor is opaque here: keep it as it came and give it back to go on from there.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import msgspec


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job's card. What is too large for it is left out or cut, and named in `omitted`. Times are as PostgreSQL wrote
    them: ISO 8601 for nearly all, but a worker may write `infinity`, and arrays of arrays for tags.
    """

    source: str
    id: int | str
    queue: str | None = None
    kind: str | None = None
    status: str | None = None
    priority: int | None = None
    attempt: int | None = None
    max_attempts: int | None = None
    progress: float | None = None
    phase: str | None = None
    worker: str | None = None
    error: str | None = None
    tags: tuple[Any, ...] | None = None
    created_at: str | None = None
    scheduled_at: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    version: int | None = None
    omitted: tuple[str, ...] = ()


class Transition(msgspec.Struct, frozen=True, rename={"old": "from", "new": "to"}):
    """The status before and after a change; None before a job was made, and after it was deleted where that does
    not mean that it ended. `deleted` says that its row is gone, whatever the type of the event.
    """

    old: str | None = None
    new: str | None = None
    deleted: bool = False


class JobEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something happened to a job. `type` is `job_started` and the like; `cursor` is the place after it."""

    type: str
    source: str
    job: Job
    change: Transition
    version: int
    at: datetime
    cursor: str
    line: bytes = b""
    """The event exactly as the server wrote it."""


class Welcome(msgspec.Struct, frozen=True):
    """The first message of a connection. `cursor` is the head of the log."""

    session: str
    ping_s: float
    cursor: str
    epoch: int


class Subscribed(msgspec.Struct, frozen=True):
    """The stream goes on from `cursor`; `recovered` says whether that is the one that was asked for."""

    cursor: str
    recovered: bool = False


class CaughtUp(msgspec.Struct, frozen=True):
    """All that had happened by now has been sent; what follows is live."""

    cursor: str


class Heartbeat(msgspec.Struct, frozen=True):
    """The server is alive, and there was nothing between the last event and `cursor` for this filter."""

    cursor: str
    lag_ms: float = 0


class Stats(msgspec.Struct, frozen=True):
    """Jobs by status, and `total`, as of `cursor`."""

    stats: dict[str, int]
    cursor: str
    line: bytes = b""


class Left(msgspec.Struct, frozen=True):
    """A job that matched the filter no longer does."""

    source: str
    id: int | str
    version: int
    cursor: str
    line: bytes = b""


class Reset(msgspec.Struct, frozen=True):
    """The stream could not go on from where it was: load afresh; what follows comes after `cursor`."""

    reason: str
    cursor: str
    source: str | None = None
    """The only one that has to be loaded again, where the reason is `source_reset`."""
    line: bytes = b""


class Fault(msgspec.Struct, frozen=True):
    """The server could not do what was asked."""

    code: str
    message: str
    retryable: bool = False
    retry_after_ms: float | None = None


class Disconnected(msgspec.Struct, frozen=True):
    """Not from the server: the connection was lost; the next attempt is in `retry_s` seconds."""

    reason: str
    retry_s: float


Message = JobEvent | Left | Reset | Stats | Welcome | Subscribed | CaughtUp | Heartbeat | Disconnected
"""All that `Feed` hands out."""


class _Head(msgspec.Struct):
    type: str


_JOB_EVENTS: Final = (
    "job_created",
    "job_started",
    "job_completed",
    "job_failed",
    "job_updated",
    "job_deleted",
)
_HEAD: Final = msgspec.json.Decoder(_Head)
_EVENT: Final = msgspec.json.Decoder(JobEvent)
_STATS: Final = msgspec.json.Decoder(Stats)
_LEFT: Final = msgspec.json.Decoder(Left)
_RESET: Final = msgspec.json.Decoder(Reset)
_WITHOUT_LINE: Final[dict[str, msgspec.json.Decoder[Welcome | Subscribed | CaughtUp | Heartbeat | Fault]]] = {
    "welcome": msgspec.json.Decoder(Welcome),
    "subscribed": msgspec.json.Decoder(Subscribed),
    "caught_up": msgspec.json.Decoder(CaughtUp),
    "heartbeat": msgspec.json.Decoder(Heartbeat),
    "error": msgspec.json.Decoder(Fault),
}


def decode(frame: bytes) -> Iterator[Message | Fault]:
    """The messages of one frame, in order. Raises msgspec.DecodeError for what is not the protocol."""
    for line in frame.split(b"\n"):
        if not line:
            continue
        kind = _HEAD.decode(line).type
        match kind:
            case "stats_updated":
                yield msgspec.structs.replace(_STATS.decode(line), line=line)
            case "left":
                yield msgspec.structs.replace(_LEFT.decode(line), line=line)
            case "reset":
                yield msgspec.structs.replace(_RESET.decode(line), line=line)
            case _ if kind in _JOB_EVENTS:
                yield msgspec.structs.replace(_EVENT.decode(line), line=line)
            case _ if decoder := _WITHOUT_LINE.get(kind):
                yield decoder.decode(line)
            case _:
                continue
