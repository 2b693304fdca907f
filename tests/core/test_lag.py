"""A feed that stands still is behind, though nothing comes to say so."""

from tailboard.core.lag import Lag


def test_while_ticks_come_it_is_how_late_the_newest_came() -> None:
    lag = Lag()
    assert lag.ms(5.0) == 0
    lag.delivered(0.004, 10.0)
    assert lag.ms(10.5) == 4
    lag.nothing_new(11.5, waits=False)
    assert lag.ms(12.0) == 4
    lag.delivered(-0.3, 12.0)  # the database's clock was put back
    assert lag.ms(12.0) == 0


def test_what_is_committed_and_has_no_tick_waits_since_it_was_first_seen() -> None:
    lag = Lag()
    lag.delivered(0.004, 10.0)
    lag.nothing_new(11.0, waits=True)
    assert lag.ms(11.0) == 4
    lag.nothing_new(12.0, waits=True)
    lag.nothing_new(13.0, waits=True)
    assert lag.ms(13.5) == 2500
    lag.delivered(0.002, 13.6)
    assert lag.ms(13.6) == 2


def test_what_was_rolled_back_waits_no_longer() -> None:
    lag = Lag()
    lag.nothing_new(11.0, waits=True)
    lag.nothing_new(16.0, waits=False)
    assert lag.ms(16.0) == 0


def test_a_log_that_was_not_looked_at_for_long_may_hold_anything() -> None:
    lag = Lag()
    lag.nothing_new(10.0, waits=False)
    assert lag.ms(12.0) == 0
    assert not lag.away(12.0)
    assert lag.away(12.1)
    assert lag.ms(17.0) == 7000
    assert lag.away(17.0)
    lag.looked(17.5)
    assert not lag.away(18.0)


def test_what_came_late_is_forgotten_once_the_end_of_the_log_is_reached() -> None:
    lag = Lag()
    lag.delivered(60.0, 10.0)
    assert lag.ms(10.0) == 60_000
    lag.nothing_new(11.0, waits=False)
    assert lag.ms(11.0) == 0
