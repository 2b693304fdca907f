"""Projections: what the log adds up to. Pure folds over events, saved and loaded as checkpoints.

A projection at a position is exact for that position: counts and events can never disagree.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from math import ceil, log
from typing import Final, Self

import msgspec

from tailboard.core.change import Op
from tailboard.core.event import Event, EventKind
from tailboard.core.job import STATUSES

_GROWTH: Final = log(1.1)
KEPT_MINUTES: Final = 24 * 60
"""How far back the per-minute rates reach."""


class Tally(msgspec.Struct, array_like=True, frozen=True):
    """How many jobs of one source and queue have one status."""

    source: str
    queue: str
    status: str
    n: int


class Stats:
    """Jobs by source, queue and status. Starts from a count taken in the same snapshot as a tick."""

    def __init__(self, tallies: list[Tally] | None = None) -> None:
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._totals: Counter[str] = Counter()
        for tally in tallies or []:
            self._add(tally.source, tally.queue, tally.status, tally.n)

    def apply(self, event: Event) -> None:
        change = event.change
        after = change.facets.queue or ""
        before = after
        if change.was is not None and change.was.queue is not msgspec.UNSET:
            before = change.was.queue or ""
        if change.op is Op.RESET:
            self._forget(change.source)
            return
        if change.old_status is not None:
            self._add(change.source, before, change.old_status, -1)
        if change.new_status is not None and change.op is not Op.DELETE:
            self._add(change.source, after, change.new_status, 1)

    def counts(self) -> dict[str, int]:
        """Jobs by status, every status named, and `total`."""
        counts = {status.value: self._totals[status.value] for status in STATUSES}
        counts["total"] = sum(counts.values())
        return counts

    def tallies(self) -> list[Tally]:
        """What is not zero, sorted; this is also the checkpoint."""
        return [Tally(*key, n) for key, n in sorted(self._counts.items()) if n]

    def _add(self, source: str, queue: str, status: str, n: int) -> None:
        key = (source, queue, status)
        self._counts[key] += n
        self._totals[status] += n
        if not self._counts[key]:
            del self._counts[key]  # queues come and go; memory follows those that are there

    def _forget(self, source: str) -> None:
        for key in [key for key in self._counts if key[0] == source]:
            self._add(*key, -self._counts[key])


class Minute(msgspec.Struct, omit_defaults=True):
    """What happened in one minute, by the time at which each change was captured.

    `durations` counts finished jobs by the logarithm (base 1.1) of how long they ran, in milliseconds: ten per
    cent apart is close enough to read a percentile from, and a minute's size does not depend on its jobs.
    """

    minute: int
    """Minutes since 1970-01-01 UTC."""
    created: int = 0
    started: int = 0
    completed: int = 0
    failed: int = 0
    total_ms: float = 0.0
    durations: dict[int, int] = msgspec.field(default_factory=dict)

    def percentile(self, share: float) -> float | None:
        """The duration in milliseconds that `share` of the minute's finished jobs stayed below, within 10 %."""
        total = sum(self.durations.values())
        if not total:
            return None
        wanted = ceil(total * share)
        for bucket in sorted(self.durations):
            wanted -= self.durations[bucket]
            if wanted <= 0:
                return float(1.1**bucket)
        return None


class Rates:
    """Per-minute counts and durations of the last day."""

    def __init__(self, minutes: list[Minute] | None = None) -> None:
        self._minutes = {minute.minute: minute for minute in minutes or []}
        self._newest = max(self._minutes, default=0)

    def apply(self, event: Event) -> None:
        change = event.change
        minute = self._at(minute_of(change.at))
        if minute is None:
            return
        match event.kind:
            case EventKind.JOB_CREATED:
                minute.created += 1
            case EventKind.JOB_STARTED:
                minute.started += 1
            case EventKind.JOB_COMPLETED:
                minute.completed += 1
            case EventKind.JOB_FAILED:
                minute.failed += 1
            case _:
                return
        if event.kind in {EventKind.JOB_COMPLETED, EventKind.JOB_FAILED}:
            began, ended = change.facets.started_at, change.facets.finished_at
            if began is not None and ended is not None and ended >= began:
                ms = (ended - began).total_seconds() * 1000
                bucket = ceil(log(max(ms, 0.001)) / _GROWTH)
                minute.total_ms += ms
                minute.durations[bucket] = minute.durations.get(bucket, 0) + 1

    def last(self, n: int, now: datetime) -> Iterator[Minute]:
        """The last `n` minutes up to and including the one that `now` is in, oldest first, quiet ones too."""
        end = minute_of(now)
        for minute in range(end - n + 1, end + 1):
            yield self._minutes.get(minute) or Minute(minute)

    def minutes(self) -> list[Minute]:
        """All that is kept, oldest first; this is also the checkpoint."""
        return [self._minutes[minute] for minute in sorted(self._minutes)]

    def _at(self, minute: int) -> Minute | None:
        if minute > self._newest:
            self._newest = minute
            for old in [kept for kept in self._minutes if kept <= minute - KEPT_MINUTES]:
                del self._minutes[old]
        elif minute <= self._newest - KEPT_MINUTES:
            return None
        return self._minutes.setdefault(minute, Minute(minute))


class Saved(msgspec.Struct):
    """The checkpoint of all projections, as JSON."""

    stats: list[Tally]
    rates: list[Minute] = []

    @classmethod
    def of(cls, stats: Stats, rates: Rates) -> Self:
        return cls(stats.tallies(), rates.minutes())


def minute_of(at: datetime) -> int:
    return int(at.astimezone(UTC).timestamp() // 60)
