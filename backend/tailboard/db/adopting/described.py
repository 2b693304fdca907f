"""What PostgreSQL says about a source's expressions: their types, the columns they use, the table they are over.

Nothing is guessed from names: each expression is described by a query of no rows, and the columns it depends on are
those that PostgreSQL records for a view. The view never outlives its savepoint.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import Connection, errors
from psycopg.sql import SQL, Composed, Identifier

from tailboard.db.expressions import parenthesized
from tailboard.db.queries import query
from tailboard.errors import AttachRefused, InvalidSource
from tailboard.sources.source import ROW, Source, StatusColumn
from tailboard.sources.sqltext import TableName

_SELECT: Final = re.compile(r"^SELECT\s+")  # a CASE begins on a line of its own
_INTEGERS: Final = frozenset({"smallint", "integer", "bigint"})
_TEXT_CATEGORIES: Final = frozenset("SENBUVZD")
"""Strings, enums, numbers, booleans, user-defined, bits, PostgreSQL's own, dates."""


@dataclass(frozen=True, slots=True)
class NativeType:
    """A type by its qualified name, with what decides how its values are shown."""

    name: str
    category: str
    kind: str
    base: str
    """For a domain the type under it; else the name itself."""

    @property
    def is_json(self) -> bool:
        return self.base in {"json", "jsonb"}

    @property
    def is_builtin(self) -> bool:
        return self.kind == "b" and "." not in self.name


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
    bytes: int


@dataclass(frozen=True, slots=True)
class Described:
    """A source whose expressions fit its table."""

    source: Source
    table: Table
    types: Mapping[str, NativeType]
    """The type of every expression, by the key it has in the definition; the status column is `status`."""
    used: tuple[str, ...]
    """The columns that decide a job, in the table's order."""
    qualified: Mapping[str, str]
    """Every expression as PostgreSQL writes it, with each column of the row as `job.column`, by its key."""
    reads: Mapping[str, frozenset[str]]
    """The types of the columns that every expression reads, in whatever table, by its key."""
    looked_up: tuple[str, ...] = ()
    """The columns that the query of that name gives, in its order."""

    @property
    def fingerprint(self) -> dict[str, str]:
        """The used columns with their types: where these stay, the owner's migrations do not matter. As `*` which
        columns there are, where an expression looks at the row as a whole.
        """
        columns = {name: self.table.columns[name] for name in self.used}
        return columns | {"*": ", ".join(self.table.columns)} if _is_whole(self.source) else columns

    @property
    def id_type(self) -> str:
        """What the reading function returns as the id: the native type where PostgreSQL brings it, else text.

        A type of the owner's in a function's signature would keep the owner from dropping it.
        """
        native = self.types["id"]
        return native.name if native.is_builtin else "text"

    @property
    def numbered(self) -> bool:
        return self.types["id"].name in _INTEGERS


def expressions(source: Source) -> Iterator[tuple[str, str]]:
    """Every expression over the row of the table, by its key in the definition."""
    yield "id", source.id
    yield "status", source.status.column if isinstance(source.status, StatusColumn) else source.status
    yield from source.columns.items()
    if source.due is not None:
        yield "due", source.due
    if source.running is not None:
        yield "running", source.running


def describe(connection: Connection[Any], source: Source) -> Described:
    """Fit a source to its table. Raises InvalidSource and AttachRefused; leaves nothing behind.

    Runs inside the caller's transaction, with the search path that capture and reading have.
    """
    table = look_up(connection, source.table)
    _require_rights(source.table, table)
    for follow in source.follows:
        _require_followable(connection, follow.table)
    with keeping(connection, table.keeper):
        return _described(connection, source, table)


@contextmanager
def keeping(connection: Connection[Any], keeper: str) -> Iterator[None]:
    """Act for the role that owns Tailboard's schema, as capture and reading do, and then for oneself again."""
    row = connection.execute("SELECT current_setting('role')").fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    become_keeper(connection, keeper)
    yield
    connection.execute("SELECT set_config('role', %s, true)", row)


def become_keeper(connection: Connection[Any], keeper: str) -> None:
    """Act for the role that owns Tailboard's schema until the transaction ends."""
    connection.execute("SELECT set_config('role', %s, true)", [keeper])


def _described(connection: Connection[Any], source: Source, table: Table) -> Described:
    types = {key: _type(connection, source, key, text) for key, text in expressions(source)}
    if source.deleted_status is None and source.deleted != "gone":
        types["deleted"] = _type(connection, source, "deleted", source.deleted)
    for follow in source.follows:
        _type(connection, source, f"follows {follow.table}: job", follow.job, follow.table)
    if source.remembers and table.partitioned:
        raise InvalidSource(
            f"[sources.{source.name}] follows or running needs deferred triggers, and {source.table} has partitions."
        )
    for key, native in types.items():
        _judge(source, key, native)
    used = _used(connection, source, table)
    virtual = [name for name in used if name in table.virtual]
    if virtual:
        raise InvalidSource(
            f"[sources.{source.name}] uses {virtual[0]}, a virtual generated column, which no trigger can see: "
            "write its expression instead."
        )
    qualified, reads = _qualified(connection, source, table)
    return Described(source, table, types, used, qualified, reads, _looked_up(connection, source, used))


