"""The board as it stood: jobs and counts at a moment, read from the log alone.

    Asked --resolve--> Moment --walk--> the jobs that stood then
                              --fold--> the counts then

A change belongs to the past of a moment if its position is at or before it; a change with a lower seq may have been
sealed later. A job is known if the log holds a change of it at or before the moment and after its source's last
reset; its last such change is how it stood. Jobs are found by walking the log from the moment to older places, a
bounded number of changes a page, so that no question costs more than its page.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from psycopg.sql import SQL, Composable, Placeholder

from tailboard.core.cursor import Cursor
from tailboard.core.job import JobName
from tailboard.core.moment import Asked
from tailboard.core.nesting import shallow
from tailboard.core.projections import Rates, Saved
from tailboard.core.stats import Stats
from tailboard.db.jobs.listing import time_rank
from tailboard.db.jobs.page import JobFilter, Sort
from tailboard.db.log import Log, refusal
from tailboard.db.pool import Connection, Database
from tailboard.db.queries import query
from tailboard.errors import (
    CursorExpired,
    DatabaseUnavailable,
    JobNotFound,
    MomentAhead,
)

# Changes that a page walks over: few first, as most pages are full by then. A change costs some 5 us.
_STEPS: Final = (600, 2_400, 9_000)
WALKED_AT_MOST: Final = sum(_STEPS)
"""How many changes a page looks at; an order that the log does not have is over the jobs born in so many."""
_FOLD_PAGE: Final = 5_000
_SAVED: Final = msgspec.json.Decoder(Saved)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A place in the log, with what decides quickly whether a change came before it.

    `at` is the time that was asked for, or when the place was sealed. `tick_id` holds the place, `cut` is the seq
    there; nothing above `drawn` is in the past, and everything at or below `solid` is.
    """

    cursor: Cursor
    at: datetime
    tick_id: int
    cut: int
    solid: int
    drawn: int


@dataclass(frozen=True, slots=True)
class Span:
    """From where to where the past can be shown. `floor` is where the log begins, which may be below `first`; `whole`
    says that it still has its beginning.
    """

    first: Cursor
    first_at: datetime
    last: Cursor
    last_at: datetime
    now: datetime
    floor: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Onward:
    """Where a list goes on: beyond this position, or below this rank and tie in an order by column."""

    position: int
    rank: int | None = None
    tie: int | None = None


@dataclass(frozen=True, slots=True)
class PastJob:
    """A job as its last change left it. `version` is the seq of that change."""

    source: str
    id: str
    card: bytes
    version: int


@dataclass(frozen=True, slots=True)
class PastPage:
    """`after` is None at the end. `complete` is False where jobs stood of which the log knows nothing any more (or
    never did), and where an order by column looked at the newest jobs only.
    """

    jobs: tuple[PastJob, ...]
    after: Onward | None
    complete: bool


@dataclass(frozen=True, slots=True)
class _Resets:
    """The last reset of each source at a moment, as parameters of the queries; `uncounted` holds the sources that had
    jobs then which the log does not know.
    """

    parameters: dict[str, object]
    uncounted: frozenset[str]


