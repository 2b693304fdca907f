"""Adopted sources as they can be read: through `tailboard.source_NAME()`, which shows the owner's rows as jobs.

The function is inlined by the planner, so what is asked of its columns reaches the owner's indexes: an id is
compared as the type it has, a status as the words that the owner's column holds.
"""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import msgspec
import psycopg
from psycopg.sql import SQL, Composable, Identifier, Placeholder

from tailboard.core.action import Action
from tailboard.core.job import Status
from tailboard.db.errors import ends_session
from tailboard.db.expressions import parenthesized
from tailboard.db.jobs.page import JobFilter, Reader
from tailboard.db.pool import Connection
from tailboard.db.queries import query
from tailboard.errors import InvalidSource, SourceFailing
from tailboard.sources.parsing import from_definition
from tailboard.sources.source import ROW, STRAY_STATUS, Column, Source, StatusColumn

READ_WITHIN_S: Final = 2.0
"""How long one source may take for its part of an answer."""

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_INTEGERS: Final[Mapping[str, int]] = {"int2": 15, "int4": 31, "int8": 63}
_TEXTS: Final = frozenset({"text", "varchar"})
_Stored = tuple[str, bool, str, str, str | None, str | None]
_BY_TIME: Final = frozenset({"scheduled", "pending"})


@dataclass(frozen=True, slots=True)
class Selection:
    """Some rows of an adopted source: what to select from as `s`, under which condition, with which parameters."""

    rows: Composable
    matches: Composable
    parameters: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """One adopted source: what it says of itself, and the type that its owner's ids have."""

    name: str
    table: str
    definition: Source | None
    """None where what is stored cannot be read, as `fault` says."""
    id_type: tuple[str, str]
    """Schema and name of a type."""
    fault: str | None = None
    """Why the source cannot be read at all; None where it can."""

    @property
    def actions(self) -> Mapping[Action, str]:
        """What can be done to its jobs, and the SQL that does it."""
        return {} if self.definition is None else self.definition.actions

    @property
    def by_creation(self) -> bool:
        """Whether its own order is by creation; else it is by id."""
        if self.numbered or self.definition is None:
            return False
        return Column.CREATED_AT in self.definition.columns

    @property
    def rows(self) -> Composable:
        """What to select from, for all rows."""
        return SQL("{}()").format(Identifier("tailboard", f"source_{self.name}"))

    def owner_row(self, parameter: str) -> tuple[Composable, Composable]:
        """The owner's table, and the condition that one of its rows is the job whose id is a parameter."""
        assert self.definition is not None  # noqa: S101 - what is acted on has one
        table = SQL("{} AS {}").format(Identifier(*self.definition.table), Identifier(ROW))
        key: Composable = parenthesized(self.definition.id)
        if not self._is_indexed_as_it_is:
            key = SQL("{}::text").format(key)
        return table, SQL("{} = {}").format(key, self.cast(parameter))

    def id_of(self, text: str) -> str | None:
        """The id as PostgreSQL can cast it; None for what can be no id here."""
        kind = self.id_type[1]
        if kind in _INTEGERS:
            if len(text) > 20 or not text.removeprefix("-").isdecimal() or str(int(text)) != text:
                return None
            limit = 2 ** _INTEGERS[kind]
            return text if -limit <= int(text) < limit else None
        if kind == "uuid":
            return text if _UUID.fullmatch(text) else None
        return text

    def cast(self, parameter: str, *, many: bool = False) -> Composable:
        """A parameter of text as the type of an id, or as several."""
        text = SQL("{}::text[]" if many else "{}::text").format(Placeholder(parameter))
        if not self._is_indexed_as_it_is:
            return text
        return SQL("{}::{}[]" if many else "{}::{}").format(text, Identifier(*self.id_type))

    @property
    def id(self) -> Composable:
        """The id in a condition: as it is where its type is one whose text can be checked, else as text."""
        return SQL("id" if self._is_indexed_as_it_is else "id::text")

    @property
    def _is_indexed_as_it_is(self) -> bool:
        kind = self.id_type[1]
        return kind in _INTEGERS or kind in _TEXTS or kind == "uuid"

    @property
    def numbered(self) -> bool:
        """Whether ids are numbers, in JSON too, and grow with time."""
        return self.id_type[0] == "pg_catalog" and self.id_type[1] in _INTEGERS

    def select(self, wanted: JobFilter) -> Selection:
        """The rows that match."""
        parameters = wanted.facets()
        rows = self.rows
        natives = self._natives(wanted.statuses)
        if natives is not None and not any(natives):  # no index has to be asked
            return Selection(rows, SQL("false"), {})
        if natives is not None:
            parameters["natives"] = natives
            rows = SQL("{}(%(natives)s::text[])").format(Identifier("tailboard", f"source_{self.name}"))
        named: Composable = SQL("true")
        ids = wanted.ids_in(self.name)
        if ids is not None:
            parameters["ids"] = [each for each in map(self.id_of, ids) if each is not None]
            named = SQL("s.{} = ANY ({})").format(self.id, self.cast("ids", many=True))
        return Selection(rows, query("adopted_matches").format(named=named), parameters)

    def _natives(self, statuses: tuple[str, ...]) -> list[str | None] | None:
        """What `source_NAME(natives)` takes for the rows that may have one of the statuses; None where any may.

        The same word is scheduled until it is due, and at work where `running` says so; what none of the words says
        stands for STRAY_STATUS.
        """
        status = None if self.definition is None else self.definition.status
        if not statuses or self.definition is None or not isinstance(status, StatusColumn):
            return None
        meant = set(statuses)
        if Status.IN_PROGRESS in meant and self.definition.running is not None:
            meant.add(Status.PENDING)
        if meant & _BY_TIME:
            meant |= _BY_TIME
        words = sorted(status.map)
        looked_for = [word if status.map[word] in meant else None for word in words]
        return looked_for + (words if STRAY_STATUS in meant else [None] * len(words))


