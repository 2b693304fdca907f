"""The canonical columns of a source, each as an expression over some row of its table.

One list makes what is captured and what is read, so that the two cannot disagree.
"""

import re
from collections.abc import Callable
from typing import Final

import msgspec
from psycopg.sql import SQL, Composable, Composed, Literal

from tailboard.core.job import STATUSES, Status
from tailboard.db.adopting.described import Described, expressions
from tailboard.db.expressions import parenthesized
from tailboard.sources.source import GONE, STRAY_STATUS, StatusColumn

_NULLS: Final = {
    "queue": "'default'",
    "priority": "0",
    "attempt": "0",
    "phases": "'[]'",
    "tags": "'{}'",
}
"""What an expression that is absent or gives NULL stands for, where that is not NULL; `kind` is the source's name."""

TYPES: Final = {
    "queue": "text",
    "kind": "text",
    "status": "text",
    "priority": "bigint",
    "attempt": "integer",
    "max_attempts": "integer",
    "progress": "double precision",
    "phase": "text",
    "phases": "jsonb",
    "worker": "text",
    "error": "text",
    "tags": "text[]",
    "created_at": "timestamptz",
    "scheduled_at": "timestamptz",
    "started_at": "timestamptz",
    "finished_at": "timestamptz",
    "payload": "jsonb",
    "result": "jsonb",
}
"""The canonical columns after the id, in their order, with their types."""

_INTEGER: Final = (-(2**31), 2**31 - 1)
_BOUNDS: Final = {
    "priority": (-(2**63), 2**63 - 1),
    "attempt": _INTEGER,
    "max_attempts": _INTEGER,
    "progress": (0, 1),
}
"""What a column can hold. A number beyond it is shown as the bound: one row must not keep others from being read."""
_WITHIN: Final = {
    "priority": {"smallint", "integer", "bigint"},
    "attempt": {"smallint", "integer"},
    "max_attempts": {"smallint", "integer"},
    "progress": set[str](),
}
"""Types of which a column can hold every value."""
_WITH_NAN: Final = {"real", "double precision", "numeric"}

SURELY_LARGE: Final = 16384
"""Stored bytes from which a value is too large for a card whatever it is: it need not be read to know that."""
_TEXT_LENGTH: Final = 16384
"""What a card has of a long error or phase."""
_MANY: Final = {"phases", "tags"}
"""Lists that a card is without where they are so large."""

Written = Callable[[str], Composable]
"""The expression of a key of the definition, over some row."""