class Past:
    """Reads the past. Raises DatabaseUnavailable, DatabaseError, and for moments that are none here CursorAhead,
    CursorExpired and MomentAhead.
    """

    def __init__(self, database: Database, log: Log) -> None:
        self._database = database
        self._log = log

    async def span(self) -> Span:
        """What moments there are."""
        async with self._database.snapshot() as connection:
            return await _span(connection)

    async def moment(self, asked: Asked) -> Moment:
        """The place in the log that is meant."""
        async with self._database.snapshot() as connection:
            return await _resolve(connection, await _span(connection), asked)

    async def jobs(
        self,
        moment: Moment,
        wanted: JobFilter,
        sort: Sort,
        after: Onward | None,
        limit: int,
        *,
        text: str = "",
    ) -> PastPage:
        """A page of the jobs that stood at the moment, by when the log came to know them, or by a column; with a
        `text`, of those that it names or occurs in.
        """
        async with self._reading() as connection:
            span = await _span(connection)
            resets = await _resets(connection, moment)
            known = span.whole and not _unknown(resets, wanted)
            walk = _Walk(
                connection, moment=moment, span=span, resets=resets, wanted=wanted, text=text, sort=sort
            )
            if wanted.jobs is not None:
                names = [name for name in wanted.jobs if wanted.reaches(name.source)]
                return PastPage(await walk.named(names), None, known)
            if sort in {"newest", "oldest"}:
                jobs, onward = await walk.along(after, limit)
                return PastPage(jobs, onward, known)
            jobs, onward, all_seen = await walk.ranked(after, limit)
            return PastPage(jobs, onward, known and all_seen)

    async def job(self, moment: Moment, name: JobName) -> PastJob:
        """One job as it stood. Raises JobNotFound, saying whether it was gone, or is not known."""
        async with self._reading() as connection:
            span = await _span(connection)
            resets = await _resets(connection, moment)
            row = await _last(connection, moment, resets, name)
        if row is None:
            known = span.whole and name.source not in resets.uncounted
            raise JobNotFound(
                f"There was no job {name.id} in {name.source} at {moment.cursor}."
                if known
                else f"The log knows of no job {name.id} in {name.source} at {moment.cursor}; "
                "it may have stood unchanged."
            )
        if row[0] in {"D", b"D"}:
            raise JobNotFound(f"Job {name.id} in {name.source} had been deleted by {moment.cursor}.")
        return PastJob(name.source, name.id, row[2].encode(), row[1])

    async def history_end(self, moment: Moment, name: JobName) -> int:
        """The seq below which lie the changes that a job had had at the moment; its last one may be its deletion."""
        async with self._reading() as connection:
            row = await _last(connection, moment, _NO_RESETS, name)
        return 0 if row is None else int(row[1]) + 1

    async def folds(self, moment: Moment) -> tuple[Stats, Rates]:
        """Counts and rates at the moment: the nearest fold at or below it, carried on by the events between."""
        position = moment.cursor.position
        async with self._database.connection() as connection:
            row = await (await connection.execute(query("past_fold"), {"position": position})).fetchone()
        if row is None:
            raise CursorExpired(f"the log has no counts for {moment.cursor} any more: choose a later moment")
        cursor, saved = Cursor(row[0], row[1]), _SAVED.decode(row[2])
        stats, rates = saved.folds()
        while cursor.position < position:
            page = await self._log.read(cursor, min(_FOLD_PAGE, position - cursor.position))
            for event in page.events:
                stats.apply(event)
                rates.apply(event)
            if page.cursor.position <= cursor.position:
                raise DatabaseUnavailable(f"the log ends at {page.cursor}, before {moment.cursor}; try again")
            cursor = page.cursor
        stats.advance(moment.at)
        return stats, rates

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[Connection]:
        """One moment of the log itself. The queries name their access paths, so that a scan or a compiled plan could
        only be a misestimate.
        """
        async with self._database.snapshot() as connection:
            await connection.execute(query("past_plans"))
            yield connection


async def _span(connection: Connection) -> Span:
    row = await (await connection.execute(query("past_span"))).fetchone()
    if row is None or row[5] is None:
        raise DatabaseUnavailable(
            "The log has no counts to begin with yet: a server saves them soon after it starts. Try again in a moment."
        )
    now, floor, whole, first_epoch, first_at, start, epoch, position, last_at = row
    start_at = first_at
    if start != floor:
        held = await (await connection.execute(query("past_moment"), {"position": start})).fetchone()
        if held is not None:
            first_epoch, start_at = held[0], held[1]
    return Span(Cursor(first_epoch, start), start_at, Cursor(epoch, position), last_at, now, floor, whole)


async def _resolve(connection: Connection, span: Span, asked: Asked) -> Moment:
    if isinstance(asked, Cursor):
        position, at = await _position(connection, asked), None
    else:
        if asked > span.now:
            raise MomentAhead(
                f"{asked.isoformat()} has not come yet: by the database's clock it is "
                f"{span.now.astimezone(UTC).isoformat(timespec='seconds')}"
            )
        row = await (await connection.execute(query("past_at"), {"at": asked})).fetchone()
        position, at = (-1 if row is None else row[0]), asked
    if position < span.first.position:
        raise CursorExpired(
            f"the log does not reach back that far: it begins at {span.first}, "
            f"{span.first_at.astimezone(UTC).isoformat(timespec='seconds')}"
        )
    row = await (await connection.execute(query("past_moment"), {"position": position})).fetchone()
    if row is None:  # the very beginning: nothing has happened yet
        return Moment(cursor=span.first, at=at or span.first_at, tick_id=-1, cut=0, solid=0, drawn=0)
    epoch, sealed_at, tick_id, solid, drawn, cut = row
    return Moment(
        cursor=Cursor(epoch, position), at=at or sealed_at, tick_id=tick_id, cut=cut, solid=solid, drawn=drawn
    )


async def _position(connection: Connection, asked: Cursor) -> int:
    reason = await refusal(connection, asked)
    if reason is not None:
        raise CursorExpired(
            f"the log no longer holds {asked} ({reason}): choose a later moment", reason=reason
        )
    return asked.position


async def _resets(connection: Connection, moment: Moment) -> _Resets:
    rows = await (await connection.execute(query("past_resets"), _parameters(moment))).fetchall()
    return _of_resets(rows)


def _of_resets(rows: list[tuple[Any, ...]]) -> _Resets:
    names = ("sources", "seqs", "ticks", "solids", "drawns", "positions")
    return _Resets(
        {f"reset_{name}": [row[place] for row in rows] for place, name in enumerate(names)},
        frozenset([row[0] for row in rows if row[6]]),
    )


async def _last(
    connection: Connection, moment: Moment, resets: _Resets, name: JobName
) -> tuple[Any, ...] | None:
    """op, seq and card of a job's last change at a moment and since the resets."""
    statement = query("past_job").format(card=query("past_card"), holds=_HOLDS, since=_SINCE)
    parameters = _parameters(moment) | resets.parameters | {"source": name.source, "job_id": name.id}
    return await (await connection.execute(statement, parameters, prepare=False)).fetchone()


