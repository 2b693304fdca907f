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


def test_a_clock_that_was_ahead_is_followed_when_it_is_put_right() -> None:
    clock = DatabaseClock()
    clock.observe(after(3600), 0.0)
    for second in range(1, 122):
        clock.observe(after(second), float(second))
    assert clock.at(121.0) == after(121)


def test_what_came_quickest_is_believed_for_a_while() -> None:
    clock = DatabaseClock()
    clock.observe(after(0), 0.0)
    for second in range(1, 60):
        clock.observe(after(second), second + 0.5)
    clock.observe(after(60), 60.5)
    assert clock.at(61.0) == after(61)
