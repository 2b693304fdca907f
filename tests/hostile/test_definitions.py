"""Definitions of sources that are up to something, against a real table: refused, or no more than they say."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fixtures.database import Connect
from tailboard.db.adopting.attaching import attach, detach
from tailboard.db.session import connect
from tailboard.errors import AttachRefused, DatabaseError, InvalidSource
from tailboard.sources.parsing import from_definition

PIECES = [
    "id", "state", "job.id", "'", "''", '"', "$$", "$x$", "id$x$", "(", ")", "[", "]", ";", ",", "--", "\n", "/*", "*/",
    r"E'\'", "::text", " ", "1", "$1", "%", "%s", "{}", "\\", "coalesce(id, 0)", "DROP TABLE shop.canary",
    "(SELECT count(*) FROM shop.canary)", "shop.sting()", "AS", "FROM shop.canary", "UNION SELECT",
    "id) FROM shop.orders --",
]  # fmt: skip
HOSTILE = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6)
GOOD = {
    "id": "id", "status": "'pending'", "queue": "state", "due": "now()", "deleted": "'completed'", "running": "id > 0"
}  # fmt: skip
AROUND = st.sampled_from(["", " -- ) ;", "\n", " /* ) */ ", "--\n", " -- $x$", " /* ' */", " -- %s"])
SANE = {"table": "shop.orders", "id": "id", "status": {"column": "state", "map": {"new": "pending"}}}


@pytest.fixture
def owner(connect: Connect) -> psycopg.Connection[Any]:
    connection = connect()
    connection.execute("CREATE SCHEMA shop; CREATE TABLE shop.orders (id bigint PRIMARY KEY, state text)")
    connection.execute("CREATE TABLE shop.canary (n int); INSERT INTO shop.canary VALUES (1)")
    connection.execute(
        "CREATE FUNCTION shop.sting() RETURNS int LANGUAGE plpgsql AS"
        " $$ BEGIN DELETE FROM shop.canary; RETURN 1; END $$"
    )
    connection.execute("INSERT INTO shop.orders VALUES (1, 'new')")
    return connection


@pytest.fixture
def attaching(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(database_url, "attach") as connection:
        yield connection


def traces(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    """What attaching leaves: functions, triggers, sources."""
    return connection.execute(
        "SELECT proname FROM pg_proc WHERE pronamespace::regnamespace::text IN ('tailboard', 'shop')"
        " UNION ALL SELECT tgname FROM pg_trigger WHERE tgrelid = 'shop.orders'::regclass"
        " UNION ALL SELECT relname FROM pg_class WHERE relnamespace::regnamespace::text IN ('tailboard', 'shop')"
        " UNION ALL SELECT name FROM tailboard.sources ORDER BY 1"
    ).fetchall()


@pytest.mark.slow
@pytest.mark.parametrize("key", ["id", "status", "queue", "due", "deleted", "running"])
def test_an_expression_does_nothing_but_say_how_a_row_is_a_job(
    key: str, owner: psycopg.Connection[Any], attaching: psycopg.Connection[Any]
) -> None:
    """It is refused and leaves no trace; or it is attached, the owner can write, and detaching leaves no trace."""
    before = traces(owner)
    seen = {"refused": 0, "attached": 0}

    @given(
        HOSTILE.map(" ".join)
        | HOSTILE.map("".join)
        | st.tuples(AROUND, st.just(GOOD[key]), AROUND).map("".join)
    )
    @settings(
        max_examples=120,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def harmless(expression: str) -> None:
        owner.execute("TRUNCATE shop.canary; INSERT INTO shop.canary VALUES (1)")
        try:
            source = from_definition("orders", SANE | {key: expression})
            attach(attaching, source)
        except (InvalidSource, AttachRefused, DatabaseError):
            seen["refused"] += 1
        else:
            seen["attached"] += 1
            owner.execute("UPDATE shop.orders SET state = 'new'")
            owner.execute("INSERT INTO shop.orders VALUES (2, 'new')")
            owner.execute("DELETE FROM shop.orders WHERE id = 2")
            detach(attaching, "orders")
        assert traces(owner) == before
        if "shop.sting()" not in expression:  # the owner's own function may do what it likes
            assert owner.execute("SELECT count(*) FROM shop.canary").fetchone() == (1,)

    harmless()
    assert seen["refused"] > 10
    assert seen["attached"] > 0
