"""The owner's table: what there is of it, what stands in the way of watching it, and the role for which it is read."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from tailboard.db.errors import required
from tailboard.db.queries import query
from tailboard.errors import AttachRefused, InvalidSource
from tailboard.sources.sqltext import TableName, quoted


@dataclass(frozen=True, slots=True)
class Table:
    """The owner's table, and what stands in the way of watching it."""

    oid: int
    kind: str
    columns: Mapping[str, str]
    """Every column with its type, in order."""
    not_null: frozenset[str]
    virtual: frozenset[str]
    partitioned: bool
    partition_of: str | None
    has_children: bool
    may_trigger: bool
    may_select: bool
    hidden_rows: bool
    """Whether row-level security hides rows from the role that owns Tailboard's schema."""
    keeper: str
    """The role that owns Tailboard's schema: it reads the table and runs the capture."""
    is_keeper: bool
    """Whether this session may act for that role."""
    role: str
    """The role of this session."""
    owner: str
    is_owner: bool
    """Whether this session may do what the table's owner may, such as drop a trigger."""
    bytes: int


def look_up(connection: Connection[Any], name: TableName) -> Table:
    """The table of that name. Raises InvalidSource where there is none."""
    row = connection.execute(query("adopting_table"), {"schema": name.schema, "table": name.table}).fetchone()
    if row is None:
        found = connection.execute(
            query("adopting_elsewhere"), {"schema": name.schema, "table": name.table}
        ).fetchall()
        others = f", but there is {', '.join(str(TableName(*other)) for other in found)}" if found else ""
        raise InvalidSource(
            f"There is no table {name}{others}: check schema and table (for a preset, --schema says where they are),"
            " and write mixed case between quotes."
        )
    described: tuple[Any, ...] = (*row[:3], frozenset(row[3]), frozenset(row[4]), *row[5:])
    table = Table(*described)
    what = {"v": "a view", "m": "a materialized view", "f": "a foreign table", "t": "temporary"}.get(
        table.kind
    )
    if what is not None:
        raise InvalidSource(f"{name} is {what}, and only tables can be watched: attach the table behind it.")
    if table.partition_of is not None:
        raise InvalidSource(f"{name} is a partition: attach {table.partition_of}, which covers all of them.")
    if table.has_children and not table.partitioned:
        raise InvalidSource(
            f"{name} has tables that inherit from it, whose rows its triggers would not see: attach each of them, "
            "or make them partitions."
        )
    if name.schema in {"tailboard", "pg_catalog", "information_schema"}:
        raise InvalidSource(f"{name} belongs to {name.schema} itself and cannot be attached.")
    return table


def require_rights(name: TableName, table: Table) -> None:
    """Raises AttachRefused where Tailboard may not watch the table, or not see all of it."""
    keeper = quoted(table.keeper)
    if not table.is_keeper:
        raise AttachRefused(
            f"Attaching needs the rights of {keeper}, who owns the schema tailboard: connect as {keeper}, "
            f"or GRANT {keeper} TO {quoted(table.role)}."
        )
    lacking = []
    if not table.may_trigger:
        role = quoted(table.role)
        lacking.append(f"You may not create triggers on {name}: GRANT TRIGGER ON {name} TO {role}.")
    if not table.may_select:
        lacking.append(
            f"{keeper}, as whom Tailboard reads, may not read {name}: GRANT SELECT ON {name} TO {keeper}, "
            "and USAGE on its schema."
        )
    if lacking:
        raise AttachRefused(" ".join(lacking))
    if table.hidden_rows:
        raise AttachRefused(
            f"Row-level security on {name} hides rows from {keeper}, so the board would be wrong: "
            f"ALTER ROLE {keeper} BYPASSRLS, or let the table's owner own the schema tailboard."
        )


def require_followable(connection: Connection[Any], name: TableName) -> None:
    """The same for a table that a source follows. Raises InvalidSource where that cannot be done."""
    table = look_up(connection, name)
    require_rights(name, table)
    if table.partitioned:
        raise InvalidSource(f"{name} has partitions, and a table with partitions cannot be followed.")


@contextmanager
def keeping(connection: Connection[Any], keeper: str) -> Iterator[None]:
    """Act for the role that owns Tailboard's schema, as capture and reading do, and then for oneself again."""
    asked = "SELECT current_setting('role')"
    row = required(connection.execute(asked).fetchone(), asked)
    become_keeper(connection, keeper)
    yield
    connection.execute("SELECT set_config('role', %s, true)", row)


def become_keeper(connection: Connection[Any], keeper: str) -> None:
    """Act for the role that owns Tailboard's schema until the transaction ends."""
    connection.execute("SELECT set_config('role', %s, true)", [keeper])
