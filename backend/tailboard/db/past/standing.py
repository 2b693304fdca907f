"""The jobs that stood at a moment.

A change belongs to the past of a moment if its position is at or before it; a change with a lower seq may have been
sealed later. A job is known if the log holds a change of it at or before the moment and after its source's last
reset; its last such change is how it stood. Jobs are found by walking the log from the moment to older places, a
bounded number of changes a page, so that no question costs more than its page.
"""

from dataclasses import dataclass
from typing import Any, Final

from psycopg.sql import SQL, Composable, Placeholder

from tailboard.core.job import JobName
from tailboard.core.nesting import shallow
from tailboard.db.jobs.listing import time_rank
from tailboard.db.jobs.page import JobFilter, Sort
from tailboard.db.past.moments import Moment, Span
from tailboard.db.past.resets import Resets
from tailboard.db.pool import Connection
from tailboard.db.queries import query

# Changes that a page walks over: few first, as most pages are full by then. A change costs some 5 us.
_STEPS: Final = (600, 2_400, 9_000)
_WALKED_AT_MOST: Final = sum(_STEPS)
"""How many changes a page looks at; an order that the log does not have is over the jobs born in so many."""

_HOLDS: Final[Composable] = query("past_holds").format(
    **{name: Placeholder(name) for name in ("drawn", "solid", "tick_id", "cut")}
)
_SINCE: Final[Composable] = query("past_since").format(
    holds=query("past_holds").format(
        drawn=SQL("reset.drawn"), solid=SQL("reset.solid"), tick_id=SQL("reset.tick_id"), cut=SQL("reset.seq")
    )
)
_MATCHES: Final[Composable] = query("past_matches").format(status=query("past_status"))


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


async def last_change(
    connection: Connection, moment: Moment, resets: Resets, name: JobName
) -> tuple[Any, ...] | None:
    """op, seq and card of a job's last change at a moment and since the resets."""
    statement = query("past_job").format(card=query("past_card"), holds=_HOLDS, since=_SINCE)
    parameters = moment.parameters | resets.parameters | {"source": name.source, "job_id": name.id}
    return await (await connection.execute(statement, parameters, prepare=False)).fetchone()


class Walk:
    """One question about the jobs of a moment, on one connection."""

    def __init__(
        self,
        connection: Connection,
        *,
        moment: Moment,
        span: Span,
        resets: Resets,
        wanted: JobFilter,
        text: str,
        sort: Sort,
    ) -> None:
        self._connection = connection
        self._end = moment.cursor.position
        self._start = span.floor + 1
        self._sort = sort
        self._parameters = (
            moment.parameters
            | resets.parameters
            | wanted.facets()
            | {"sources": list(wanted.sources) or None, "q": text or None, "sort": sort}
        )

    async def along(self, after: Onward | None, limit: int) -> tuple[tuple[PastJob, ...], Onward | None]:
        """By when the log came to know them. Ends early after _WALKED_AT_MOST changes, saying where to go on."""
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
        """By a column, over the jobs that the newest _WALKED_AT_MOST changes brought; and whether that was all."""
        low = max(self._start, self._end - _WALKED_AT_MOST + 1)
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
