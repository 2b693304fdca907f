"""Renewing a source whose table was migrated by its owner: the same expressions, over the columns as they are now; or
one that another release of Tailboard has written.
"""

from typing import Any

import msgspec
from psycopg import Connection, Rollback

from tailboard.db.adopting.describing import describe
from tailboard.db.adopting.installing import install
from tailboard.db.errors import translated
from tailboard.db.queries import query
from tailboard.db.session import connect
from tailboard.sources.parsing import from_definition


def renew(url: str, name: str) -> bool:
    """Write capture and reading function anew, if they come out otherwise: returns whether they did. Blocks. Raises
    InvalidSource and AttachRefused where the expressions do not fit any more, and then nothing has changed.
    """
    with connect(url, "renew") as connection, translated(), connection.transaction() as transaction:
        connection.execute("SELECT set_config('lock_timeout', '200ms', true)")
        row = connection.execute(
            "SELECT definition::text FROM tailboard.sources WHERE name = %s AND NOT builtin FOR UPDATE",
            [name],
        ).fetchone()
        if row is None:
            return False
        before = _written(connection, name)
        install(connection, describe(connection, from_definition(name, msgspec.json.decode(row[0]))))
        differs = _written(connection, name) != before
        if not differs:
            raise Rollback(transaction)
    return differs


def _written(connection: Connection[Any], name: str) -> list[Any]:
    return connection.execute(query("adopting_written"), {"name": name}).fetchall()
