"""Dues: jobs of one source that only time makes pending, counted by queue and by the moment at which it does.

A moment is a whole second, and there are at most about LIMIT pairs of queue and moment. Past that the nearest half
stays as it is, and what lies beyond is counted by the minute, then by the hour, the day and so on: a job that is
far away is shown as pending up to so much later, unless it is written to before. All that is in memory is therefore
bounded by the number of queues, whatever the number of jobs and however far away they are.

How a due is rounded may only change for moments that have not come yet: a job must be taken from where it was put.
"""

from collections import Counter
from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from typing import Final

import msgspec

LIMIT: Final = 50_000
"""Pairs of queue and moment from which a source is counted more coarsely; they take some 10 MB by estimate."""
_DAY: Final = 86_400
GRAINS: Final = (60, 3600, _DAY, 32 * _DAY, 32**2 * _DAY, 32**3 * _DAY, 32**4 * _DAY)
"""In seconds; the last is 2,900 years. Each divides the next, so that a coarser moment is also one of the finer."""


class Waiting(msgspec.Struct, array_like=True, frozen=True):
    """How many jobs of one queue become pending at one moment."""

    queue: str
    moment: int
    n: int


class Coarse(msgspec.Struct, array_like=True, frozen=True):
    """Dues beyond `beyond` are rounded up to multiples of `grain`."""

    grain: int
    beyond: int


class Dues:
    """What waits in one source. The clock is an argument: whole seconds since 1970, never going back."""

    def __init__(
        self, waiting: Iterable[Waiting] = (), coarse: Iterable[Coarse] = (), *, limit: int = LIMIT
    ) -> None:
        self._waiting: Counter[tuple[int, str]] = Counter()
        self._beyond = {step.grain: step.beyond for step in coarse}
        self._limit = limit
        for bucket in waiting:
            self._waiting[bucket.moment, bucket.queue] += bucket.n
        self._order = sorted(self._waiting)

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def next_moment(self) -> int | None:
        """A moment before which nothing happens; None where nothing waits."""
        return self._order[0][0] if self._order else None

    def moment(self, due: int) -> int:
        """When a job that is due then counts as pending."""
        for grain in reversed(GRAINS):
            beyond = self._beyond.get(grain)
            if beyond is not None and due > beyond:
                return -(-due // grain) * grain
        return due

    def add(self, queue: str, moment: int, n: int, clock: int) -> None:
        """Count `n` more jobs (or fewer) at a moment that has not come yet."""
        key = (moment, queue)
        if key not in self._waiting:
            heappush(self._order, key)
        self._waiting[key] += n
        if not self._waiting[key]:
            del self._waiting[key]
            if not self._waiting:
                self._order.clear()
                self._beyond.clear()  # nothing was put anywhere: any rounding will do
            elif len(self._order) > 2 * len(self._waiting) + 64:
                self._order = sorted(self._waiting)
        elif len(self._waiting) > self._limit:
            self._coarsen(clock)

    def come(self, clock: int) -> list[tuple[str, int]]:
        """Remove what has become pending by now: queues, and how many jobs of each."""
        passed: list[tuple[str, int]] = []
        while self._order and self._order[0][0] <= clock:
            key = heappop(self._order)
            n = self._waiting.pop(key, 0)
            if n:  # none where all were taken before, or where the key was there twice
                passed.append((key[1], n))
        if not self._waiting:
            self._beyond.clear()
        return passed

    def waiting(self) -> list[Waiting]:
        """All that waits, by moment; with `coarse` this is also the checkpoint."""
        return [Waiting(queue, moment, n) for (moment, queue), n in sorted(self._waiting.items())]

    def coarse(self) -> list[Coarse]:
        return [Coarse(grain, beyond) for grain, beyond in sorted(self._beyond.items())]

    def _coarsen(self, clock: int) -> None:
        for grain in GRAINS:
            near = sorted(self._waiting)[min(self._limit // 2, len(self._waiting) - 1)][0]
            beyond = -(-max(near, clock) // grain) * grain
            self._beyond[grain] = min(beyond, self._beyond.get(grain, beyond))
            rounded: Counter[tuple[int, str]] = Counter()
            for (moment, queue), n in self._waiting.items():
                rounded[self.moment(moment), queue] += n
            self._waiting = Counter({key: n for key, n in rounded.items() if n})
            if len(self._waiting) <= self._limit * 3 // 4:
                break
        else:
            self._limit = 2 * len(self._waiting)  # so many queues; the counts by queue are as many
        self._order = list(self._waiting)
        heapify(self._order)
