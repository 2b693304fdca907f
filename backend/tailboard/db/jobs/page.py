"""What a list is asked for and what it answers: filters, places to go on from, cards and pages.

Sources are read one by one, each in its own order, and merged; so a place in a list is a place in each source.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from psycopg import AsyncCursor

from tailboard.core.cursor import Cursor
from tailboard.core.job import BUILTIN_SOURCE, STATUSES, JobName
from tailboard.errors import SourceFailing

Sort = Literal["newest", "oldest", "priority", "started", "finished"]

WINDOW: Final = 10_000
"""How many of the newest candidates a text search and the orders without an index look at, in each source."""

LAST_ID: Final = 2**63 - 1

Reader = AsyncCursor[tuple[Any, ...]]
"""A cursor in one snapshot of the database; jsonb comes as bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs: any of the values of a field, all of the fields. An empty field filters nothing."""

    sources: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    jobs: tuple[JobName, ...] | None = None
    """Jobs by name; None is all, and an empty tuple none."""

    def reaches(self, source: str) -> bool:
        """Whether any job of the source can match."""
        if self.jobs is not None and all(job.source != source for job in self.jobs):
            return False
        return not self.sources or source in self.sources

    def ids_in(self, source: str) -> list[str] | None:
        """The ids of the jobs that are named in one source; None where all are meant."""
        if self.jobs is None:
            return None
        return list(dict.fromkeys([job.id for job in self.jobs if job.source == source]))

    def facets(self) -> dict[str, object]:
        """The fields that every source has, as queries take them: distinct values, or None for any."""
        return {
            "queues": _distinct(self.queues),
            "kinds": _distinct(self.kinds),
            "statuses": _distinct(self.statuses),
            "workers": _distinct(self.workers),
            "tags": _distinct(self.tags),
        }

    def parameters(self) -> dict[str, object]:
        """The filter as queries of the built-in source take it."""
        named = self.ids_in(BUILTIN_SOURCE)
        parameters = self.facets()
        return parameters | {
            "ids": None if named is None else [each for each in map(builtin_id, named) if each is not None],
            "any_status": _distinct(self.statuses) or [status.value for status in STATUSES],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a source's list goes on: after the job with this key. Of use only with the order it came from.

    `id` is a number for the built-in source, text for an adopted one, None for the beginning. `at` is when the
    job was created, where that is the order. `top` and `floor` bound the window of the built-in source.
    """

    id: int | str | None = None
    at: str | None = None
    rank: int | None = None
    tie: int | None = None
    top: int = LAST_ID
    floor: int = 0


START: Final = Place()

Places = Mapping[str, Place]
"""Where a list goes on in each source; one that is not named has come to its end."""


@dataclass(frozen=True, slots=True)
class Card:
    """A job as JSON, as PostgreSQL wrote it; `version` is the seq of its last change, 0 where unknown."""

    name: JobName
    json: bytes
    version: int


@dataclass(frozen=True, slots=True)
class Row:
    """A card in its source's list. `seen_at` is when the log last heard of the job, where that is known."""

    card: Card
    seen_at: str | None
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePage:
    """One source's part of a page. `after` is None at the end of its list; before it a part may be short.

    `failing` says which of its jobs are missing, because an expression fails for them.
    """

    rows: tuple[Row, ...]
    after: Place | None
    complete: bool = True
    failing: SourceFailing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """`after` is None at the end of the list. A page before it may be shorter than asked for, even empty.

    `complete` is False where a search or a sorted list did not look at all candidates, but at the newest, or
    where a source is failing.
    """

    cards: tuple[Card, ...]
    after: Places | None
    cursor: Cursor
    complete: bool = True
    failing: tuple[SourceFailing, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One page that is asked for; with a `text`, of the jobs that it names or occurs in."""

    filter: JobFilter
    text: str | None = None
    sort: Sort = "newest"
    after: Places | None = None
    limit: int = 100


def builtin_id(text: str) -> int | None:
    """The id of a built-in job, written as PostgreSQL writes it; None for what can be none."""
    if len(text) > 20 or not text.removeprefix("-").isdecimal():
        return None
    number = int(text)
    return number if str(number) == text and -(2**63) <= number < 2**63 else None


def _distinct(values: tuple[str, ...]) -> list[str] | None:
    return list(dict.fromkeys(values)) or None
