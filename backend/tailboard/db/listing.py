"""Lists of jobs in bounded time: which index to walk, how far to look, and when to end a page early.

    filter --ways--> arms: an index range each, newest first --looks--> a page

A way walks one index in arms, one for each value and status. The SQL of a way leaves the planner no other
path, and reads no more than so many rows; where those did not fill the page the next look reads more, and
where the last look did not either, the page ends early and says where to go on.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

from psycopg import AsyncCursor
from psycopg.sql import SQL, Composable

from tailboard.core.cursor import Cursor
from tailboard.core.job import BUILTIN_SOURCE, STATUSES
from tailboard.db.queries import query

Sort = Literal["newest", "oldest", "priority", "started", "finished"]

# A page looks at few candidates first and reads on only where those did not fill it: so many of each arm, but
# not more than so many in all. A row costs about 1 us from memory; the sums keep a page below 50 ms.
_LOOKS: Final = ((500, 14_000), (3_500, 14_000), (16_000, 16_000))
_TAGGED: Final = 5_000
"""Jobs with a tag that a page reads in no order, where the tag is rare enough to have no more."""

WINDOW: Final = 10_000
"""How many of the newest candidates a text search and the orders without an index look at."""

Reader = AsyncCursor[tuple[Any, ...]]

_LAST_ID: Final = 2**63 - 1
_DESCENDING: Final = {
    "direction": SQL("DESC"),
    "beyond": SQL("<"),
    "not_beyond": SQL(">="),
    "nearest": SQL("max"),
    "farthest": SQL("min"),
}
_ASCENDING: Final = {
    "direction": SQL("ASC"),
    "beyond": SQL(">"),
    "not_beyond": SQL("<="),
    "nearest": SQL("min"),
    "farthest": SQL("max"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs: any of the values of a field, all of the fields. An empty field filters nothing."""

    sources: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    ids: tuple[int, ...] | None = None
    """Jobs by id; None is all, and an empty tuple none, as when all that were named are of other sources."""

    @property
    def is_empty_set(self) -> bool:
        """Whether no job of the built-in source can match."""
        return self.ids == () or (bool(self.sources) and BUILTIN_SOURCE not in self.sources)

    def parameters(self) -> dict[str, object]:
        """The filter as the queries take it. Values are distinct, so that no job is found twice."""
        return {
            "queues": _distinct(self.queues),
            "kinds": _distinct(self.kinds),
            "statuses": _distinct(self.statuses),
            "workers": _distinct(self.workers),
            "tags": _distinct(self.tags),
            "ids": None if self.ids is None else list(dict.fromkeys(self.ids)),
            "any_status": _distinct(self.statuses) or list(STATUSES),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a list goes on: after the job with this key. Of use only with the order that it came from."""

    id: int
    rank: int | None = None
    tie: int | None = None
    top: int = _LAST_ID
    floor: int = 0


@dataclass(frozen=True, slots=True)
class Card:
    """A job as JSON, as PostgreSQL wrote it; `version` is the seq of its last change, 0 where unknown."""

    id: int
    json: bytes
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """`after` is None at the end of the list. A page before it may be shorter than asked for, even empty.

    `complete` is False where a search or a sorted list did not look at all candidates, but at the newest.
    """

    cards: tuple[Card, ...]
    after: Place | None
    cursor: Cursor
    complete: bool = True


@dataclass(frozen=True, slots=True)
class _Way:
    """One way to the candidates: the fragment that walks an index, and what it decides by itself."""

    fragment: str
    decides: frozenset[str]
    arms: int
    ordered: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One page that is asked for."""

    filter: JobFilter
    sort: Sort = "newest"
    after: Place | None = None
    limit: int = 100


async def by_id(reader: Reader, cursor: Cursor, wanted: Wanted) -> JobPage:
    """A page by id, newest or oldest first. Every match is on some page, whatever the filter."""
    ways = _ways(wanted.filter)
    if ways[0].decides >= _given(wanted.filter):
        del ways[1:]  # its index gives nothing but matches; no other way can be shorter
    walks = [_Walk(reader, way, wanted) for way in ways]
    for look, (each, together) in enumerate(_LOOKS):
        for walk in walks:
            if not walk.way.ordered and look != 1:
                continue
            await walk.look(each, together)
            if len(walk.cards) > wanted.limit:
                last = walk.cards[wanted.limit - 1]
                page = tuple(walk.cards[: wanted.limit])
                return JobPage(cards=page, after=Place(id=last.id), cursor=cursor)
            if walk.ended:
                return JobPage(cards=tuple(walk.cards), after=None, cursor=cursor)
    # None came to an end. The page is what the one found that came farthest; `after` goes on from there.
    newest = wanted.sort == "newest"
    best = min((walk for walk in walks if walk.way.ordered), key=lambda walk: walk.at if newest else -walk.at)
    return JobPage(cards=tuple(best.cards), after=Place(id=best.at), cursor=cursor)


class _Walk:
    """How far one way has been walked: `cards` is every match up to `at`, or one more than asked for."""

    def __init__(self, reader: Reader, way: _Way, wanted: Wanted) -> None:
        newest = wanted.sort == "newest"
        after = wanted.after
        self.way = way
        self.cards: list[Card] = []
        self.at = after.id if after is not None else (_LAST_ID if newest else -_LAST_ID)
        self.ended = False
        self._reader = reader
        self._order = _DESCENDING if newest else _ASCENDING
        self._wanted = wanted
        self._open_arms = way.arms
        self._decided = way.decides >= _given(wanted.filter)

    async def look(self, each: int, together: int) -> None:
        """Read on, at most `each` candidates of an arm and about `together` of all."""
        missing = self._wanted.limit + 1 - len(self.cards)
        depth = max(20, min(each, together // self._open_arms))
        if not self.way.ordered:
            depth = _TAGGED
        elif self._decided:
            depth = min(depth, missing)
        rows = await self._read(depth, missing)
        frontier: int | None = rows[0][0]
        if frontier is not None and not self.way.ordered:
            return  # there are too many to read, and those that were read are any of them
        self.cards.extend([Card(row[2], row[3], row[4]) for row in rows if row[2] is not None])
        if frontier is None:
            self.ended = True
        else:
            self.at, self._open_arms = frontier, rows[0][1]

    async def _read(self, depth: int, limit: int) -> list[tuple[Any, ...]]:
        statement = query("jobs_list").format(
            arms=query(self.way.fragment).format(ok=query("jobs_matches"), **self._order),
            **fragments(),
            **self._order,
        )
        parameters = self._wanted.filter.parameters() | {"after": self.at, "depth": depth, "limit": limit}
        if not self.way.ordered:
            await self._reader.execute(query("jobs_allow_bitmap"), {"allowed": "on"})
        await self._reader.execute(statement, parameters, prepare=False)
        rows = await self._reader.fetchall()
        if not self.way.ordered:
            await self._reader.execute(query("jobs_allow_bitmap"), {"allowed": "off"})
        return rows


async def in_window(reader: Reader, cursor: Cursor, wanted: Wanted, text: str | None = None) -> JobPage:
    """A page of the newest WINDOW candidates, in any order, and of what the text names outright."""
    way = _ways(wanted.filter)[0]
    place = wanted.after or Place(id=_LAST_ID, top=await _end(reader))
    parameters = wanted.filter.parameters() | {
        "q": text,
        "sort": wanted.sort,
        "after": place.top,
        "floor": place.floor,
        "rank": place.rank,
        "tie": place.tie,
        "limit": wanted.limit + 1,
        "depth": max(200, WINDOW * 7 // max(way.arms, 7)),
        "breadth": WINDOW,
    }
    named: Composable = SQL("SELECT NULL::bigint AS id WHERE false")
    if text is not None:
        named = query("jobs_named")
        parameters |= await _names(reader, text)
    # One arm is read in the order of the table, so what it gives is best looked at in passing. Of what
    # several arms give, most is not among the newest and would be looked at for nothing.
    ok = SQL("({matches}) AND {contains}").format(**fragments()) if way.arms == 1 else SQL("true")
    statement = query("jobs_window").format(
        arms=query(way.fragment).format(ok=ok, **_DESCENDING), named=named, **fragments()
    )
    await reader.execute(statement, parameters, prepare=False)
    rows = await reader.fetchall()
    # The first page finds the window; the following ones keep it, so that new jobs do not shift them.
    floor = place.floor if wanted.after is not None else (rows[0][0] or 0)
    found = [row for row in rows if row[1] is not None]
    cards = tuple([Card(row[1], row[2], row[3]) for row in found[: wanted.limit]])
    following = None
    if len(found) > wanted.limit:
        last = found[wanted.limit - 1]
        following = Place(id=last[1], rank=last[4], tie=last[5], top=place.top, floor=floor)
    return JobPage(cards=cards, after=following, cursor=cursor, complete=floor == 0)


async def _end(reader: Reader) -> int:
    await reader.execute("SELECT max(id) + 1 FROM tailboard.jobs")
    row = await reader.fetchone()
    return _LAST_ID if row is None or row[0] is None else int(row[0])


async def _names(reader: Reader, text: str) -> dict[str, object]:
    await reader.execute(query("jobs_names"), {"q": text}, prepare=False)
    row = await reader.fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM
    is_id = text.isascii() and text.isdigit() and int(text) <= _LAST_ID
    return {
        "named_id": int(text) if is_id else None,
        "named_kinds": row[0],
        "named_queues": row[1],
        "named_workers": row[2],
    }


def fragments() -> dict[str, Composable]:
    """The parts that queries over jobs share."""
    return {
        "matches": query("jobs_matches"),
        "contains": query("jobs_contains"),
        "card": query("jobs_card"),
        "size": query("jobs_size"),
        "version": query("jobs_version"),
    }


def _ways(wanted: JobFilter) -> list[_Way]:
    """The ways to candidates, those that promise fewest first."""
    statuses = len(set(wanted.statuses)) or len(STATUSES)
    if wanted.ids is not None:
        return [_Way("jobs_arms_ids", _given(wanted), 1)]
    ways = []
    if wanted.workers:
        ways.append(
            _Way("jobs_arms_worker", frozenset({"workers", "statuses"}), len(set(wanted.workers)) * statuses)
        )
    if wanted.kinds:
        decides = frozenset({"kinds", "queues", "statuses"})
        ways.append(_Way("jobs_arms_kind", decides, len(set(wanted.kinds)) * statuses))
    elif wanted.queues:
        ways.append(
            _Way("jobs_arms_queue", frozenset({"queues", "statuses"}), len(set(wanted.queues)) * statuses)
        )
    if not ways and wanted.statuses:
        ways.append(_Way("jobs_arms_status", frozenset({"statuses"}), statuses))
    if not ways:
        ways.append(_Way("jobs_arms_all", frozenset(), 1))
    if wanted.tags:
        ways.append(_Way("jobs_arms_tags", frozenset({"tags"}), 1, ordered=False))
    return ways


def _given(wanted: JobFilter) -> frozenset[str]:
    return frozenset(
        name for name in ("queues", "kinds", "statuses", "workers", "tags") if getattr(wanted, name)
    )


def _distinct(values: tuple[str, ...]) -> list[str] | None:
    return list(dict.fromkeys(values)) or None
