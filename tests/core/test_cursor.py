"""A cursor is `epoch.position` and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailboard.core.cursor import Cursor
from tailboard.errors import InvalidCursor

CURSORS = st.builds(Cursor, st.integers(1, 10**9 - 1), st.integers(0, 10**18 - 1))


@given(CURSORS)
def test_what_is_written_is_read_again(cursor: Cursor) -> None:
    assert Cursor.parse(str(cursor)) == cursor


@given(CURSORS, CURSORS)
def test_later_epochs_come_later_whatever_their_positions(one: Cursor, other: Cursor) -> None:
    assert (one < other) == (
        one.epoch < other.epoch or (one.epoch == other.epoch and one.position < other.position)
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3",
        ".",
        "3.",
        ".3",
        "0.1",
        "-1.2",
        "1.-2",
        "+1.2",
        "01.2",
        "1.02",
        "1.2.3",
        "1,2",
        "1.2 ",
        " 1.2",
        "1.2\n",
        "1.2\x00",
        "1e3.2",
        "one.two",
        "1_0.2",
        "\u0661.\u0662",
        "1234567890.1",
        "1.1234567890123456789",
        "1.2; DROP TABLE tailboard.jobs",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidCursor, match=r"epoch\.position, for example 3\.104522"):
        Cursor.parse(text)


@given(st.text())
def test_no_text_does_more_harm_than_invalid_cursor(text: str) -> None:
    try:
        cursor = Cursor.parse(text)
    except InvalidCursor:
        return
    assert str(cursor) == text


def test_a_long_text_is_shown_in_part() -> None:
    with pytest.raises(InvalidCursor) as caught:
        Cursor.parse("9" * 100_000)
    assert len(str(caught.value)) < 250


def test_it_has_a_stable_code() -> None:
    assert InvalidCursor.code == "invalid_cursor"
