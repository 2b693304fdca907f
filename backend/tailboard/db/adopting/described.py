"""A source whose expressions fit its table: what is known of them, once PostgreSQL was asked."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tailboard.db.adopting.fitting import INTEGERS, NativeType
from tailboard.db.adopting.table import Table
from tailboard.sources.source import ROW, Source, StatusColumn


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
        return columns | {"*": ", ".join(self.table.columns)} if is_whole(self.source) else columns

    @property
    def id_type(self) -> str:
        """What the reading function returns as the id: the native type where PostgreSQL brings it, else text.

        A type of the owner's in a function's signature would keep the owner from dropping it.
        """
        native = self.types["id"]
        return native.name if native.is_builtin else "text"

    @property
    def numbered(self) -> bool:
        return self.types["id"].name in INTEGERS


def expressions(source: Source) -> Iterator[tuple[str, str]]:
    """Every expression over the row of the table, by its key in the definition."""
    yield "id", source.id
    yield "status", source.status.column if isinstance(source.status, StatusColumn) else source.status
    yield from source.columns.items()
    if source.due is not None:
        yield "due", source.due
    if source.running is not None:
        yield "running", source.running


def is_whole(source: Source) -> bool:
    """Whether an expression looks at the row as a whole."""
    return any(re.search(rf"\b{ROW}\b(?!\s*\.\s*[\w\"])", text) for _, text in expressions(source))
