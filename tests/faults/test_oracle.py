"""The oracle notices each way in which a feed can be wrong: a harness that cannot fail proves nothing."""

from collections import Counter

import pytest

from faults.oracle import (
    Entry,
    Got,
    History,
    Left,
    Opened,
    Reset,
    Seen,
    Step,
    Violation,
    arrived,
    judge,
    queue_is,
)
from tailboard.core.cursor import Cursor

START = Cursor(1, 0)


def seen(n: int, queue: str = "a") -> Seen:
    return Seen("job_created", str(n), queue, f"m{n}")


def entry(
    n: int, *, epoch: int = 1, queue: str = "a", was: str | None = None, job: int | None = None
) -> Entry:
    what = seen(n, queue) if job is None else Seen("job_updated", str(job), queue, f"m{n}")
    return Entry(Cursor(epoch, n), n * 10, what, was)


def log(*entries: Entry) -> History:
    history = History()
    for each in entries:
        history.append(each)
    history.epoch = entries[-1].cursor.epoch
    return history


def told(each: Entry) -> Got:
    return Got(each.cursor, each.seen, each.version)


FIVE = [entry(n) for n in range(1, 6)]


def test_a_feed_that_tells_everything_once_and_in_order_is_right() -> None:
    steps: list[Step] = [Opened(START), *map(told, FIVE[:3]), Opened(Cursor(1, 1)), *map(told, FIVE[1:])]
    verdict = judge("reader", steps, log(*FIVE), place=START)
    assert (verdict.place, verdict.events, verdict.resets) == (Cursor(1, 5), 7, Counter())


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        ([told(FIVE[0]), told(FIVE[2])], "lost 1 events"),
        ([told(FIVE[0]), told(FIVE[0])], "repeated"),
        ([told(FIVE[0]), told(FIVE[2]), told(FIVE[1])], "lost"),
        ([told(FIVE[0]), Opened(START), told(FIVE[1])], "lost 1 events"),
        ([Got(Cursor(1, 1), seen(2), 10)], "where the log has"),
        ([Got(Cursor(1, 1), seen(1), 11)], "told version 11"),
        ([Got(Cursor(2, 1), seen(1), 10)], "is not in the log"),
        ([Got(Cursor(1, 6), seen(6), 60)], "is not in the log"),
        ([Left(Cursor(1, 1), "1")], "told that 1 left"),
        ([Reset("lagged", Cursor(1, 3))], "for no reason"),
        ([Reset("epoch_changed", Cursor(1, 3))], "for no reason"),
    ],
    ids=[
        "lost", "repeated", "out of order", "went back and lost", "another event", "another version",
        "another epoch", "invented", "left", "lagged without being slow", "reset without a disaster",
    ],
)  # fmt: skip
def test_each_broken_promise_is_noticed(steps: list[Step], complaint: str) -> None:
    with pytest.raises(Violation, match=complaint):
        judge("reader", [Opened(START), *steps], log(*FIVE), place=START)


def test_what_never_comes_is_noticed_as_not_having_arrived() -> None:
    assert not arrived(Cursor(1, 4), log(*FIVE))
    assert arrived(Cursor(1, 5), log(*FIVE))


def failed_over() -> History:
    """Epoch 1 survived up to 3; positions 4 and 5 mean something else in epoch 7."""
    history = log(*FIVE[:3], entry(4, epoch=7, queue="b"), entry(5, epoch=7, queue="b"))
    history.ends = {1: 3}
    return history


def test_a_reader_of_what_was_lost_may_go_on_after_a_reset_only() -> None:
    history = failed_over()
    lost: list[Step] = [Opened(START), *map(told, FIVE)]
    reset: list[Step] = [*lost, Reset("epoch_changed", Cursor(7, 4)), told(history.at(5))]
    verdict = judge("reader", reset, history, place=START, disaster=True)
    assert (verdict.void, verdict.events, verdict.place) == (2, 4, Cursor(7, 5))
    silent: list[Step] = [Opened(START), *map(told, FIVE[:4]), told(history.at(5))]
    with pytest.raises(Violation, match="without a reset"):
        judge("reader", silent, history, place=START, disaster=True)
    assert not arrived(Cursor(1, 5), history)


