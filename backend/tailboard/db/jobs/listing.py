"""Lists of the built-in source in bounded time: which index to walk, how far to look, when to end a page early.

    filter --ways--> arms: an index range each, newest first --looks--> a page

A way walks one index in arms, one for each value and status. The SQL of a way leaves the planner no other
path, and reads no more than so many rows; where those did not fill the page the next look reads more, and
where the last look did not either, the page ends early and says where to go on.
"""

from dataclasses import dataclass
from typing import Any, Final, LiteralString

from psycopg.sql import SQL, Composable

from tailboard.core.job import BUILTIN_SOURCE, STATUSES, JobName
from tailboard.core.nesting import shallow
from tailboard.db.errors import required
from tailboard.db.jobs.page import (
    LAST_ID,
    START,
    WINDOW,
    Card,
    JobFilter,
    Place,
    Reader,
    Row,
    SourcePage,
    Wanted,
    builtin_id,
)
from tailboard.db.queries import query
from tailboard.errors import InvalidCursor

# A page looks at few candidates first and reads on only where those did not fill it: so many of each arm, but
# not more than so many in all. A row costs about 1 us from memory; the sums keep a page below 50 ms.
_LOOKS: Final = ((500, 14_000), (3_500, 14_000), (16_000, 16_000))
_TAGGED: Final = 5_000
"""Jobs with a tag that a page reads in no order, where the tag is rare enough to have no more."""

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


@dataclass(frozen=True, slots=True)
class _Way:
    """One way to the candidates: the fragment that walks an index, and what it decides by itself."""

    fragment: str
    decides: frozenset[str]
    arms: int
    ordered: bool = True


async def read_page(reader: Reader, wanted: Wanted, place: Place) -> SourcePage:
    """A page of the built-in source from a place on, in the order that is wanted, or of what a text finds."""
    if place != START and not isinstance(place.id, int):
        raise InvalidCursor("after must be the `next` of a page of this list, unchanged.")
    if wanted.text is None and wanted.sort in {"newest", "oldest"}:
        return await by_id(reader, wanted, place)
    return await in_window(reader, wanted, place)


async def by_id(reader: Reader, wanted: Wanted, place: Place) -> SourcePage:
    """A page by id, newest or oldest first. Every match is on some page, whatever the filter."""
    ways = _ways(wanted.filter)
    if ways[0].decides >= _given(wanted.filter):
        del ways[1:]  # its index gives nothing but matches; no other way can be shorter
    walks = [_Walk(reader, way, wanted, place) for way in ways]
    for look, (each, together) in enumerate(_LOOKS):
        for walk in walks:
            if not walk.way.ordered and look != 1:
                continue
            await walk.look(each, together)
            if len(walk.rows) > wanted.limit:
                page = tuple(walk.rows[: wanted.limit])
                return SourcePage(rows=page, after=page[-1].place)
            if walk.ended:
                return SourcePage(rows=tuple(walk.rows), after=None)
    # None came to an end. The page is what the one found that came farthest; `after` goes on from there.
    newest = wanted.sort == "newest"
    best = min((walk for walk in walks if walk.way.ordered), key=lambda walk: walk.at if newest else -walk.at)
    return SourcePage(rows=tuple(best.rows), after=Place(id=best.at))


