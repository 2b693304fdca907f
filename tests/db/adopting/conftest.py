"""A stranger's table, attached; and who attached it."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from db.adopting.stranger import ODD, ODD_SQL, source
from fixtures.database import Connect
from tailboard.db import session
from tailboard.db.adopting.attaching import attach

Owner = psycopg.Connection[Any]


@pytest.fixture
def owner(connect: Connect, database_url: str) -> Owner:
    """The stranger's own session, with the odd table attached."""
    owner = connect()
    owner.execute(ODD_SQL)
    with session.connect(database_url, "attach") as connection:
        attach(connection, source(ODD))
    return owner


@pytest.fixture
def operator(database_url: str) -> Iterator[Owner]:
    with session.connect(database_url, "attach") as connection:
        yield connection
