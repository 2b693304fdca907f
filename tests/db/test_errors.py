"""What is said where PostgreSQL does not answer as it always does."""

import pytest
from psycopg.sql import SQL, Composable, Identifier

from tailboard.db.errors import required
from tailboard.db.queries import query
from tailboard.errors import DatabaseError


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ("SELECT 1", "SELECT 1"),
        (query("jobs_bulk_count"), "-- How many"),
        (SQL("SELECT {}\nFROM t").format(Identifier("a")), 'SELECT "a"'),
    ],
    ids=["a text", "a file", "a composed statement"],
)
def test_the_error_for_an_answer_that_is_missing_names_what_was_asked(
    asked: str | Composable, named: str
) -> None:
    with pytest.raises(DatabaseError, match=f"nothing to: {named}[^\n]*$"):
        required(None, asked)
    assert required((None,), asked) == (None,)
