"""The database's clock is known from what it wrote, and is never thought to be ahead of where it is."""

from datetime import UTC, datetime, timedelta

from tailboard.core.clock import DatabaseClock

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_it_goes_on_from_what_came_quickest() -> None:
    clock = DatabaseClock()
    assert clock.at(1000.0) is None
    clock.observe(after(0), 1000.5)
    assert clock.at(1001.5) == after(1)
    clock.observe(after(1), 1009.0)  # came late: tells nothing new
    assert clock.at(1010.5) == after(10)
    clock.observe(after(10), 1010.25)
    assert clock.at(1010.25) == after(10)


def test_another_server_may_be_behind() -> None:
    clock = DatabaseClock()
    clock.observe(after(3600), 10.0)
    clock.restart()
    assert clock.at(11.0) is None
    clock.observe(after(0), 12.0)
    assert clock.at(13.0) == after(1)