@dataclass(frozen=True, slots=True)
class Attached:
    """Everything that is on the board at one moment."""

    builtin: str | None
    adopted: tuple[Adopted, ...]

    @property
    def names(self) -> list[str]:
        return [*([] if self.builtin is None else [self.builtin]), *(source.name for source in self.adopted)]

    def find(self, name: str) -> Adopted | None:
        return next((source for source in self.adopted if source.name == name), None)


async def attached(reader: Reader) -> Attached:
    """What is attached, as of the reader's snapshot."""
    await reader.execute(query("adopted_readable"))
    rows = await reader.fetchall()
    return Attached(
        next((row[0] for row in rows if row[1]), None), tuple([_adopted(row) for row in rows if not row[1]])
    )


@lru_cache(maxsize=256)
def _adopted(row: _Stored) -> Adopted:
    name, _, table, text, id_schema, id_type = row
    definition: Source | None = None
    fault = None
    try:
        definition = from_definition(name, msgspec.json.decode(text))
    except InvalidSource as error:
        fault = str(error)
    if id_type is None:
        fault = f"The function tailboard.source_{name}() is missing: attach {name} again."
    return Adopted(
        name=name,
        table=table,
        definition=definition,
        id_type=(id_schema or "", id_type or ""),
        fault=fault,
    )


@asynccontextmanager
async def bounded(
    connection: Connection, source: Adopted, *, within_s: float = READ_WITHIN_S, seqscan: bool = True
) -> AsyncIterator[None]:
    """Read an adopted source within a time, and leave the transaction usable if that fails.

    Raises SourceFailing that says what is wrong with the source.
    """
    if source.fault is not None:
        raise SourceFailing(source.name, "source_broken", source.fault)
    bounds = {"seqscan": "on" if seqscan else "off", "timeout": f"{max(1, round(within_s * 1000))}ms"}
    try:
        async with connection.transaction():
            await connection.execute(query("adopted_bounds"), bounds)
            yield
    except psycopg.Error as error:
        failing = why(source, error)
        if failing is None:
            raise
        raise failing from error


def why(source: Adopted, error: psycopg.Error) -> SourceFailing | None:
    """What an error says about a source; None where it is not about the source but about the connection."""
    if ends_session(error):
        return None
    said = (error.diag.message_primary or str(error)).strip()
    table = source.table
    match error.sqlstate:
        case "57014":
            return SourceFailing(
                source.name,
                "source_slow",
                f"{table} did not answer in time; filter further, or give it an index for this.",
            )
        case "55P03":
            return SourceFailing(
                source.name, "source_locked", f"{table} is locked by another transaction just now; try again."
            )
        case "42501":
            return SourceFailing(
                source.name, "source_denied", f"Tailboard may not read {table}: {said}. Grant it SELECT."
            )
        case str(state) if state.startswith(("08", "53", "57P")):
            return SourceFailing(
                source.name, "source_broken", f"{table} cannot be read just now: {said}; try again."
            )
        case _:
            return SourceFailing(
                source.name,
                "source_broken",
                f"{table} cannot be read as attached: {said}. Attach it again, or detach it.",
            )