class _Walk:
    """How far one way has been walked: `rows` is every match up to `at`, or one more than asked for."""

    def __init__(self, reader: Reader, way: _Way, wanted: Wanted, place: Place) -> None:
        newest = wanted.sort == "newest"
        self.way = way
        self.rows: list[Row] = []
        self.at = place.id if isinstance(place.id, int) else (LAST_ID if newest else -LAST_ID)
        self.ended = False
        self._reader = reader
        self._order = _DESCENDING if newest else _ASCENDING
        self._wanted = wanted
        self._open_arms = way.arms
        self._decided = way.decides >= _given(wanted.filter)

    async def look(self, each: int, together: int) -> None:
        """Read on, at most `each` candidates of an arm and about `together` of all."""
        missing = self._wanted.limit + 1 - len(self.rows)
        depth = max(20, min(each, together // self._open_arms))
        if not self.way.ordered:
            depth = _TAGGED
        elif self._decided:
            depth = min(depth, missing)
        rows = await self._read(depth, missing)
        frontier: int | None = rows[0][0]
        if frontier is not None and not self.way.ordered:
            return  # there are too many to read, and those that were read are any of them
        self.rows.extend(
            [
                Row(card_of(row[2], row[3], row[4]), None, Place(id=row[2]))
                for row in rows
                if row[2] is not None
            ]
        )
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


async def in_window(reader: Reader, wanted: Wanted, place: Place) -> SourcePage:
    """A page of the newest WINDOW candidates, in any order, and of what the text names outright."""
    way = _ways(wanted.filter)[0]
    first = place == START
    if first:
        place = Place(top=await _end(reader))
    parameters = wanted.filter.parameters() | {
        "q": wanted.text,
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
    if wanted.text is not None:
        named = query("jobs_named")
        parameters |= await _names(reader, wanted.text)
    # One arm is read in the order of the table, so what it gives is best looked at in passing. Of what
    # several arms give, most is not among the newest and would be looked at for nothing.
    ok = SQL("({matches}) AND {contains}").format(**fragments()) if way.arms == 1 else SQL("true")
    statement = query("jobs_window").format(
        arms=query(way.fragment).format(ok=ok, **_DESCENDING),
        named=named,
        started=time_rank("j.started_at"),
        finished=time_rank("j.finished_at"),
        **fragments(),
    )
    await reader.execute(statement, parameters, prepare=False)
    found = await reader.fetchall()
    # The first page finds the window; the following ones keep it, so that new jobs do not shift them.
    floor = (found[0][0] or 0) if first else place.floor
    rows = [
        Row(
            card_of(row[1], row[2], row[3]),
            None,
            Place(id=row[1], rank=row[4], tie=row[5], top=place.top, floor=floor),
        )
        for row in found[: wanted.limit]
        if row[1] is not None
    ]
    after = rows[-1].place if len(found) > wanted.limit else None
    return SourcePage(rows=tuple(rows), after=after, complete=floor == 0)


async def _end(reader: Reader) -> int:
    await reader.execute("SELECT least(max(id), 9223372036854775806) + 1 FROM tailboard.jobs")
    row = await reader.fetchone()
    return LAST_ID if row is None or row[0] is None else int(row[0])


async def _names(reader: Reader, text: str) -> dict[str, object]:
    asked = query("jobs_names")
    await reader.execute(asked, {"q": text}, prepare=False)
    kinds, queues, workers = required(await reader.fetchone(), asked)
    return {
        "named_id": builtin_id(text),
        "named_kinds": kinds,
        "named_queues": queues,
        "named_workers": workers,
    }


def card_of(job_id: int, card: bytes, version: int) -> Card:
    """A card of the built-in source, for a list."""
    return Card(JobName(BUILTIN_SOURCE, str(job_id)), shallow(card), version)


def fragments() -> dict[str, Composable]:
    """The parts that queries over jobs share."""
    return {
        "matches": query("jobs_matches"),
        "contains": query("jobs_contains"),
        "card": query("jobs_card"),
        "size": query("jobs_size"),
        "version": query("jobs_version"),
    }


def time_rank(time: LiteralString) -> Composable:
    """What the time that an expression gives sorts by: a bigint, whatever PostgreSQL takes for a time."""
    return query("jobs_time_rank").format(time=SQL(time))


def _ways(wanted: JobFilter) -> list[_Way]:
    """The ways to candidates, those that promise fewest first."""
    statuses = len(set(wanted.statuses)) or len(STATUSES)
    if wanted.jobs is not None:
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