class Columns:
    """The canonical columns of one source; over the row `job` where nothing else is said."""

    def __init__(self, described: Described) -> None:
        self._described = described
        self._source = described.source
        self.stray = Literal(STRAY_STATUS.value)
        """What stands for a status that nothing maps, where that is not to be counted."""

    def status(self, stray: Composable, of: Written | None = None) -> Composed:
        """The status before time is looked at."""
        source = self._source
        if isinstance(source.status, StatusColumn):
            meanings = dict(sorted(source.status.map.items()))  # jsonb keeps no order
        else:
            meanings = {str(status): status for status in STATUSES}
        base = (
            self._cases(self._as_given("status"), meanings, stray)
            if of is None
            else _looked_up(of("status"), meanings, stray)
        )
        if source.running is None:
            return base
        at_work = SQL("CASE WHEN {} THEN 'in_progress' ELSE 'pending' END").format(
            parenthesized(source.running)
        )
        others = SQL(" ").join(
            SQL("WHEN {} THEN {}").format(Literal(str(each)), Literal(str(each)))
            for each in STATUSES
            if each is not Status.PENDING
        )
        return SQL("CASE {} WHEN 'pending' THEN {} {} END").format(base, at_work, others)

    def column(self, name: str, *, guarded: bool, of: Written | None = None) -> Composable:
        """One canonical column. `guarded`: NULL where it is surely too large for a card."""
        of = of or self._as_given
        kind = SQL(TYPES[name])  # of the list above
        text = next((text for key, text in self._source.columns.items() if key.value == name), None)
        if name == "kind":
            absent: Composable = Literal(self._source.name)
        else:
            absent = SQL(_NULLS.get(name, "NULL"))  # of the list above
        if text is None:
            return SQL("{}::{}").format(absent, kind)
        value = of(name)
        match name:
            case "payload" | "result" | "phases":
                value = _as_jsonb(value, self._described.types[name].base)
                if guarded and name in self.weighed():
                    value = SQL("CASE WHEN NOT {} THEN {} END").format(self.surely_large(name, of), value)
            case "error" | "phase":
                value = SQL("left({}::text, {})").format(value, Literal(_TEXT_LENGTH))
            case _:
                value = SQL("{}::{}").format(_bounded(value, name, self._described.types[name].base), kind)
        if name in _MANY:
            value = SQL("CASE WHEN pg_column_size({}) > {} THEN {}::{} ELSE {} END").format(
                value, Literal(SURELY_LARGE), absent, kind, value
            )
        if name in _NULLS or name == "kind":
            if self._never_null(text):
                return value
            return SQL("coalesce({}, {}::{})").format(value, absent, kind)
        return value

    def meaning(self) -> Composable:
        """What the deletion of the row means: a status, or NULL."""
        if self._source.deleted == GONE:
            return SQL("NULL::text")
        if self._source.deleted_status is not None:
            return SQL("{}::text").format(Literal(self._source.deleted))
        return SQL("{}::text").format(parenthesized(self._source.deleted))

    def counting_stray(self, of: Written | None = None) -> Composed:
        """What stands for a status that nothing maps, and counts it."""
        return SQL("tailboard.stray_status({}, {}::text)").format(
            Literal(self._source.name), (of or self._as_given)("status")
        )

    def weighed(self) -> list[str]:
        """What may be too large for a card."""
        return [name for name in ("payload", "result") if name in self._described.types]

    def surely_large(self, name: str, of: Written | None = None) -> Composed:
        """Whether a payload or result is so large that it need not be read to know that."""
        value = (of or self._as_given)(name)
        return SQL("coalesce(pg_column_size({}) > {}, false)").format(value, Literal(SURELY_LARGE))

    def _as_given(self, key: str) -> Composable:
        """An expression as its author wrote it, over the row `job`."""
        return parenthesized(dict(expressions(self._source))[key])

    def _cases(self, subject: Composable, meanings: dict[str, Status], stray: Composable) -> Composed:
        cases = SQL(" ").join(
            SQL("WHEN {} THEN {}").format(Literal(value), Literal(meant.value))
            for value, meant in meanings.items()
        )
        return SQL("CASE {}::text {} ELSE {} END").format(subject, cases, stray)

    def _never_null(self, text: str) -> bool:
        return (
            text.strip('"') in self._described.table.not_null
            and re.fullmatch(r'\w+|"[^"]+"', text) is not None
        )


def _as_jsonb(value: Composable, base: str) -> Composable:
    match base:
        case "jsonb":
            return value
        case "json":
            # The cast is for the day on which the owner makes it jsonb, until the capture is written anew.
            return SQL("tailboard.as_jsonb({}::json)").format(value)
        case _:
            return SQL("to_jsonb({})").format(value)


def _bounded(value: Composable, name: str, base: str) -> Composable:
    """The value, or what the column can hold of it. NaN says no more than NULL; PostgreSQL has it above all numbers."""
    if name not in _BOUNDS or base in _WITHIN[name]:
        return value
    low, high = (Literal(bound) for bound in _BOUNDS[name])
    known = SQL("<> 'NaN'" if base in _WITH_NAN else "IS NOT NULL")
    return SQL("CASE WHEN {} {} THEN least(greatest({}, {}), {}) END").format(value, known, value, low, high)


def _looked_up(subject: Composable, meanings: dict[str, Status], stray: Composable) -> Composed:
    """The same for a capture, which PostgreSQL readies anew in every transaction, step by step: one step instead of
    four for each status.
    """
    table = msgspec.json.encode({value: meant.value for value, meant in meanings.items()}).decode()
    return SQL("coalesce({}::jsonb ->> {}::text, {})").format(Literal(table), subject, stray)
