"""The doorbell's decisions, without a database: what each seal leads to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailboard.core import bell
from tailboard.core.bell import Act, Bell, Decision, State

BARRIER = 1000
RUNNING = BARRIER - 10
"""An oldest running transaction from before the barrier."""
ALL_ENDED = BARRIER + 1


def quiet(ringer: Bell, now: float = 0.0) -> Decision:
    return ringer.after_seal(0, RUNNING, now)


def lingering() -> Bell:
    """A bell that has just been armed."""
    ringer = Bell()
    while quiet(ringer).act is not Act.ARM:
        pass
    ringer.armed(BARRIER)
    return ringer


def armed() -> Bell:
    ringer = lingering()
    ringer.after_seal(0, ALL_ENDED, 0.0)
    ringer.after_seal(0, ALL_ENDED, 0.0)
    assert ringer.state is State.ARMED
    return ringer


def test_looks_that_find_nothing_are_no_load_however_close_together() -> None:
    ringer = armed()
    for turn in range(2 * bell.BUSY_WAKES):
        ringer.after_seal(0, ALL_ENDED, turn * bell.BUSY_WAKE_S / 10)
    assert ringer.after_seal(1, ALL_ENDED, 1.0).act is Act.NOTHING
    assert ringer.state is State.ARMED


def test_it_starts_muted_because_nobody_knows_what_writers_read() -> None:
    assert Bell().state is State.MUTED


def test_it_is_armed_after_a_few_empty_polls_in_a_row() -> None:
    ringer = Bell()
    acts = [quiet(ringer).act for _ in range(bell.QUIET_POLLS)]
    assert acts == [Act.NOTHING] * (bell.QUIET_POLLS - 1) + [Act.ARM]


def test_changes_start_the_count_of_empty_polls_anew() -> None:
    ringer = Bell()
    for _ in range(bell.QUIET_POLLS - 1):
        quiet(ringer)
    ringer.after_seal(2, RUNNING, 0.0)
    acts = [quiet(ringer).act for _ in range(bell.QUIET_POLLS)]
    assert acts.index(Act.ARM) == bell.QUIET_POLLS - 1


@pytest.mark.parametrize(("empty_between", "arms"), [(2, True), (1, False), (0, False)])
def test_it_is_armed_where_changes_are_few_and_never_where_they_keep_coming(
    empty_between: int, arms: bool
) -> None:
    """At 50 changes a second three polls of four are empty, but never five in a row."""
    ringer = Bell()
    acts = set()
    for _ in range(100):
        acts.add(ringer.after_seal(1, RUNNING, 0.0).act)
        acts |= {quiet(ringer).act for _ in range(empty_between)}
        if Act.ARM in acts:
            break
    assert (Act.ARM in acts) is arms


def test_muted_it_polls_and_listens_to_nobody() -> None:
    decision = Bell().after_seal(1, RUNNING, 0.0)
    assert decision == Decision(Act.NOTHING, bell.POLL_S, listen=False)


def test_full_seals_come_less_often() -> None:
    ringer = Bell()
    assert ringer.after_seal(bell.FULL_SEAL, RUNNING, 0.0).sleep_s == bell.FULL_POLL_S > bell.POLL_S
    as_fast = round(bell.FULL_SEAL * bell.FULL_POLL_S / bell.POLL_S)
    assert ringer.after_seal(as_fast, RUNNING, 0.0).sleep_s == bell.FULL_POLL_S
    assert ringer.after_seal(as_fast - 1, RUNNING, 0.0).sleep_s == bell.POLL_S


def test_at_200_changes_a_second_one_full_seal_does_not_make_every_pause_long() -> None:
    ringer = Bell()
    pause = ringer.after_seal(bell.FULL_SEAL, RUNNING, 0.0).sleep_s
    gathered = 0.0
    for _ in range(20):
        gathered += 200 * (pause + 0.006)  # a seal on a busy machine takes a while
        pause = ringer.after_seal(int(gathered), RUNNING, 0.0).sleep_s
        gathered -= int(gathered)
        assert pause == bell.POLL_S


@pytest.mark.parametrize("notify", [True, False])
def test_where_nobody_watches_changes_gather_for_a_tenth_of_a_second(notify: bool) -> None:
    ringer = Bell(notify=notify)
    ringer.watched = False
    assert ringer.after_seal(1, RUNNING, 0.0).sleep_s == bell.UNWATCHED_POLL_S > bell.FULL_POLL_S
    ringer.watched = True
    assert ringer.after_seal(1, RUNNING, 0.0).sleep_s == bell.POLL_S


def test_an_armed_bell_wakes_the_sealer_whoever_watches() -> None:
    ringer = armed()
    ringer.watched = False
    assert ringer.after_seal(0, ALL_ENDED, 0.0) == Decision(Act.NOTHING, bell.SAFETY_S, listen=True)


def test_it_does_not_sleep_while_a_writer_from_before_the_arming_runs() -> None:
    ringer = lingering()
    for _ in range(100):
        decision = quiet(ringer)
        assert decision.sleep_s <= bell.LONGEST_LINGER_S < bell.SAFETY_S
    assert ringer.state is State.LINGERING


def test_the_barrier_itself_still_counts_as_running() -> None:
    ringer = lingering()
    for _ in range(3):
        ringer.after_seal(0, BARRIER, 0.0)
    assert ringer.state is State.LINGERING


def test_it_pauses_longer_while_an_old_transaction_stays_open() -> None:
    ringer = lingering()
    pauses = [quiet(ringer).sleep_s for _ in range(8)]
    assert pauses[0] == bell.LINGER_POLL_S
    assert pauses == sorted(pauses)
    assert pauses[-1] == bell.LONGEST_LINGER_S


def test_it_seals_once_more_after_the_last_old_writer_has_ended_and_only_then_sleeps() -> None:
    ringer = lingering()
    assert ringer.after_seal(0, ALL_ENDED, 0.0) == Decision(Act.NOTHING, 0.0, listen=False)
    assert ringer.state is State.LINGERING
    assert ringer.after_seal(0, ALL_ENDED, 0.0) == Decision(Act.NOTHING, bell.SAFETY_S, listen=True)
    assert ringer.state is State.ARMED


def test_a_transaction_that_began_after_the_arming_keeps_nobody_awake() -> None:
    ringer = lingering()
    for _ in range(2):
        ringer.after_seal(1, BARRIER + 5, 0.0)
    assert ringer.state is State.ARMED


@pytest.mark.parametrize("ringer", [lingering(), armed()], ids=["lingering", "armed"])
def test_several_changes_at_once_mute_it(ringer: Bell) -> None:
    decision = ringer.after_seal(bell.BUSY_CHANGES, RUNNING, 0.0)
    assert decision == Decision(Act.MUTE, bell.POLL_S, listen=False)
    assert ringer.state is State.MUTED


def test_wakes_in_quick_succession_mute_it() -> None:
    ringer, now = armed(), 10.0
    acts = []
    for _ in range(bell.BUSY_WAKES + 1):
        acts.append(ringer.after_seal(1, ALL_ENDED, now).act)
        now += bell.BUSY_WAKE_S / 2
    assert acts == [Act.NOTHING] * bell.BUSY_WAKES + [Act.MUTE]


def test_wakes_far_apart_leave_it_armed() -> None:
    ringer = armed()
    for wake in range(50):
        decision = ringer.after_seal(1, ALL_ENDED, 10.0 + wake * bell.BUSY_WAKE_S * 2)
        assert decision == Decision(Act.NOTHING, bell.SAFETY_S, listen=True)


def test_being_muted_again_starts_a_whole_new_arming() -> None:
    ringer = lingering()
    ringer.after_seal(0, ALL_ENDED, 0.0)  # one seal more would let it sleep
    ringer.after_seal(bell.BUSY_CHANGES, ALL_ENDED, 0.0)
    while ringer.after_seal(0, ALL_ENDED, 0.0).act is not Act.ARM:
        pass
    ringer.armed(BARRIER * 2)
    assert ringer.after_seal(0, BARRIER * 2, 0.0).sleep_s <= bell.LONGEST_LINGER_S
    assert ringer.state is State.LINGERING


def test_without_notify_it_is_muted_for_good_and_polls() -> None:
    ringer = Bell(notify=False)
    assert ringer.after_seal(0, ALL_ENDED, 0.0) == Decision(Act.MUTE, bell.SILENT_POLL_S, listen=False)
    for _ in range(50):
        assert ringer.after_seal(0, ALL_ENDED, 0.0) == Decision(Act.NOTHING, bell.SILENT_POLL_S, listen=False)
    assert ringer.after_seal(9, ALL_ENDED, 0.0).sleep_s == bell.FULL_POLL_S


def test_turning_notify_off_mutes_an_armed_bell() -> None:
    ringer = armed()
    ringer.notify = False
    assert ringer.after_seal(0, ALL_ENDED, 0.0).act is Act.MUTE
    assert ringer.state is State.MUTED


def test_turning_notify_on_again_arms_it_in_time() -> None:
    ringer = Bell(notify=False)
    quiet(ringer)
    ringer.notify = True
    assert Act.ARM in [quiet(ringer).act for _ in range(bell.QUIET_POLLS)]


@given(st.lists(st.tuples(st.integers(0, 8), st.booleans(), st.floats(0, 0.05)), max_size=200))
def test_whatever_happens_it_sleeps_long_only_while_armed_with_every_old_writer_gone(
    seals: list[tuple[int, bool, float]],
) -> None:
    ringer, now, drawn = Bell(), 0.0, BARRIER
    database_says_armed = False
    barrier_passed = False
    for sealed, old_writers_gone, passes in seals:
        now += passes
        oldest = drawn + 1 if old_writers_gone else drawn - 1
        barrier_passed = barrier_passed or old_writers_gone
        decision = ringer.after_seal(sealed, oldest, now)
        if decision.act is Act.MUTE:
            database_says_armed = False
        if decision.sleep_s > bell.LONGEST_LINGER_S:
            assert database_says_armed
            assert barrier_passed
            assert decision.listen
        if decision.act is Act.ARM:
            assert decision.sleep_s <= bell.LONGEST_LINGER_S
            drawn += 100
            ringer.armed(drawn)
            database_says_armed, barrier_passed = True, False
        assert (ringer.state is State.MUTED) == (not database_says_armed)
