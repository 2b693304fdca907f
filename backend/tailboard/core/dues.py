"""Dues: jobs of one source that only time makes pending, counted by queue and by the second at which it does.

There are at most about LIMIT pairs of queue and second. Past that only the nearest half is kept by the second, up to a
*horizon*; how many jobs are due beyond it is one number, and they wait until the source is counted again, which has
to happen before the clock gets there. All that is in memory is therefore bounded by the number of queues, whatever the
number of jobs and however far away they are.

A job has to be taken from where it was put. So what is due beyond the horizon waits whatever the clock says, and the
horizon only comes nearer, until nothing is left beyond it.
"""

from collections import Counter
from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from typing import Final

import msgspec

LIMIT: Final = 50_000
"""Pairs of queue and second; they take some 10 MB by estimate."""


class Waiting(msgspec.Struct, array_like=True, frozen=True):
    """How many jobs of one queue become pending at one second."""

    queue: str
    second: int
    n: int


class Beyond(msgspec.Struct, array_like=True, frozen=True):
    """How many jobs are due after the horizon."""

    horizon: int
    n: int


class Dues:
    """What waits in one source. The clock is an argument: whole seconds since 1970, never going back. Whoever moves it
    on lets `come` what has come.
    """

    def __init__(
        self, waiting: Iterable[Waiting] = (), beyond: Beyond | None = None, *, limit: int = LIMIT
    ) -> None:
        self._waiting: Counter[tuple[int, str]] = Counter()
        self._beyond = 0 if beyond is None else beyond.n
        self._horizon = None if beyond is None else beyond.horizon
        self._limit = limit
        for bucket in waiting:
            self._waiting[bucket.second, bucket.queue] += bucket.n
        self._order = sorted(self._waiting)

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def next_second(self) -> int | None:
        """A second before which nothing happens; None where nothing waits for one that is known."""
        return self._order[0][0] if self._order else None

    @property
    def beyond(self) -> Beyond | None:
        """None where every job is counted by the second."""
        return None if self._horizon is None else Beyond(self._horizon, self._beyond)

    def waits(self, due: int, clock: int) -> bool:
        """Whether a job that is due then waits."""
        return due > clock or (self._horizon is not None and due > self._horizon)

    def add(self, queue: str, due: int, n: int) -> None:
        """Count `n` more jobs (or fewer) that wait."""
        if self._horizon is not None and due > self._horizon:
            self._beyond += n
            if not self._beyond:
                self._horizon = None
            return
        key = (due, queue)
        if key not in self._waiting:
            heappush(self._order, key)
        self._waiting[key] += n
        if not self._waiting[key]:
            del self._waiting[key]
            if len(self._order) > 2 * len(self._waiting) + 64:
                self._order = sorted(self._waiting)
        elif len(self._waiting) > self._limit:
            self._draw_near()

    def come(self, clock: int) -> list[tuple[str, int]]:
        """Remove what has become pending by now: queues, and how many jobs of each."""
        passed: list[tuple[str, int]] = []
        while self._order and self._order[0][0] <= clock:
            key = heappop(self._order)
            n = self._waiting.pop(key, 0)
            if n:  # none where all were taken before, or where the key was there twice
                passed.append((key[1], n))
        return passed

    def waiting(self) -> list[Waiting]:
        """All that waits up to the horizon, by second; with `beyond` this is also the checkpoint."""
        return [Waiting(queue, second, n) for (second, queue), n in sorted(self._waiting.items())]

    def _draw_near(self) -> None:
        """Forget the seconds of the farther half."""
        self._order = sorted(self._waiting)
        horizon = self._order[len(self._order) // 2][0]
        for key in self._order:
            if key[0] > horizon:
                self._beyond += self._waiting.pop(key)
        if self._beyond:
            self._horizon = horizon
        if len(self._waiting) > self._limit * 3 // 4:
            # So many queues at one second; the counts by queue are as many.
            self._limit = 2 * len(self._waiting)
        self._order = list(self._waiting)
        heapify(self._order)
