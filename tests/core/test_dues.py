"""What only time makes pending: counted right at every moment, and in bounded memory however far away it is."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from tailboard.core.dues import GRAINS, LIMIT, Coarse, Dues, Waiting

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
        st.tuples(st.just("save"), st.just(0), st.just(0)),
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
        self.dues = Dues(self.dues.waiting(), self.dues.coarse(), limit=SMALL)

    def _count(self, queue: str, due: int, n: int) -> None:
        moment = self.dues.moment(due)
        if moment <= self.clock:
            self.pending[queue] += n
        else:
            self.dues.add(queue, moment, n, self.clock)


@settings(max_examples=300)
@given(STEPS)
def test_a_job_is_taken_from_where_it_was_put_whatever_time_and_crowding_did_meanwhile(
    steps: list[tuple[str, int, int]],
) -> None:
    jobs = Jobs()
    for name, *arguments in steps:
        getattr(jobs, "pass_" if name == "pass" else name)(*arguments)
        assert len(jobs.dues) <= SMALL or any(step.grain == GRAINS[-1] for step in jobs.dues.coarse())
        waiting = sum(bucket.n for bucket in jobs.dues.waiting())
        assert waiting + sum(jobs.pending.values()) == len(jobs.all)
        assert all(bucket.n > 0 and bucket.moment > jobs.clock for bucket in jobs.dues.waiting())
        assert all(n >= 0 for n in jobs.pending.values())
        for queue in "ab":
            due = sum(1 for name, due in jobs.all if name == queue and due <= jobs.clock)
            late = sum(
                1 for name, due in jobs.all if name == queue and due <= jobs.clock < jobs.dues.moment(due)
            )
            assert jobs.pending[queue] == due - late, "never early, and late by no more than the grain"
    while jobs.all:
        jobs.take(0, 0)
    assert not jobs.dues.waiting()
    assert not any(jobs.pending.values())


def test_crowding_does_not_move_what_has_come_already() -> None:
    jobs = Jobs()
    jobs.put("a", 1)
    jobs.pass_(2, 0)
    for ahead in range(3 * SMALL):
        jobs.put("b", 100 + ahead)
    assert jobs.dues.coarse()
    jobs.take(0, 0)
    assert jobs.pending["a"] == 0


def test_as_many_dues_as_fit_are_exact_to_the_second() -> None:
    dues = Dues()
    for second in range(LIMIT):
        dues.add("q", NOW + 1 + second, 1, NOW)
    assert dues.coarse() == []
    assert dues.come(NOW + 3) == [("q", 1)] * 3


def test_past_that_the_nearest_half_stays_exact_and_the_rest_takes_little() -> None:
    dues = Dues()
    for second in range(2 * LIMIT):
        dues.add("q", dues.moment(NOW + 1 + second), 1, NOW)
    assert len(dues) < LIMIT * 0.6
    assert [step.grain for step in dues.coarse()] == [60]
    assert dues.come(NOW + 10) == [("q", 1)] * 10
    assert sum(n for _, n in dues.come(NOW + 2 * LIMIT + 60)) == 2 * LIMIT - 10


def test_a_million_dues_over_a_thousand_years_take_bounded_memory() -> None:
    dues = Dues(limit=1000)
    for place in range(100_000):
        dues.add("q", dues.moment(NOW + 1 + place * 315_360), 1, NOW)
        assert len(dues) <= 1001
    assert sum(bucket.n for bucket in dues.waiting()) == 100_000


def test_what_waits_in_too_many_queues_is_not_rounded_over_and_over() -> None:
    dues = Dues(limit=100)
    for queue in range(5000):
        dues.add(f"q{queue}", dues.moment(NOW + 10**9), 1, NOW)
    assert len(dues) == 5000, "one each: as many as the counts by queue are anyway"


def test_what_was_coarse_is_exact_again_once_nothing_waits() -> None:
    dues = Dues(limit=2)
    for second in (100, 200, 300):
        dues.add("q", dues.moment(NOW + second), 1, NOW)
    assert dues.coarse()
    dues.come(NOW + 10_000)
    assert dues.coarse() == []
    assert dues.moment(NOW + 10_001) == NOW + 10_001


def test_a_job_put_and_taken_again_and_again_leaves_nothing_behind() -> None:
    dues = Dues()
    dues.add("other", NOW + 50, 1, NOW)
    for _ in range(10_000):
        dues.add("q", NOW + 60, 1, NOW)
        dues.add("q", NOW + 60, -1, NOW)
    assert len(dues._order) < 200
    assert dues.waiting() == [Waiting("other", NOW + 50, 1)]


def test_a_checkpoint_is_taken_up_as_it_was() -> None:
    dues = Dues([Waiting("q", NOW + 120, 3)], [Coarse(60, NOW)])
    assert dues.moment(NOW + 61) == NOW + 100  # NOW is 20 seconds into a minute
    assert dues.moment(NOW) == NOW
    assert dues.next_moment == NOW + 120
