"""What only time makes pending: counted right at every moment, and in bounded memory however far away it is."""

from collections import Counter
from math import inf

from hypothesis import given, settings
from hypothesis import strategies as st

from tailboard.core.dues import LIMIT, Beyond, Dues, Waiting

SMALL = 8
NOW = 1_700_000_000
SOON = st.integers(1, 40)
FAR = st.integers(1, 40).map(lambda n: n * n * n * 977)
AGES = st.integers(1, 10**12)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from("ab"), st.one_of(SOON, FAR, AGES)),
        st.tuples(st.just("take"), st.integers(0, 999), st.just(0)),
        st.tuples(st.just("pass"), st.one_of(SOON, FAR), st.just(0)),
        st.tuples(st.sampled_from(["save", "count_anew"]), st.just(0), st.just(0)),
    ),
    min_size=20,
    max_size=120,
)


class Jobs:
    """Jobs with their dues, one by one, beside a Dues of which each was told."""

    def __init__(self) -> None:
        self.clock = NOW
        self.dues = Dues(limit=SMALL)
        self.all: list[tuple[str, int]] = []
        self.pending: Counter[str] = Counter()

    def put(self, queue: str, ahead: int) -> None:
        self.all.append((queue, self.clock + ahead))
        self._count(queue, self.clock + ahead, 1)

    def take(self, which: int, _: int) -> None:
        if self.all:
            self._count(*self.all.pop(which % len(self.all)), -1)

    def pass_(self, seconds: int, _: int) -> None:
        self.clock += seconds
        for queue, n in self.dues.come(self.clock):
            self.pending[queue] += n

    def save(self, *_: int) -> None:
        self.dues = Dues(self.dues.waiting(), self.dues.beyond, limit=SMALL)

    def count_anew(self, *_: int) -> None:
        self.dues = Dues(limit=SMALL)
        self.pending.clear()
        for queue, due in self.all:
            self._count(queue, due, 1)

    def _count(self, queue: str, due: int, n: int) -> None:
        if self.dues.waits(due, self.clock):
            self.dues.add(queue, due, n)
        else:
            self.pending[queue] += n


@settings(max_examples=300)
@given(STEPS)
def test_a_job_is_taken_from_where_it_was_put_whatever_time_and_crowding_did_meanwhile(
    steps: list[tuple[str, int, int]],
) -> None:
    jobs = Jobs()
    for name, *arguments in steps:
        getattr(jobs, "pass_" if name == "pass" else name)(*arguments)
        beyond = jobs.dues.beyond
        horizon = inf if beyond is None else beyond.horizon
        same_second = max(Counter(due for _, due in jobs.all).values(), default=0)
        assert len(jobs.dues) <= max(SMALL, 2 * same_second)
        assert sum(bucket.n for bucket in jobs.dues.waiting()) == sum(
            jobs.clock < due <= horizon for _, due in jobs.all
        )
        assert all(bucket.n > 0 and bucket.second > jobs.clock for bucket in jobs.dues.waiting())
        assert (0 if beyond is None else beyond.n) == sum(due > horizon for _, due in jobs.all)
        assert +jobs.pending == Counter(queue for queue, due in jobs.all if due <= min(jobs.clock, horizon))
    while jobs.all:
        jobs.take(0, 0)
    assert not jobs.dues.waiting()
    assert jobs.dues.beyond is None
    assert not any(jobs.pending.values())


def test_crowding_does_not_move_what_has_come_already() -> None:
    jobs = Jobs()
    jobs.put("a", 1)
    jobs.pass_(2, 0)
    for ahead in range(3 * SMALL):
        jobs.put("b", 100 + ahead)
    assert jobs.dues.beyond
    jobs.take(0, 0)
    assert jobs.pending["a"] == 0


def test_as_many_dues_as_fit_are_exact_to_the_second() -> None:
    dues = Dues()
    for second in range(LIMIT):
        dues.add("q", NOW + 1 + second, 1)
    assert dues.beyond is None
    assert dues.come(NOW + 3) == [("q", 1)] * 3


def test_past_that_the_nearest_half_stays_exact_and_the_rest_is_a_number() -> None:
    dues = Dues()
    for second in range(2 * LIMIT):
        dues.add("q", NOW + 1 + second, 1)
    assert LIMIT * 0.4 < len(dues) < LIMIT * 0.6
    assert dues.beyond is not None
    assert dues.beyond.horizon == NOW + len(dues)
    assert dues.beyond.n == 2 * LIMIT - len(dues)
    exact = len(dues)
    assert dues.come(NOW + 10) == [("q", 1)] * 10
    assert sum(n for _, n in dues.come(NOW + 3 * LIMIT)) == exact - 10


def test_a_million_dues_in_twenty_thousand_queues_take_as_little() -> None:
    dues = Dues()
    for place in range(1_000_000):
        dues.add(f"q{place % 20_000}", NOW + 1 + place * 7919 % 1_000_003, 1)
        assert len(dues) <= LIMIT
    assert len(dues) > LIMIT // 2


def test_what_waits_for_one_second_in_too_many_queues_is_not_looked_through_over_and_over() -> None:
    dues = Dues(limit=100)
    for queue in range(5000):
        dues.add(f"q{queue}", NOW + 10**9, 1)
    assert len(dues) == 5000, "one each: as many as the counts by queue are anyway"


def test_every_second_is_known_again_once_nothing_is_left_beyond() -> None:
    dues = Dues(limit=2)
    for second in (100, 200, 300):
        dues.add("q", NOW + second, 1)
    assert dues.beyond == Beyond(NOW + 200, 1)
    dues.add("q", NOW + 300, -1)
    assert dues.beyond is None
    dues.add("q", NOW + 301, 1)
    assert dues.come(NOW + 301) == [("q", 1)] * 3


def test_a_job_put_and_taken_again_and_again_leaves_nothing_behind() -> None:
    dues = Dues()
    dues.add("other", NOW + 50, 1)
    for _ in range(10_000):
        dues.add("q", NOW + 60, 1)
        dues.add("q", NOW + 60, -1)
    assert len(dues._order) < 200
    assert dues.waiting() == [Waiting("other", NOW + 50, 1)]


def test_a_checkpoint_is_taken_up_as_it_was() -> None:
    dues = Dues([Waiting("q", NOW + 120, 3)], Beyond(NOW + 120, 2))
    assert dues.waits(NOW + 121, NOW + 1000)
    assert not dues.waits(NOW, NOW)
    assert dues.next_second == NOW + 120
