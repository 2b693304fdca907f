"""Stats of adopted sources: baselines, and jobs that only time makes pending, against tables counted by brute force."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from math import ceil, inf

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailboard.core.change import Change, Facets, Op, Was
from tailboard.core.classify import classify
from tailboard.core.cursor import Cursor
from tailboard.core.dues import Beyond
from tailboard.core.event import Event
from tailboard.core.projections import Rates, Saved
from tailboard.core.stats import Ahead, Count, Stats, Tally

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SECOND = ceil(NOON.timestamp())


def time(after_noon: float) -> datetime:
    return NOON + timedelta(seconds=after_noon)


@dataclass(frozen=True)
class Job:
    """`due`, seconds after noon: pending by time alone from then on. Without it `status` is what it is."""

    queue: str
    status: str
    due: float | None = None

    @property
    def second(self) -> int | None:
        return None if self.due is None else ceil(NOON.timestamp() + self.due)

    def status_at(self, now: float) -> str:
        if self.due is None:
            return self.status
        return "pending" if self.due <= now else "scheduled"

    def counted_at(self, now: float) -> str:
        """By the second, up."""
        if self.second is None:
            return self.status
        return "pending" if self.second <= SECOND + now else "scheduled"


@dataclass
class World:
    """Tables, and the events that tell of them; `now` is the latest moment that anybody spoke of."""

    now: float = 0.0
    tables: dict[str, dict[int, Job]] = field(default_factory=lambda: {"orders": {}, "mails": {}})
    counted: set[str] = field(default_factory=set)
    _ids: "count[int]" = field(default_factory=count)

    def insert(self, source: str, job: Job, at: float) -> Event:
        self.tables[source][next(self._ids)] = job
        return self._tell(source, Op.INSERT, None, job, at)

    def update(self, source: str, which: int, job: Job, at: float) -> Event | None:
        table = self.tables[source]
        if not table:
            return None
        key = list(table)[which % len(table)]
        before, table[key] = table[key], job
        return self._tell(source, Op.UPDATE, before, job, at)

    def delete(self, source: str, which: int, ended: str | None, at: float) -> Event | None:
        table = self.tables[source]
        if not table:
            return None
        return self._tell(
            source, Op.DELETE, table.pop(list(table)[which % len(table)]), None, at, ended=ended
        )

    def truncate(self, source: str) -> Event:
        self.tables[source].clear()
        self.counted.discard(source)
        return self._reset(source, None)

    def sync(self, source: str) -> Event:
        self.counted.add(source)
        count = Count(SECOND + int(self.now))
        for job in self.tables[source].values():
            count.add(job.queue, job.status_at(self.now), job.second, 1)
        return self._reset(source, msgspec.json.encode(count.baseline()))

    def recount(self) -> list[Tally]:
        found = Counter(
            (source, job.queue, job.counted_at(int(self.now)))
            for source in self.counted
            for job in self.tables[source].values()
        )
        return [Tally(*key, n) for key, n in sorted(found.items())]

    def _tell(
        self,
        source: str,
        op: Op,
        before: Job | None,
        after: Job | None,
        at: float,
        *,
        ended: str | None = None,
    ) -> Event:
        self.now = max(self.now, at)
        job = after or before
        assert job is not None
        moved = op is Op.UPDATE and before is not None and before.queue != job.queue
        change = Change(
            1,
            time(at),
            source,
            "1",
            op,
            before.status_at(at) if before else None,
            after.status_at(at) if after else ended,
            b"{}",
            Facets(queue=job.queue),
            Was(queue=before.queue) if moved and before else None,
            after.second if after else None,
            before.second if before else None,
        )
        return Event(Cursor(1, 1), classify(op, change.old_status, change.new_status), change)

    def _reset(self, source: str, card: bytes | None) -> Event:
        change = Change(1, time(self.now), source, "", Op.RESET, None, None, card, Facets())
        return Event(Cursor(1, 1), classify(Op.RESET, None, None), change)


SOURCE = st.sampled_from(["orders", "mails"])
QUEUE = st.sampled_from(["a", "b"])
WHEN = st.integers(0, 4000).map(lambda hundredths: hundredths / 100)
JOB = st.one_of(
    st.builds(Job, QUEUE, st.sampled_from(["pending", "scheduled", "in_progress", "failed"])),
    st.builds(Job, QUEUE, st.just("pending"), WHEN),
)
WHICH = st.integers(0, 99)
STEP = st.one_of(
    st.tuples(st.just("insert"), SOURCE, JOB, WHEN),
    st.tuples(st.just("update"), SOURCE, WHICH, JOB, WHEN),
    st.tuples(st.just("delete"), SOURCE, WHICH, st.sampled_from([None, "completed", "failed"]), WHEN),
    st.tuples(st.just("truncate"), SOURCE),
    st.tuples(st.just("sync"), SOURCE),
    st.tuples(st.just("insert"), SOURCE, st.builds(Job, QUEUE, st.just("pending"), WHEN), st.just(0.0)),
    st.tuples(st.just("wait"), WHEN),
    st.tuples(st.just("save")),
)


@settings(max_examples=300)
@given(st.lists(STEP, min_size=15, max_size=80))
def test_the_fold_equals_the_tables_at_every_moment(steps: list[tuple[object, ...]]) -> None:
    """Times of events come in any order; the clock only goes forward; a checkpoint may be taken up anywhere."""
    world, stats = World(), Stats()
    stats.apply(world.sync("orders"))
    for name, *arguments in steps:
        if name == "wait":
            (until,) = arguments
            world.now = max(world.now, float(str(until)))
            stats.advance(time(world.now))
        elif name == "save":
            saved = msgspec.json.encode(Saved.of(stats, Rates()))
            stats, _ = msgspec.json.decode(saved, type=Saved).folds()
        else:
            event: Event | None = getattr(world, str(name))(*arguments)
            if event is not None:
                stats.apply(event)
        assert stats.tallies() == world.recount()
        assert stats.counts()["total"] == sum(tally.n for tally in world.recount())


@settings(max_examples=300)
@given(st.lists(st.tuples(JOB, st.one_of(st.none(), JOB), WHEN), max_size=30))
def test_a_count_that_is_carried_on_is_that_of_a_later_snapshot(
    rows: list[tuple[Job, Job | None, float]],
) -> None:
    """Each row is what a snapshot held, what became of it, and when."""
    counted = Count(SECOND)
    table = {which: before for which, (before, _, _) in enumerate(rows)}
    for before in table.values():
        counted.add(before.queue, before.status_at(0), before.second, 1)
    for which, (before, after, at) in sorted(enumerate(rows), key=lambda row: row[1][2]):
        counted.advance(SECOND + int(at))
        counted.add(before.queue, before.status_at(at), before.second, -1)
        del table[which]
        if after is not None:
            table[which] = after
            counted.add(after.queue, after.status_at(at), after.second, 1)
        assert +counted.jobs == Counter((job.queue, job.counted_at(int(at))) for job in table.values())
    stats = Stats()
    stats.apply(World()._reset("orders", msgspec.json.encode(counted.baseline())))
    stats.advance(time(1000))
    assert {(tally.queue, tally.status): tally.n for tally in stats.tallies()} == Counter(
        (job.queue, job.counted_at(1000)) for job in table.values()
    )


def test_a_job_becomes_pending_without_a_change_and_is_told_where_it_is_looked_at() -> None:
    world, stats = World(), Stats()
    for event in (world.sync("orders"), world.insert("orders", Job("a", "pending", 10.2), 0.0)):
        stats.apply(event)
    stats.advance(time(10.9))
    assert stats.counts()["scheduled"] == 1
    stats.advance(time(11))
    assert (stats.counts()["scheduled"], stats.counts()["pending"]) == (0, 1)


def test_a_source_is_not_counted_before_its_baseline() -> None:
    world, stats = World(), Stats()
    stats.apply(world.insert("orders", Job("a", "pending"), 0))
    assert stats.counts()["total"] == 0, "who knows what else is in the table"
    stats.apply(world.sync("orders"))
    assert stats.tallies() == [Tally("orders", "a", "pending", 1)]
    stats.apply(world.truncate("orders"))
    stats.apply(world.insert("orders", Job("a", "pending"), 0))
    assert stats.counts()["total"] == 0
    assert stats.counted() == ["jobs"]


def test_counts_follow_time_up_to_the_horizon() -> None:
    stats = Stats(ahead=[Ahead("orders", [], Beyond(SECOND + 100, 1))], clock=SECOND)
    assert (stats.known_for("orders"), stats.known_for("jobs")) == (100, inf)
    stats.advance(time(60))
    assert stats.known_for("orders") == 40


def test_what_a_baseline_says_waits_and_has_come_since_is_pending_at_once() -> None:
    stats = Stats()
    stats.advance(time(11))
    counted = {"counts": [["a", "scheduled", 1]], "waiting": [["a", SECOND + 10, 1]]}
    stats.apply(World()._reset("orders", msgspec.json.encode(counted)))
    assert stats.tallies() == [Tally("orders", "a", "pending", 1)]


def test_the_built_in_table_is_counted_on_after_it_was_truncated() -> None:
    stats = Stats([Tally("jobs", "a", "pending", 3)])
    stats.apply(World()._reset("jobs", None))
    stats.apply(World()._tell("jobs", Op.INSERT, None, Job("a", "pending"), 0))
    assert stats.tallies() == [Tally("jobs", "a", "pending", 1)]


@pytest.mark.parametrize("saved", [b'{"stats":[["jobs","a","pending",3],["old","a","failed",1]]}'])
def test_a_checkpoint_from_before_there_were_dues_is_taken_up(saved: bytes) -> None:
    stats, _ = msgspec.json.decode(saved, type=Saved).folds()
    assert stats.counts()["total"] == 4
    assert stats.counted() == ["jobs", "old"]
