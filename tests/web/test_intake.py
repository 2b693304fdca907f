"""How often a client may speak: so much at once, and so much a second after that."""

from tailboard.web.intake import Allowance


def test_what_was_not_used_does_not_add_up() -> None:
    allowance = Allowance(rate=20, burst=3, now=0)
    assert [allowance.take(3600) for _ in range(4)] == [0, 0, 0, 1 / 20]


def test_it_says_how_long_to_wait_and_takes_that_long() -> None:
    allowance = Allowance(rate=2, burst=1, now=0)
    assert [allowance.take(at) for at in (0, 0.25, 0.5, 0.75)] == [0, 0.25, 0, 0.25]