def _require_followable(connection: Connection[Any], name: TableName) -> None:
    table = look_up(connection, name)
    _require_rights(name, table)
    if table.partitioned:
        raise InvalidSource(f"{name} has partitions, and a table with partitions cannot be followed.")


def look_up(connection: Connection[Any], name: TableName) -> Table:
    """The table of that name. Raises InvalidSource where there is none."""
    row = connection.execute(query("adopting_table"), {"schema": name.schema, "table": name.table}).fetchone()
    if row is None:
        raise InvalidSource(
            f"There is no table {name}: check schema and table (for a preset, --schema says where they are), and write"
            " mixed case between quotes."
        )
    found: tuple[Any, ...] = (*row[:3], frozenset(row[3]), frozenset(row[4]), *row[5:])
    table = Table(*found)
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


def _require_rights(name: TableName, table: Table) -> None:
    keeper = table.keeper
    if not table.is_keeper:
        raise AttachRefused(
            f"Attaching needs the rights of {keeper}, who owns the schema tailboard: connect as {keeper}, "
            f"or GRANT {keeper} TO your role."
        )
    if not table.may_trigger:
        raise AttachRefused(f"You may not create triggers on {name}: GRANT TRIGGER ON {name} TO your role.")
    if not table.may_select:
        raise AttachRefused(
            f"{keeper}, as whom Tailboard reads, may not read {name}: GRANT SELECT ON {name} TO {keeper}, "
            "and USAGE on its schema."
        )
    if table.hidden_rows:
        raise AttachRefused(
            f"Row-level security on {name} hides rows from {keeper}, so the board would be wrong: "
            f"ALTER ROLE {keeper} BYPASSRLS, or let the table's owner own the schema tailboard."
        )


@contextmanager
def judged(source: Source, key: str, columns: Mapping[str, str] | None = None) -> Iterator[None]:
    """Turn what PostgreSQL says about an expression into what its author should do."""
    where = f"[sources.{source.name}] {key}"
    try:
        yield
    except errors.UndefinedColumn as error:
        has = f" The table has {', '.join(columns)}." if columns else ""
        raise InvalidSource(f"{where}: {said(error)}.{has}") from error
    except (errors.UndefinedTable, errors.UndefinedFunction, errors.UndefinedObject) as error:
        raise InvalidSource(
            f"{where}: {said(error)}. Outside of PostgreSQL's own catalog every name is written with its schema."
        ) from error
    except errors.InsufficientPrivilege as error:
        raise AttachRefused(
            f"{where}: {said(error)}. Grant it to the owner of the schema tailboard."
        ) from error
    except (errors.QueryCanceled, psycopg.OperationalError):
        raise
    except psycopg.Error as error:
        raise InvalidSource(f"{where}: {said(error)}.") from error


def said(error: psycopg.Error) -> str:
    """What PostgreSQL said, in one line."""
    return (error.diag.message_primary or str(error)).strip().rstrip(".")


def _type(
    connection: Connection[Any], source: Source, key: str, text: str, over: TableName | None = None
) -> NativeType:
    over = over or source.table
    # In a condition, too: there PostgreSQL refuses what has not one value a row, such as count(*) and unnest(a).
    select = SQL("SELECT {} FROM {} AS {} WHERE {} IS NOT NULL LIMIT 0").format(
        parenthesized(text), Identifier(*over), Identifier(ROW), parenthesized(text)
    )
    with judged(source, key):
        try:
            with connection.transaction():
                found = connection.execute(select).description
        except errors.UndefinedColumn as error:
            columns = look_up(connection, over).columns
            raise InvalidSource(
                f"[sources.{source.name}] {key}: {said(error)}. The table has {', '.join(columns)}."
            ) from error
    assert found is not None  # noqa: S101 - a SELECT describes its columns
    if len(found) > 1:
        raise InvalidSource(
            f"[sources.{source.name}] {key} gives {len(found)} columns: write one value, such as to_jsonb({ROW})."
        )
    row = connection.execute(query("adopting_type"), {"type": found[0].type_code}).fetchone()
    assert row is not None  # noqa: S101 - PostgreSQL has just named it
    return NativeType(*row)


