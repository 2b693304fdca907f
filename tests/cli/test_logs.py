"""The log of a serving process: no tokens, and what is said again and again is said once."""

import logging

from tailboard.cli import logs
from tailboard.cli.logs import SayOnce


class Said:
    """What passes the filter, on a clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self._filter = SayOnce(lambda: self.now)

    def __call__(
        self, text: str, *, level: int = logging.WARNING, name: str = "a", raised: Exception | None = None
    ) -> str | None:
        told = None if raised is None else (type(raised), raised, None)
        record = logging.LogRecord(name, level, "", 0, "%s", (text,), told)
        return record.getMessage() if self._filter.filter(record) else None


def test_a_warning_is_said_once_a_minute_and_then_how_often_it_was() -> None:
    said = Said()
    assert said("away") == "away"
    for said.now in (0.1, 30, 59.9):
        assert said("away") is None
    said.now = 60
    assert said("away") == "away (3 more like it meanwhile)"
    assert said("away") is None
    said.now = 180
    assert said("away") == "away (1 more like it meanwhile)"


def test_what_differs_is_said_and_so_is_all_that_is_no_warning() -> None:
    said = Said()
    assert said("away") == said("away", name="b") == "away"
    assert said("failed", raised=ValueError("x")) == said("failed", raised=ValueError("y")) == "failed"
    assert said("failed", raised=ValueError("x")) is None
    assert said("leads", level=logging.INFO) == said("leads", level=logging.INFO) == "leads"


def test_a_warning_is_one_line() -> None:
    assert (
        Said()("connection failed\n\tIs the server running?\n") == "connection failed Is the server running?"
    )


def test_what_was_said_is_not_kept_for_ever() -> None:
    said = Said()
    for n in range(logs._REMEMBERED + 1):
        assert said(f"job {n}") == f"job {n}"
    assert said("job 0") == "job 0"
    assert said(f"job {logs._REMEMBERED}") is None
