"""What a source has in Tailboard's own schema: its functions, its row, its count of faults. Nothing is the owner's."""

from typing import Any

import msgspec
from psycopg import Connection, errors
from psycopg.sql import SQL, Composed, Identifier

from tailboard.db.adopting.described import Described
from tailboard.db.adopting.generating import Generated
from tailboard.db.adopting.remembering import Remembering
from tailboard.db.adopting.table import keeping
from tailboard.db.queries import query
from tailboard.errors import AttachRefused
from tailboard.sources.source import Source


def install(connection: Connection[Any], described: Described) -> None:
    """Make, or make anew, what a source has in Tailboard's schema; nothing on the owner's table."""
    with keeping(connection, described.table.keeper):
        _install(connection, described)


def _install(connection: Connection[Any], described: Described) -> None:
    source = described.source
    generated = Generated(described, connection)
    connection.execute(
        SQL("CREATE SEQUENCE IF NOT EXISTS {}").format(Identifier("tailboard", f"faults_{source.name}"))
    )
    _write_reading(connection, source.name, generated.reading_functions())
    remembering = Remembering(generated, described, connection) if source.remembers else None
    for function in remembering.functions() if remembering else []:
        connection.execute(function)
    connection.execute(
        query("adopting_store"),
        {
            "name": source.name,
            "table": str(source.table),
            "relation": described.table.oid,
            "definition": msgspec.json.encode(source.definition).decode(),
            "columns": msgspec.json.encode(described.fingerprint).decode(),
            "capture": (remembering or generated).capture(),
        },
    )
    connection.execute("SELECT tailboard.write_captures(%s)", [source.name])
    connection.execute("SELECT tailboard.close_source(%s, %s)", [source.name, described.table.partitioned])


def _write_reading(connection: Connection[Any], name: str, functions: list[Composed]) -> None:
    """In their place where that can be: a list that is being read would look for those that were dropped in vain."""
    try:
        with connection.transaction():
            for function in functions:
                connection.execute(function)
    except errors.InvalidFunctionDefinition:  # they give something else now, such as ids of another type
        connection.execute("SELECT tailboard.drop_reading(%s)", [name])
        for function in functions:
            connection.execute(function)


def refuse_attached(connection: Connection[Any], source: Source) -> None:
    """Raise AttachRefused where the name is taken, or the table is on the board already. Until the transaction ends
    nobody else takes the name.
    """
    connection.execute(query("adopting_turn"), {"name": source.name})
    row = connection.execute(
        query("adopting_taken"),
        {"name": source.name, "schema": source.table.schema, "table": source.table.table},
    ).fetchone()
    if row is None:
        return
    name, table = row
    if name == source.name:
        raise AttachRefused(
            f"A source {name} is attached already, to {table}: "
            f"`tailboard detach {name}` first, or choose another --name."
        )
    raise AttachRefused(f"{table} is attached already, as {name}: `tailboard detach {name}` first.")
