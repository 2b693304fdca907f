"""A leader loses its place for a proven silence alone, and never twice for one reason in a row as easily."""

from datetime import UTC, datetime, timedelta

import pytest

from tailboard.core.standstill import AT_ONCE, FIRST_PATIENCE_S, LONGEST_PATIENCE_S, Leader, Standstill, Vigil

THEN = datetime(2026, 1, 1, tzinfo=UTC)
LEADER = Leader(7, THEN)
STILL = Standstill(41, LEADER)


def test_a_leader_that_asked_nothing_while_changes_waited_is_silent() -> None:
    vigil = Vigil()
    assert vigil.silent(Standstill(41, None), 0.0) is None
    assert vigil.silent(STILL, 0.25) is None
    assert vigil.silent(STILL, 0.24 + FIRST_PATIENCE_S) is None
    assert vigil.silent(STILL, 0.25 + FIRST_PATIENCE_S) == LEADER


@pytest.mark.parametrize(
    "sign",
    [
        None,
        Standstill(42, LEADER),
        Standstill(41, None),
        Standstill(41, Leader(8, THEN)),
        Standstill(41, Leader(7, THEN + timedelta(microseconds=1))),
    ],
    ids=["nothing waits", "a tick was made", "it works", "another leads", "it asked something"],
)
def test_any_sign_of_life_begins_the_proof_anew(sign: Standstill | None) -> None:
    vigil = Vigil()
    vigil.silent(STILL, 0.0)
    assert vigil.silent(sign, FIRST_PATIENCE_S) is None
    assert vigil.silent(STILL, FIRST_PATIENCE_S + 0.1) is None
    assert vigil.silent(STILL, 2 * FIRST_PATIENCE_S) is None
    assert vigil.silent(STILL, 2 * FIRST_PATIENCE_S + 0.1) == LEADER


def test_where_everybody_is_slow_the_patience_grows_and_calm_restores_it() -> None:
    vigil = Vigil()
    assert [borne(vigil, 2.0 * turn) for turn in range(AT_ONCE)] == [FIRST_PATIENCE_S] * AT_ONCE
    assert borne(vigil, 15) == 2 * FIRST_PATIENCE_S
    assert borne(vigil, 20) == 4 * FIRST_PATIENCE_S
    assert [borne(vigil, since) for since in (30, 40)] == [LONGEST_PATIENCE_S] * 2
    assert borne(vigil, 110) == FIRST_PATIENCE_S


def borne(vigil: Vigil, since: float) -> float:
    """How long a silence that begins then is borne."""
    now = since
    while vigil.silent(STILL, now) is None:
        now += 0.25
    return now - since
