"""The board as it stood, for those who ask.

Asked --resolve--> Moment --walk--> the jobs that stood then
                          --fold--> the counts then
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import msgspec

from tailboard.core.cursor import Cursor
from tailboard.core.job import JobName
from tailboard.core.moment import Asked
from tailboard.core.projections import Rates, Saved
from tailboard.core.stats import Stats
from tailboard.db.jobs.page import JobFilter, Sort
from tailboard.db.log import Log
from tailboard.db.past.moments import Moment, Span, look_up_span, resolve
from tailboard.db.past.resets import NO_RESETS, look_up_resets
from tailboard.db.past.standing import Onward, PastJob, Walk, last_change
from tailboard.db.pool import Connection, Database
from tailboard.db.queries import query
from tailboard.errors import CursorExpired, DatabaseUnavailable, JobNotFound

_FOLD_PAGE: Final = 5_000
_SAVED: Final = msgspec.json.Decoder(Saved)


@dataclass(frozen=True, slots=True)
class PastPage:
    """`after` is None at the end. `complete` is False where jobs stood of which the log knows nothing any more (or
    never did), and where an order by column looked at the newest jobs only.
    """

    jobs: tuple[PastJob, ...]
    after: Onward | None
    complete: bool


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
            return await look_up_span(connection)

    async def moment(self, asked: Asked) -> Moment:
        """The place in the log that is meant."""
        async with self._database.snapshot() as connection:
            return await resolve(connection, await look_up_span(connection), asked)

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
            span = await look_up_span(connection)
            resets = await look_up_resets(connection, moment)
            known = span.whole and not resets.hide(wanted)
            walk = Walk(
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
            span = await look_up_span(connection)
            resets = await look_up_resets(connection, moment)
            row = await last_change(connection, moment, resets, name)
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
            row = await last_change(connection, moment, NO_RESETS, name)
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
