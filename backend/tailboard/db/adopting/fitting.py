"""The type that an expression gives, and whether a value of it can be shown as what its column is."""

import re
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection, errors
from psycopg.sql import SQL, Identifier

from tailboard.db.adopting.refusals import judged, said
from tailboard.db.adopting.table import look_up
from tailboard.db.errors import required
from tailboard.db.expressions import parenthesized
from tailboard.db.queries import query
from tailboard.errors import InvalidSource
from tailboard.sources.source import ROW, Source
from tailboard.sources.sqltext import TableName

_AT_TIME_ZONE: Final = re.compile(r"\bAT\s+TIME\s+ZONE\b", re.IGNORECASE)
INTEGERS: Final = frozenset({"smallint", "integer", "bigint"})
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


def type_of(
    connection: Connection[Any], source: Source, key: str, text: str, over: TableName | None = None
) -> NativeType:
    """What an expression gives, over a row of the source's table or of another. Raises InvalidSource."""
    over = over or source.table
    # In a condition, too: there PostgreSQL refuses what has not one value a row, such as count(*) and unnest(a).
    select = SQL("SELECT {} FROM {} AS {} WHERE {} IS NOT NULL LIMIT 0").format(
        parenthesized(text), Identifier(*over), Identifier(ROW), parenthesized(text)
    )
    with judged(source, key):
        try:
            with connection.transaction():
                found = required(connection.execute(select).description, select)
        except errors.UndefinedColumn as error:
            columns = look_up(connection, over).columns
            raise InvalidSource(
                f"[sources.{source.name}] {key}: {said(error)}. The table has {', '.join(columns)}."
            ) from error
    if len(found) > 1:
        raise InvalidSource(
            f"[sources.{source.name}] {key} gives {len(found)} columns: write one value, such as to_jsonb({ROW})."
        )
    return look_up_type(connection, found[0].type_code)


def look_up_type(connection: Connection[Any], code: int) -> NativeType:
    """The type that PostgreSQL has just named by its number."""
    asked = query("adopting_type")
    return NativeType(*required(connection.execute(asked, {"type": code}).fetchone(), asked))


def judge(source: Source, key: str, text: str, native: NativeType) -> None:
    """Refuse an expression whose type cannot be shown as what the column is."""
    base, fits, instead = native.base, True, ""
    match key:
        case "created_at" | "scheduled_at" | "started_at" | "finished_at" | "due":
            fits = base == "timestamp with time zone"
            zoned = _AT_TIME_ZONE.search(text) is not None
            instead = {
                "timestamp without time zone": (
                    "AT TIME ZONE takes the zone off a time that has one, so leave it away"
                    if zoned
                    else "say in which zone its times are, such as x AT TIME ZONE 'UTC'"
                ),
                "date": "say at which time of the day, such as x::timestamp AT TIME ZONE 'UTC'",
            }.get(
                base,
                "for seconds since 1970 write to_timestamp(x), for milliseconds to_timestamp(x / 1000.0)",
            )
        case "priority" | "attempt" | "max_attempts":
            fits = base in INTEGERS or base == "numeric"
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
