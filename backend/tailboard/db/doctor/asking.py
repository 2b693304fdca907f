"""How the checks ask: on connections of their own, of which every row has named columns."""

from typing import Any, LiteralString

import psycopg
from psycopg import Connection
from psycopg.rows import namedtuple_row

from tailboard.db.errors import required
from tailboard.db.queries import query
from tailboard.db.session import address

Asked = Connection[Any]
"""A connection whose rows have named columns, of whatever type the query gives them."""


def connect(url: str) -> Asked:
    return psycopg.connect(
        address(url, "doctor"), autocommit=True, row_factory=namedtuple_row, prepare_threshold=None
    )


def one(connection: Asked, name: str) -> Any:
    asked = query(name)
    return required(connection.execute(asked).fetchone(), asked)


def value(connection: Asked, statement: LiteralString) -> Any:
    return required(connection.execute(statement).fetchone(), statement)[0]