def _unknown(resets: _Resets, wanted: JobFilter) -> bool:
    return bool(resets.uncounted & set(wanted.sources) if wanted.sources else resets.uncounted)


def _parameters(moment: Moment) -> dict[str, object]:
    return {
        "at": moment.at,
        "tick_id": moment.tick_id,
        "cut": moment.cut,
        "solid": moment.solid,
        "drawn": moment.drawn,
    }


class _Walk:
    """One question about the jobs of a moment, on one connection."""

    def __init__(
        self,
        connection: Connection,
        *,
        moment: Moment,
        span: Span,
        resets: _Resets,
        wanted: JobFilter,
        text: str,
        sort: Sort,
    ) -> None:
        self._connection = connection
        self._end = moment.cursor.position
        self._start = span.floor + 1
        self._sort = sort
        self._parameters = (
            _parameters(moment)
            | resets.parameters
            | wanted.facets()
            | {"sources": list(wanted.sources) or None, "q": text or None, "sort": sort}
        )

    async def along(self, after: Onward | None, limit: int) -> tuple[tuple[PastJob, ...], Onward | None]:
        """By when the log came to know them. Ends early after WALKED_AT_MOST changes, saying where to go on."""
        newest = self._sort == "newest"
        found: list[tuple[int, PastJob]] = []
        at = after.position if after is not None else (self._end + 1 if newest else self._start - 1)
        for step in _STEPS:
            low, high = (
                (max(self._start, at - step), at - 1) if newest else (at + 1, min(self._end, at + step))
            )
            if low > high:
                return _jobs(found), None
            missing = limit + 1 - len(found)
            rows = await self._read(low, high, missing, None)
            found.extend((row[0], _job(row[3:])) for row in rows)
            if len(found) > limit:
                return _jobs(found[:limit]), Onward(found[limit - 1][0])
            at = low if newest else high
        ended = at <= self._start if newest else at >= self._end
        return _jobs(found), None if ended else Onward(at)

    async def ranked(
        self, after: Onward | None, limit: int
    ) -> tuple[tuple[PastJob, ...], Onward | None, bool]:
        """By a column, over the jobs that the newest WALKED_AT_MOST changes brought; and whether that was all."""
        low = max(self._start, self._end - WALKED_AT_MOST + 1)
        rows = await self._read(low, self._end, limit + 1, after)
        onward = (
            Onward(rows[limit - 1][0], rows[limit - 1][1], rows[limit - 1][2]) if len(rows) > limit else None
        )
        return tuple([_job(row[3:]) for row in rows[:limit]]), onward, low == self._start

    async def named(self, names: list[JobName]) -> tuple[PastJob, ...]:
        """Those of the named jobs that stood, in the order in which they were named."""
        statement = query("past_named").format(
            card=query("past_card"), holds=_HOLDS, since=_SINCE, matches=_MATCHES
        )
        parameters = self._parameters | {
            "sources_of": [name.source for name in names],
            "ids_of": [name.id for name in names],
        }
        rows = await (await self._connection.execute(statement, parameters, prepare=False)).fetchall()
        found = {JobName(row[0], row[1]): _job(row) for row in rows}
        return tuple([found[name] for name in dict.fromkeys(names) if name in found])

    async def _read(self, low: int, high: int, limit: int, after: Onward | None) -> list[tuple[Any, ...]]:
        statement = query("past_walk").format(
            card=query("past_card"),
            holds=_HOLDS,
            since=_SINCE,
            matches=_MATCHES,
            rank=query("past_rank").format(
                started=time_rank("(l.job ->> 'started_at')::timestamptz"),
                finished=time_rank("(l.job ->> 'finished_at')::timestamptz"),
            ),
            tie=query("past_tie"),
        )
        parameters = self._parameters | {
            "low": low,
            "high": high,
            "limit": limit,
            "rank": None if after is None else after.rank,
            "tie": None if after is None else after.tie,
        }
        cursor = await self._connection.execute(statement, parameters, prepare=False)
        return await cursor.fetchall()


def _jobs(found: list[tuple[int, PastJob]]) -> tuple[PastJob, ...]:
    return tuple([job for _, job in found])


def _job(row: tuple[Any, ...]) -> PastJob:
    source, job_id, version, card = row
    return PastJob(source, job_id, shallow(card.encode()), version)


_NO_RESETS: Final = _of_resets([])
_HOLDS: Final[Composable] = query("past_holds").format(
    **{name: Placeholder(name) for name in ("drawn", "solid", "tick_id", "cut")}
)
_SINCE: Final[Composable] = query("past_since").format(
    holds=query("past_holds").format(
        drawn=SQL("reset.drawn"), solid=SQL("reset.solid"), tick_id=SQL("reset.tick_id"), cut=SQL("reset.seq")
    )
)
_MATCHES: Final[Composable] = query("past_matches").format(status=query("past_status"))
