"""When a source is counted again: at once where its counts cannot hold, and ever more rarely where it does not help."""

from itertools import pairwise

import pytest

from sources.well import WELL
from tailboard.sources.look import Look
from tailboard.sources.upkeep import Memory, Reason

HOUR = 3600.0


def remembering(*looks: Look, captured: int = 5, broken: bool = False) -> Memory:
    memory = Memory()
    for look in (WELL, *looks):
        memory.seen(look, captured, broken=broken)
    return memory


@pytest.mark.parametrize(
    ("look", "reason"),
    [
        (WELL, None),
        (WELL._replace(synced=False), Reason.ATTACHED),
        (WELL._replace(emptied=True), Reason.EMPTIED),
        (WELL._replace(faults=1), Reason.FAULTS),
        (WELL._replace(shape="b"), Reason.FILES),
        (WELL._replace(tuples=11), Reason.ROUTINE),
        (WELL._replace(synced=False, written=False), None),
        (WELL._replace(synced=False, found=False), None),
    ],
)
def test_a_source_is_counted_for_a_reason(look: Look, reason: Reason | None) -> None:
    assert remembering(look).due(look, now=HOUR) == reason


def test_what_is_over_has_the_source_counted() -> None:
    memory = remembering(broken=True)
    assert memory.due(WELL, HOUR) is None
    memory.seen(WELL, 5, broken=False)
    assert memory.due(WELL, HOUR) is Reason.REPAIRED
    memory.succeeded(WELL, Reason.REPAIRED, HOUR, 0.1)
    assert memory.due(WELL, 2 * HOUR) is None


def test_tuples_written_while_nothing_is_captured_arouse_suspicion() -> None:
    written = [WELL._replace(tuples=10 + n) for n in range(1, 4)]
    assert remembering(*written).due(written[-1], HOUR) is Reason.SUSPICION
    memory = Memory()
    for captured, look in enumerate((WELL, *written)):
        memory.seen(look, captured, broken=False)
    assert memory.due(written[-1], HOUR) is Reason.ROUTINE, "changes were captured meanwhile"


def test_a_source_is_counted_before_its_counts_cease_to_follow_time() -> None:
    memory = remembering()
    memory.succeeded(WELL, Reason.ATTACHED, 0.0, 5.0)
    memory.seen(WELL, 5, broken=False, known_s=1000.0)
    assert memory.due(WELL, HOUR) is None
    memory.seen(WELL, 5, broken=False, known_s=200.0)
    assert memory.due(WELL, HOUR) is Reason.AHEAD, "while there is time for a count that takes a while"
    assert memory.due(WELL, 20.0) is None
    assert memory.wrong(WELL) is None, "nothing is wrong yet"
    memory.seen(WELL, 5, broken=False, known_s=-1.0)
    assert memory.wrong(WELL) is Reason.AHEAD
    assert not Reason.AHEAD.only_a_check


def test_faults_that_go_on_are_made_good_ever_more_rarely() -> None:
    memory = remembering()
    now, counts = 0.0, 0
    while now < HOUR:
        look = WELL._replace(faults=int(now) + 1, faults_counted=int(now))
        if memory.due(look, now) is not None:
            memory.succeeded(look, Reason.FAULTS, now, 0.1)
            counts += 1
        now += 2
    assert 10 < counts < 30


def test_counting_takes_a_small_part_of_the_time_however_long_it_takes() -> None:
    memory = remembering()
    memory.succeeded(WELL, Reason.FILES, 0.0, 60.0)
    rewritten = WELL._replace(shape="b")
    assert memory.due(rewritten, 1000.0) is None
    assert memory.due(rewritten, 1200.0) is Reason.FILES


def test_a_count_that_fails_is_tried_again_later_each_time() -> None:
    memory, look, now, tries = remembering(), WELL._replace(synced=False), 0.0, []
    while now < 600:
        if memory.due(look, now) is not None:
            memory.failed(now, took_s=0.1)
            tries.append(now)
        now += 1
    pauses = [later - earlier for earlier, later in pairwise(tries)]
    assert pauses == sorted(pauses)
    assert pauses[0] == 2
    assert pauses[-1] == 60


def test_a_count_that_runs_out_of_time_is_not_made_again_at_once() -> None:
    memory, look, now, counting = remembering(), WELL._replace(synced=False), 0.0, 0.0
    while now < 4 * HOUR:
        if memory.due(look, now) is not None:
            counting += 120
            memory.failed(now + 120, took_s=120.0)
        now += 1
    assert counting / now < 1 / 7
    assert memory.due(look, now + 900) is Reason.ATTACHED, "but it is made again"
