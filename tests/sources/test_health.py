"""What is said of an adopted table's state."""

import re

import pytest

from sources.well import WELL
from tailboard.sources.health import State, judge


@pytest.mark.parametrize(
    ("faults", "counted", "last", "state", "found"),
    [
        (0, 0, None, State.OK, "every change is captured"),
        (
            1,
            1,
            "nothing maps 'x'",
            State.OK,
            "a change or status could not be recorded, and .* counted since; the last: nothing maps 'x'",
        ),
        (2, 2, None, State.OK, "2 changes or statuses could not be recorded, and .* counted since$"),
        (
            2,
            1,
            "nothing maps 'x'",
            State.FAULTY,
            "2 changes .* could not be recorded; the last: nothing maps 'x'",
        ),
        (2, 1, None, State.FAULTY, "2 changes or statuses could not be recorded$"),
    ],
)
def test_what_could_not_be_recorded_is_told_as_far_as_it_is_known(
    faults: int, counted: int, last: str | None, state: State, found: str
) -> None:
    health = judge(WELL._replace(faults=faults, faults_counted=counted, last_fault=last))
    assert health.state is state
    assert re.match(found, health.found)