def test_a_filtered_reader_is_told_all_of_its_own_what_leaves_it_and_nothing_else() -> None:
    history = log(entry(1), entry(2, queue="b"), entry(3, queue="b", was="a", job=1), entry(4))
    right: list[Step] = [Opened(START), told(history.at(1)), Left(Cursor(1, 3), "1"), told(history.at(4))]
    assert judge("reader", right, history, place=START, matches=queue_is("a")).events == 3
    wrongs: list[list[Step]] = [
        [Opened(START), told(history.at(1)), told(history.at(4))],
        [Opened(START), told(history.at(1)), told(history.at(2))],
    ]
    for wrong in wrongs:
        with pytest.raises(Violation):
            judge("reader", wrong, history, place=START, matches=queue_is("a"))
    assert not arrived(Cursor(1, 2), history, queue_is("a"))


def test_a_slow_reader_may_miss_what_is_not_the_newest_of_a_job() -> None:
    history = log(entry(1, job=1), entry(2, job=2), entry(3, job=1))
    collapsed: list[Step] = [Opened(START), told(history.at(2)), told(history.at(3))]
    assert judge("slow", collapsed, history, place=START, slow=True).collapsed == 1
    with pytest.raises(Violation, match="never told the newest of 1 jobs"):
        judge(
            "slow", [Opened(START), told(history.at(1)), told(history.at(3))], history, place=START, slow=True
        )


def test_what_leaves_a_filter_is_the_newest_of_its_job() -> None:
    history = log(entry(1, queue="a", job=1), entry(2, queue="b", was="a", job=1))
    steps: list[Step] = [Opened(START), Left(Cursor(1, 2), "1")]
    verdict = judge("slow", steps, history, place=START, matches=queue_is("a"), slow=True)
    assert (verdict.collapsed, verdict.place) == (1, Cursor(1, 2))


def test_a_healthy_reader_is_told_the_older_events_of_a_job_too() -> None:
    history = log(entry(1, queue="a", job=1), entry(2, queue="a", job=1), entry(3, queue="b", was="a", job=1))
    for told_last in (told(history.at(2)), Left(Cursor(1, 3), "1")):
        with pytest.raises(Violation, match="lost"):
            judge("healthy", [Opened(START), told_last], history, place=START, matches=queue_is("a"))


def test_the_log_itself_is_checked_against_the_ledger() -> None:
    history = log(*FIVE)
    owed = Counter(each.seen.entry for each in FIVE)
    history.balance(owed)
    with pytest.raises(Violation, match=r"lost 1 \[~m9"):
        history.balance(owed + Counter(["~m9"]))
    with pytest.raises(Violation, match=r"repeated or invented 1 \[~m5"):
        history.balance(owed - Counter(["~m5"]))
    with pytest.raises(Violation, match="follows"):
        log(FIVE[0], FIVE[2])
    with pytest.raises(Violation, match="older version"):
        log(FIVE[0], Entry(Cursor(1, 2), 5, FIVE[0].seen, None)).check_versions()


def test_a_replacement_of_which_a_capture_missed_the_second_half_is_a_deletion() -> None:
    history = log(*FIVE, Entry(Cursor(1, 6), 60, Seen("job_deleted", "parcels/7", None, "m0"), None))
    owed = Counter([*(each.seen.entry for each in FIVE), "~parcels/9"])
    with pytest.raises(Violation, match=r"lost 1 \[~parcels/9.*invented 1 \[-parcels/7"):
        history.balance(owed, source="parcels")
    missed = history.balance(owed, faults=1, source="parcels")
    assert missed == {"~parcels/9": 1, "-parcels/7": -1}
    owed.subtract(missed)
    assert history.balance(+owed) == {}
    with pytest.raises(Violation, match=r"invented 1 \[-parcels/7"):
        history.balance(Counter(each.seen.entry for each in FIVE), faults=1, source="parcels")
