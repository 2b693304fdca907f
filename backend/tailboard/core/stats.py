"""Stats: jobs by source, queue and status, as a fold of the log; where a baseline begins it anew, that too.

Nothing is counted for them on a schedule, and no row has to be written for a job that only time makes pending.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from heapq import nsmallest
from math import floor, inf
from typing import Final, NamedTuple

import msgspec

from tailboard.core.change import Op
from tailboard.core.dues import Beyond, Dues, Waiting
from tailboard.core.event import Event
from tailboard.core.job import BUILTIN_SOURCE, STATUSES, Status


class Tally(msgspec.Struct, array_like=True, frozen=True):
    """How many jobs of one source and queue have one status."""

    source: str
    queue: str
    status: str
    n: int


class ByQueue(NamedTuple):
    """Some of the queues that have jobs, each a source's own, with their counts; and how many there are."""

    counts: dict[tuple[str, str], dict[str, int]]
    queues: int


class Ahead(msgspec.Struct, frozen=True):
    """The part of a source's scheduled jobs that only time will make pending."""

    source: str
    waiting: list[Waiting]
    beyond: Beyond | None = None


class Baseline(msgspec.Struct, frozen=True):
    """A source counted in one snapshot: what its RESET event brings, as JSON. The counts hold what waits, too."""

    counts: list[tuple[str, str, int]]
    waiting: list[Waiting] = []
    beyond: Beyond | None = None


_BASELINE: Final = msgspec.json.Decoder(Baseline)


class Count:
    """One source being counted: what a snapshot holds, then what changed after it; what only time changes, too.

    `jobs` is by queue and status.
    """

    def __init__(self, clock: int) -> None:
        self.jobs: Counter[tuple[str, str]] = Counter()
        self._dues = Dues()
        self._clock = clock

    def add(self, queue: str, status: str, due: int | None, n: int) -> None:
        """Count `n` more jobs, or fewer."""
        self.jobs[queue, status if due is None else _by_time(self._dues, queue, due, n, self._clock)] += n

    def advance(self, clock: int) -> None:
        """Count as pending what is due by now. Never goes back."""
        self._clock = max(self._clock, clock)
        for queue, n in self._dues.come(self._clock):
            self.jobs[queue, Status.SCHEDULED.value] -= n
            self.jobs[queue, Status.PENDING.value] += n

    def baseline(self) -> Baseline:
        counts = [(*key, n) for key, n in sorted(self.jobs.items()) if n]
        return Baseline(counts, self._dues.waiting(), self._dues.beyond)