def _judge(source: Source, key: str, native: NativeType) -> None:
    """Refuse a type that cannot be shown as what the column is."""
    base, fits, instead = native.base, True, ""
    match key:
        case "created_at" | "scheduled_at" | "started_at" | "finished_at" | "due":
            fits = base == "timestamp with time zone"
            instead = {
                "timestamp without time zone": "say in which zone its times are, such as x AT TIME ZONE 'UTC'",
                "date": "say at which time of the day, such as x::timestamp AT TIME ZONE 'UTC'",
            }.get(
                base,
                "for seconds since 1970 write to_timestamp(x), for milliseconds to_timestamp(x / 1000.0)",
            )
        case "priority" | "attempt" | "max_attempts":
            fits = base in _INTEGERS or base == "numeric"
            instead = "write a whole number"
        case "progress":
            fits = native.category == "N"
            instead = "write a number from 0 to 1, such as percent / 100.0"
        case "tags":
            fits = native.category == "A" and not base.startswith("json")
            instead = "write an array of text; for a JSON array ARRAY(SELECT jsonb_array_elements_text(x))"
        case "phases":
            fits = native.is_json
            instead = "write JSON, a list of objects with name and status"
        case "payload" | "result":
            fits = native.kind != "p"
            instead = "write JSON, such as jsonb_build_object('name', a)"
        case "running":
            fits = base == "boolean"
            instead = "write a condition"
        case _:
            fits = native.category in _TEXT_CATEGORIES and native.kind in {"b", "d", "e"} and base != "bytea"
            instead = "write one value that can be read as text"
    if not fits:
        raise InvalidSource(f"[sources.{source.name}] {key} gives {native.name}: {instead}.")


def _qualified(
    connection: Connection[Any], source: Source, table: Table
) -> tuple[dict[str, str], dict[str, frozenset[str]]]:
    """The expressions as PostgreSQL writes them in a view, where the row is one of two tables; and the types of the
    columns that they read.
    """
    view = Identifier("tailboard", f"describing_{source.name}")
    create = SQL("CREATE VIEW {} AS SELECT {} AS value FROM {} AS {}, (SELECT) AS nothing")
    texts = dict(expressions(source))
    if source.deleted_status is None and source.deleted != "gone":
        texts["deleted"] = source.deleted

    reads: dict[str, frozenset[str]] = {}

    def written(key: str, text: str) -> str:
        with judged(source, key), connection.transaction(force_rollback=True):
            connection.execute(
                create.format(view, parenthesized(text), Identifier(*source.table), Identifier(ROW))
            )
            row = connection.execute(
                "SELECT pg_get_viewdef(to_regclass(%s))", [view.as_string(connection)]
            ).fetchone()
            assert row is not None  # noqa: S101 - the view has just been made
            definition = _SELECT.sub("", str(row[0]).strip()).removesuffix(";")
            types = connection.execute(
                query("adopting_reads"),
                {
                    "view": view.as_string(connection),
                    "table": table.oid,
                    "whole": f"{ROW}.*" in definition,
                },
            ).fetchall()
        reads[key] = frozenset(name for (name,) in types)
        return definition

    # What follows the expression is the same for every one of them.
    rest = written("id", "1").removeprefix("1")
    return {key: written(key, text).removesuffix(rest) for key, text in texts.items()}, reads


def _looked_up(connection: Connection[Any], source: Source, used: tuple[str, ...]) -> tuple[str, ...]:
    """What the query gives that looks several columns up at once. It sees just the columns that decide a job."""
    if source.looked_up is None:
        return ()
    select = SQL("SELECT l.* FROM (SELECT {} FROM {}) AS {} CROSS JOIN LATERAL ({}) AS l LIMIT 0").format(
        SQL(", ").join(Identifier(name) for name in used),
        Identifier(*source.table),
        Identifier(ROW),
        SQL(source.looked_up),  # the author's, one statement
    )
    with judged(source, "looked_up"), connection.transaction():
        found = connection.execute(select).description or []
    where = f"[sources.{source.name}] looked_up"
    for column in found:
        if column.name not in {str(key) for key in source.columns}:
            raise InvalidSource(f"{where} gives {column.name}, for which the source has no expression.")
        row = connection.execute(query("adopting_type"), {"type": column.type_code}).fetchone()
        assert row is not None  # noqa: S101 - PostgreSQL has just named it
        given, native = (
            NativeType(*row),
            _type(connection, source, column.name, dict(expressions(source))[column.name]),
        )
        if given != native:
            raise InvalidSource(
                f"{where} gives {column.name} as {given.name}, its expression as {native.name}."
            )
    return tuple(column.name for column in found)


def _is_whole(source: Source) -> bool:
    """Whether an expression looks at the row as a whole."""
    return any(re.search(rf"\b{ROW}\b(?!\s*\.\s*[\w\"])", text) for _, text in expressions(source))


def _used(connection: Connection[Any], source: Source, table: Table) -> tuple[str, ...]:
    """The columns that the expressions look at; all of them where one looks at the row as a whole."""
    if _is_whole(source):
        return tuple(name for name in table.columns if name not in table.virtual)
    texts = [text for _, text in expressions(source)]
    view = Identifier("tailboard", f"describing_{source.name}")
    columns: list[Composed] = [
        SQL("{} AS {}").format(parenthesized(text), Identifier(str(number)))
        for number, text in enumerate(texts)
    ]
    statement = SQL("CREATE VIEW {} AS SELECT {} FROM {} AS {}").format(
        view, SQL(", ").join(columns), Identifier(*source.table), Identifier(ROW)
    )
    with judged(source, "expressions"), connection.transaction(force_rollback=True):
        connection.execute(statement)
        names = SQL("tailboard.{}").format(Identifier(f"describing_{source.name}")).as_string(connection)
        rows = connection.execute(query("adopting_used"), {"view": names, "table": table.oid}).fetchall()
    return tuple(name for (name,) in rows)
