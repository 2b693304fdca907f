"""Projections: what the log adds up to. Pure folds over events, saved and loaded as checkpoints.

A projection at a position is exact for that position: counts and events can never disagree.
"""

from collections.abc import Iterator
from datetime import datetime
from math import ceil, log
from typing import Final, Self

import msgspec

from tailboard.core.event import Event, EventKind
from tailboard.core.stats import Ahead, Stats, Tally

_GROWTH: Final = log(1.1)
KEPT_MINUTES: Final = 24 * 60
"""How far back the per-minute rates reach."""
_ENDS: Final = frozenset({EventKind.JOB_COMPLETED, EventKind.JOB_FAILED})
_COUNTED: Final = _ENDS | {EventKind.JOB_CREATED, EventKind.JOB_STARTED}
NOTED_MINUTES: Final = 61
"""How far back the rates of a moment in the past reach: an hour, and the minute that was running."""


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
        if event.kind not in _COUNTED:
            return
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
        if event.kind in _ENDS:
            began, ended = change.facets.started_at, change.facets.finished_at or change.at
            if began is not None and ended >= began:
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
    ahead: list[Ahead] = []
    counted: list[str] = []
    clock: int = 0

    @classmethod
    def of(cls, stats: Stats, rates: Rates) -> Self:
        return cls(stats.tallies(), rates.minutes(), stats.ahead(), stats.counted(), stats.clock)

    def folds(self) -> tuple[Stats, Rates]:
        """The projections as they were saved."""
        return Stats(self.stats, self.ahead, self.counted, self.clock), Rates(self.rates)

    def noted(self) -> bytes:
        """As JSON, for those who look into the past: with the last hour of the rates, and written at once, because the
        minutes go on counting.
        """
        return msgspec.json.encode(msgspec.structs.replace(self, rates=self.rates[-NOTED_MINUTES:]))


def minute_of(at: datetime) -> int:
    return int(at.timestamp() // 60)
