"""What is to be seen of an adopted source without reading a row of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple


class Look(NamedTuple):
    """What the catalogs, the log and the upkeep's own notes say of a source; the columns of `upkeep/look.sql`."""

    name: str
    table: str
    version: int
    attached_at: datetime
    synced: bool
    there: bool
    """The table that was attached exists, under whatever name."""
    found: bool
    """A table of the name exists, the one that was attached or another."""
    same: bool
    """And it is that one."""
    restored: bool
    """It is another, which carries the trigger of the one that was attached: the table or its database was restored."""
    watched: bool | None
    """Whether the triggers are enabled; None where one is missing."""
    triggers: list[str]
    """Their names, quoted, that of the one for rows first."""
    followed: int
    follows: int
    """Tables that are followed, and that ought to be."""
    unwatched: list[str]
    """Partitions on which the trigger is disabled, some of them."""
    heirs: list[str]
    """Tables that inherit from it, some of them: their rows are its rows, and its triggers do not see them."""
    columns: Mapping[str, str]
    columns_now: Mapping[str, str]
    """The types of the columns that matter, when it was attached and now."""
    denied: str | None
    """Who asks, where that role may not read the table."""
    readable: bool
    written: bool
    """Whether the functions that read it are there, and the one that captures as well."""
    remembers: bool
    emptied: bool
    """Since it was counted."""
    faults: int
    faults_counted: int
    """How many of them a count of the rows has made good."""
    last_fault: str | None
    last_fault_at: datetime | None
    shape: str | None
    shape_counted: str | None
    """A digest of the files under the table, now and when it was counted; where unlogged, also of the last crash."""
    tuples: int
    """Rows written, by PostgreSQL's statistics."""
    counted_at: datetime | None
    wanted: str | None
    """Why it is to be counted, where that is not only a check."""
    failure: str | None
    """Why it could not be counted."""
    trouble: str | None
    """Why nothing is captured, as the leading server has found."""

    @property
    def changed(self) -> list[str]:
        """The columns that matter of which the type is another now."""
        return sorted(column for column, kind in self.columns.items() if self.columns_now.get(column) != kind)

    @property
    def renamed(self) -> bool:
        """Whether the table has another name now."""
        return self.there and not self.same