class Stats:
    """Jobs by source, queue and status. Starts from a count taken in the same snapshot as a tick.

    The clock is that of the events, and `advance` moves it on where none come: a job that only time makes pending
    is counted as scheduled until then, and as pending from then on. An adopted source is counted from the baseline
    that its RESET event brings; before it has one, and after a RESET without, it is not counted at all.
    """

    def __init__(
        self,
        tallies: Iterable[Tally] = (),
        ahead: Iterable[Ahead] = (),
        counted: Iterable[str] = (),
        clock: int = 0,
    ) -> None:
        self.clock = clock
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._totals: Counter[tuple[str, str]] = Counter()
        self._dues = {part.source: Dues(part.waiting, part.beyond) for part in ahead}
        self._next_second = min(self._seconds(), default=inf)
        self._counted = {BUILTIN_SOURCE, *counted}
        for tally in tallies:
            self._add(tally.source, tally.queue, tally.status, tally.n)
            self._counted.add(tally.source)

    def apply(self, event: Event) -> None:
        change = event.change
        self.advance(change.at)
        source = change.source
        if change.op is Op.RESET:
            self._begin(source, change.card)
            return
        if source not in self._counted:
            return
        after = change.facets.queue or ""
        before = after
        if change.was is not None and change.was.queue is not msgspec.UNSET:
            before = change.was.queue or ""
        elif (
            change.op is Op.UPDATE and change.old_status == change.new_status and change.old_due == change.due
        ):
            return  # progress, mostly: nine changes in ten move nothing from one count to another
        if change.old_status is not None:
            self._count(source, before, change.old_status, change.old_due, -1)
        if change.new_status is not None and change.op is not Op.DELETE:
            self._count(source, after, change.new_status, change.due, 1)

    def advance(self, now: datetime) -> None:
        """Count as pending what time has made so. Never goes back."""
        self.clock = max(self.clock, floor(now.timestamp()))
        if self.clock < self._next_second:
            return
        for source, dues in self._dues.items():
            for queue, n in dues.come(self.clock):
                self._add(source, queue, Status.SCHEDULED.value, -n)
                self._add(source, queue, Status.PENDING.value, n)
        self._next_second = min(self._seconds(), default=inf)

    def counts(self) -> dict[str, int]:
        """Jobs by status, every status named, and `total`."""
        counts = _none()
        for (_, status), n in self._totals.items():
            _add_to(counts, status, n)
        return counts

    def by_source(self) -> dict[str, dict[str, int]]:
        """The same of each source that has jobs, by name."""
        counts = {source: _none() for source in sorted({source for source, _ in self._totals})}
        for (source, status), n in self._totals.items():
            _add_to(counts[source], status, n)
        return counts

    def by_queue(self, most: int, named: Collection[str] = ()) -> ByQueue:
        """The same of the `most` queues with the most jobs, and of those that are named anyway; by name.

        There may be a queue for each of somebody's customers.
        """
        totals: Counter[tuple[str, str]] = Counter()
        for (source, queue, _), n in self._counts.items():
            totals[source, queue] += n
        wanted = set(
            totals
            if most >= len(totals)
            else nsmallest(most, totals, key=lambda queue: (-totals[queue], queue))
        )
        wanted.update(queue for queue in totals if queue[1] in named)
        counts = {queue: _none() for queue in sorted(wanted)}
        for (source, queue, status), n in self._counts.items():
            if (source, queue) in counts:
                _add_to(counts[source, queue], status, n)
        return ByQueue(counts, len(totals))

    @property
    def size(self) -> int:
        """How many numbers there are: what it costs to save them."""
        return len(self._counts) + sum(len(dues) for dues in self._dues.values())

    def tallies(self) -> list[Tally]:
        """What is not zero, sorted."""
        return [Tally(*key, n) for key, n in sorted(self._counts.items()) if n]

    def ahead(self) -> list[Ahead]:
        """What of that only time will make pending."""
        return [
            Ahead(source, dues.waiting(), dues.beyond)
            for source, dues in sorted(self._dues.items())
            if dues or dues.beyond
        ]

    def known_for(self, source: str) -> float:
        """For how many seconds from the clock on the source's counts follow time; infinite where for ever."""
        dues = self._dues.get(source)
        return inf if dues is None or dues.beyond is None else dues.beyond.horizon - self.clock

    def counted(self) -> list[str]:
        """The sources that have been counted, whether or not they have jobs."""
        return sorted(self._counted)

    def _begin(self, source: str, card: bytes | None) -> None:
        for key in [key for key in self._counts if key[0] == source]:
            self._add(*key, -self._counts[key])
        self._dues.pop(source, None)
        if card is None:
            if source != BUILTIN_SOURCE:
                self._counted.discard(source)
            return
        baseline = _BASELINE.decode(card)
        self._counted.add(source)
        for queue, status, n in baseline.counts:
            self._add(source, queue, status, n)
        self._dues[source] = Dues(baseline.waiting, baseline.beyond)
        self._next_second = min(self._seconds(), default=inf)
        self.advance(datetime.fromtimestamp(self.clock, UTC))

    def _count(self, source: str, queue: str, status: str, due: int | None, n: int) -> None:
        if due is not None:
            dues = self._dues.setdefault(source, Dues())
            status = _by_time(dues, queue, due, n, self.clock)
            self._next_second = min(self._next_second, dues.next_second or inf)
        self._add(source, queue, status, n)

    def _seconds(self) -> Iterator[float]:
        for dues in self._dues.values():
            if dues.next_second is not None:
                yield dues.next_second

    def _add(self, source: str, queue: str, status: str, n: int) -> None:
        key, of_source = (source, queue, status), (source, status)
        self._counts[key] += n
        self._totals[of_source] += n
        if not self._counts[key]:
            del self._counts[key]  # queues come and go; memory follows those that are there
            if not self._totals[of_source]:
                del self._totals[of_source]


def _none() -> dict[str, int]:
    return dict.fromkeys((*(status.value for status in STATUSES), "total"), 0)


def _add_to(counts: dict[str, int], status: str, n: int) -> None:
    counts[status] += n
    counts["total"] += n


def _by_time(dues: Dues, queue: str, due: int, n: int, clock: int) -> str:
    """Count `n` jobs that are due then, and say as what they count now."""
    if not dues.waits(due, clock):
        return Status.PENDING.value
    dues.add(queue, due, n)
    return Status.SCHEDULED.value
