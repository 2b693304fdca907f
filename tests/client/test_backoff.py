"""How long a feed waits before it tries again."""

from hypothesis import given
from hypothesis import strategies as st

from tailboard.client import Backoff


@given(st.integers(min_value=0, max_value=10_000))
def test_a_wait_grows_to_its_limit_and_is_never_nothing(attempt: int) -> None:
    ceiling = min(10.0, 0.25 * 2 ** min(attempt, 16))
    assert ceiling / 2 <= Backoff().wait(attempt) <= ceiling
