"""Asking PostgreSQL about a source's expressions: their types, the columns they use, how it writes them.

Nothing is guessed from names: each expression is described by a query of no rows, and the columns it depends on are
those that PostgreSQL records for a view. The view never outlives its savepoint.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from psycopg import Connection
from psycopg.sql import SQL, Composed, Identifier

from tailboard.db.adopting.described import Described, expressions, is_whole
from tailboard.db.adopting.fitting import judge, look_up_type, type_of
from tailboard.db.adopting.refusals import judged
from tailboard.db.adopting.table import Table, keeping, look_up, require_followable, require_rights
from tailboard.db.errors import required
from tailboard.db.expressions import parenthesized
from tailboard.db.queries import query
from tailboard.errors import InvalidSource
from tailboard.sources.source import ROW, Source

_SELECT: Final = re.compile(r"^SELECT\s+")  # a CASE begins on a line of its own


def describe(connection: Connection[Any], source: Source) -> Described:
    """Fit a source to its table. Raises InvalidSource and AttachRefused; leaves nothing behind.

    Runs inside the caller's transaction, with the search path that capture and reading have.
    """
    table = look_up(connection, source.table)
    require_rights(source.table, table)
    for follow in source.follows:
        require_followable(connection, follow.table)
    with keeping(connection, table.keeper):
        return _described(connection, source, table)


def _described(connection: Connection[Any], source: Source, table: Table) -> Described:
    texts = dict(expressions(source))
    if source.deleted_status is None and source.deleted != "gone":
        texts["deleted"] = source.deleted
    types = {key: type_of(connection, source, key, text) for key, text in texts.items()}
    for follow in source.follows:
        type_of(connection, source, f"follows {follow.table}: job", follow.job, follow.table)
    if source.remembers and table.partitioned:
        raise InvalidSource(
            f"[sources.{source.name}] follows or running needs deferred triggers, and {source.table} has partitions."
        )
    for key, kind in types.items():
        judge(source, key, texts[key], kind)
    used = _used(connection, source, table)
    virtual = [name for name in used if name in table.virtual]
    if virtual:
        raise InvalidSource(
            f"[sources.{source.name}] uses {virtual[0]}, a virtual generated column, which no trigger can see: "
            "write its expression instead."
        )
    qualified, reads = _qualified(connection, source, table)
    return Described(source, table, types, used, qualified, reads, _looked_up(connection, source, used))


def _used(connection: Connection[Any], source: Source, table: Table) -> tuple[str, ...]:
    """The columns that the expressions look at; all of them where one looks at the row as a whole."""
    if is_whole(source):
        return tuple(name for name in table.columns if name not in table.virtual)
    return columns_read(connection, source, table, [text for _, text in expressions(source)])


def columns_read(
    connection: Connection[Any], source: Source, table: Table, texts: Sequence[str]
) -> tuple[str, ...]:
    """The columns that these expressions over a row of the source's table look at, in the table's order."""
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
            asked = "SELECT pg_get_viewdef(to_regclass(%s))"
            (read,) = required(connection.execute(asked, [view.as_string(connection)]).fetchone(), asked)
            definition = _SELECT.sub("", str(read).strip()).removesuffix(";")
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
        given = look_up_type(connection, column.type_code)
        alone = type_of(connection, source, column.name, dict(expressions(source))[column.name])
        if given != alone:
            raise InvalidSource(
                f"{where} gives {column.name} as {given.name}, its expression as {alone.name}."
            )
    return tuple(column.name for column in found)
