"""Folds of the log: counts that equal a recount, rates and percentiles, and checkpoints that lose nothing."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailboard.core.change import Change, Facets, Op, Was
from tailboard.core.classify import classify
from tailboard.core.cursor import Cursor
from tailboard.core.event import Event
from tailboard.core.job import STATUSES
from tailboard.core.projections import KEPT_MINUTES, NOTED_MINUTES, Minute, Rates, Saved, minute_of
from tailboard.core.stats import Stats, Tally

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SOURCES = ["jobs", "mails"]
QUEUES = ["default", "slow", None]


def event(
    op: Op,
    old: str | None = None,
    new: str | None = None,
    *,
    source: str = "jobs",
    queue: str | None = "default",
    was_queue: str | msgspec.UnsetType | None = msgspec.UNSET,
    at: datetime = NOON,
    ran: timedelta | None = None,
    card: bytes | None = None,
) -> Event:
    started_at, finished_at = (None, None) if ran is None else (at - ran, at)
    facets = Facets(queue=queue, started_at=started_at, finished_at=finished_at)
    was = None if was_queue is msgspec.UNSET else Was(queue=was_queue)
    change = Change(1, at, source, "1", op, old, new, card, facets, was)
    return Event(Cursor(1, 1), classify(op, old, new), change)


class Table:
    """Job tables of which the events are told: the oracle that the fold is held against."""

    def __init__(self) -> None:
        self.jobs: dict[tuple[str, int], tuple[str | None, str]] = {}
        self._ids = count()

    def insert(self, source: str, queue: str | None, status: str) -> Event:
        self.jobs[source, next(self._ids)] = (queue, status)
        return event(Op.INSERT, None, status, source=source, queue=queue)

    def update(self, which: int, queue: str | None, status: str) -> Event | None:
        if not self.jobs:
            return None
        key = list(self.jobs)[which % len(self.jobs)]
        before, self.jobs[key] = self.jobs[key], (queue, status)
        moved = msgspec.UNSET if before[0] == queue else before[0]
        return event(Op.UPDATE, before[1], status, source=key[0], queue=queue, was_queue=moved)

    def delete(self, which: int) -> Event | None:
        if not self.jobs:
            return None
        key = list(self.jobs)[which % len(self.jobs)]
        queue, status = self.jobs.pop(key)
        return event(Op.DELETE, status, None, source=key[0], queue=queue)

    def reset(self, source: str) -> Event:
        self.jobs = {key: job for key, job in self.jobs.items() if key[0] != source}
        return event(Op.RESET, source=source, card=b'{"counts":[]}')

    def recount(self) -> list[Tally]:
        counted = Counter((source, queue or "", status) for (source, _), (queue, status) in self.jobs.items())
        return [Tally(*key, n) for key, n in sorted(counted.items())]


QUEUE = st.sampled_from(QUEUES)
STATUS = st.sampled_from([status.value for status in STATUSES])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), st.sampled_from(SOURCES), QUEUE, STATUS),
        st.tuples(st.just("update"), st.integers(0, 999), QUEUE, STATUS),
        st.tuples(st.just("delete"), st.integers(0, 999)),
        st.tuples(st.just("reset"), st.sampled_from(SOURCES)),
    ),
    max_size=60,
)


def told(table: Table, steps: list[tuple[object, ...]]) -> list[Event]:
    events = [getattr(table, str(step[0]))(*step[1:]) for step in steps]
    return [each for each in events if each is not None]


@given(STEPS)
def test_the_fold_equals_a_recount_after_every_event(steps: list[tuple[object, ...]]) -> None:
    table, stats = Table(), Stats(counted=SOURCES)
    for step in steps:
        for each in told(table, [step]):
            stats.apply(each)
        assert stats.tallies() == table.recount()
        assert stats.counts()["total"] == len(table.jobs)


@given(STEPS, STEPS)
def test_a_fold_taken_up_from_a_checkpoint_equals_one_that_never_stopped(
    before: list[tuple[object, ...]], after: list[tuple[object, ...]]
) -> None:
    table = Table()
    whole, first = (Stats(counted=SOURCES), Rates()), (Stats(counted=SOURCES), Rates())
    for each in told(table, before):
        for fold in (*whole, *first):
            fold.apply(each)
    saved = msgspec.json.decode(msgspec.json.encode(Saved.of(*first)), type=Saved)
    second = saved.folds()
    for each in told(table, after):
        for fold in (*whole, *second):
            fold.apply(each)
    assert second[0].tallies() == whole[0].tallies() == table.recount()
    assert second[0].counts() == whole[0].counts()
    assert second[1].minutes() == whole[1].minutes()


def test_every_status_is_named_even_where_there_is_no_job() -> None:
    assert Stats().counts() == dict.fromkeys(STATUSES, 0) | {"total": 0}


def test_queues_that_are_gone_take_no_memory() -> None:
    stats = Stats()
    for number in range(1000):
        stats.apply(event(Op.INSERT, None, "pending", queue=f"q{number}"))
        stats.apply(event(Op.DELETE, "pending", None, queue=f"q{number}"))
    assert stats.tallies() == []
    assert not stats._counts


def test_rates_count_by_minute_what_was_created_started_completed_and_failed() -> None:
    rates = Rates()
    for op, old, new in [
        (Op.INSERT, None, "pending"),
        (Op.UPDATE, "pending", "in_progress"),
        (Op.UPDATE, "in_progress", "in_progress"),
        (Op.UPDATE, "in_progress", "completed"),
        (Op.UPDATE, "in_progress", "failed"),
        (Op.UPDATE, "failed", "failed"),
        (Op.DELETE, "failed", None),
        (Op.RESET, None, None),
    ]:
        rates.apply(event(op, old, new))
    rates.apply(event(Op.INSERT, None, "pending", at=NOON + timedelta(seconds=60)))
    noon, next_minute = rates.last(2, NOON + timedelta(seconds=90))
    assert (noon.created, noon.started, noon.completed, noon.failed) == (1, 1, 1, 1)
    assert (next_minute.created, next_minute.started) == (1, 0)


def test_quiet_minutes_are_there_too_up_to_now() -> None:
    rates = Rates()
    rates.apply(event(Op.INSERT, None, "pending"))
    minutes = list(rates.last(60, NOON + timedelta(minutes=59)))
    assert [each.minute for each in minutes] == list(range(minute_of(NOON), minute_of(NOON) + 60))
    assert [each.created for each in minutes] == [1] + [0] * 59


def test_a_minute_is_the_same_in_every_time_zone() -> None:
    assert minute_of(NOON) == minute_of(NOON.astimezone()) == int(NOON.timestamp()) // 60


def test_minutes_older_than_a_day_are_forgotten() -> None:
    rates = Rates()
    rates.apply(event(Op.INSERT, None, "pending"))
    rates.apply(event(Op.INSERT, None, "pending", at=NOON + timedelta(minutes=KEPT_MINUTES - 1)))
    assert len(rates.minutes()) == 2
    rates.apply(event(Op.INSERT, None, "pending", at=NOON + timedelta(minutes=KEPT_MINUTES)))
    assert [each.minute - minute_of(NOON) for each in rates.minutes()] == [KEPT_MINUTES - 1, KEPT_MINUTES]


def test_an_event_from_before_what_is_kept_changes_nothing() -> None:
    rates = Rates()
    rates.apply(event(Op.INSERT, None, "pending", at=NOON))
    for fold in (rates, Rates(rates.minutes())):
        fold.apply(event(Op.INSERT, None, "pending", at=NOON - timedelta(days=2)))
        assert [each.minute for each in fold.minutes()] == [minute_of(NOON)]


def test_a_job_that_never_started_has_no_duration() -> None:
    rates = Rates()
    rates.apply(event(Op.UPDATE, "pending", "failed"))
    (minute,) = rates.last(1, NOON)
    assert minute.failed == 1
    assert minute.percentile(0.5) is None


def test_a_job_that_ended_as_it_started_took_no_time() -> None:
    rates = Rates()
    rates.apply(event(Op.UPDATE, "in_progress", "completed", ran=timedelta(0)))
    (minute,) = rates.last(1, NOON)
    assert (minute.total_ms, sum(minute.durations.values())) == (0, 1)


def test_a_job_that_ended_before_it_started_has_no_duration() -> None:
    rates = Rates()
    rates.apply(event(Op.UPDATE, "in_progress", "completed", ran=timedelta(seconds=-1)))
    (minute,) = rates.last(1, NOON)
    assert (minute.completed, minute.total_ms, minute.durations) == (1, 0, {})


@given(st.lists(st.floats(0.001, 1e8), min_size=1, max_size=100), st.floats(0.01, 1.0))
def test_a_percentile_is_within_ten_per_cent_above_the_true_one(
    milliseconds: list[float], share: float
) -> None:
    rates = Rates()
    for ms in milliseconds:
        rates.apply(event(Op.UPDATE, "in_progress", "completed", ran=timedelta(milliseconds=ms)))
    (minute,) = rates.last(1, NOON)
    # timedelta counts in microseconds
    exact = sorted(max(timedelta(milliseconds=ms) / timedelta(milliseconds=1), 0.001) for ms in milliseconds)
    true = next(ms for n, ms in enumerate(exact, 1) if n >= len(exact) * share)
    found = minute.percentile(share)
    assert found is not None
    assert true * (1 - 1e-9) <= found <= true * 1.1 * (1 + 1e-9)


def test_the_mean_is_exact() -> None:
    rates = Rates()
    for seconds in (1, 2, 6):
        rates.apply(event(Op.UPDATE, "in_progress", "completed", ran=timedelta(seconds=seconds)))
    (minute,) = rates.last(1, NOON)
    assert minute.total_ms / sum(minute.durations.values()) == pytest.approx(3000)


def test_a_checkpoint_of_a_day_stays_small() -> None:
    """It is written every half a minute."""
    rates = Rates()
    for number in range(KEPT_MINUTES):
        for ms in (1, 10, 100, 1000, 10_000):
            at = NOON + timedelta(minutes=number)
            rates.apply(event(Op.UPDATE, "in_progress", "completed", at=at, ran=timedelta(milliseconds=ms)))
    encoded = msgspec.json.encode(Saved.of(Stats(), rates))
    assert len(encoded) < 250_000
    assert msgspec.json.decode(encoded, type=Saved).rates == rates.minutes()


def test_what_is_noted_for_the_past_has_the_last_hour_of_rates() -> None:
    rates = Rates()
    for number in range(NOTED_MINUTES + 5):
        rates.apply(event(Op.INSERT, None, "pending", at=NOON + timedelta(minutes=number)))
    noted = msgspec.json.decode(Saved.of(Stats(), rates).noted(), type=Saved)
    assert noted.rates == rates.minutes()[5:]


def test_an_old_checkpoint_without_rates_can_be_read() -> None:
    saved = msgspec.json.decode(b'{"stats":[["jobs","default","pending",3]]}', type=Saved)
    assert saved.folds()[0].counts()["pending"] == 3
    assert Rates(saved.rates).minutes() == []


def test_minutes_are_saved_without_their_zeros() -> None:
    assert msgspec.json.encode(Minute(5, created=1)) == b'{"minute":5,"created":1}'
