"""Reading jobs of every source: lists, searches and single jobs.

Every read is one REPEATABLE READ snapshot and carries the cursor of that snapshot, so that a client can go
on from it by events. A job's JSON passes through as PostgreSQL wrote it. An adopted source that cannot be read
is named in the answer, and the others are read.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from psycopg import errors
from psycopg.abc import Buffer
from psycopg.adapt import Loader

from tailboard.core.cursor import Cursor
from tailboard.core.job import BUILTIN_SOURCE, JobName
from tailboard.db.errors import required
from tailboard.db.jobs import adopted_listing, listing
from tailboard.db.jobs.adopted import READ_WITHIN_S, Adopted, Attached, attached
from tailboard.db.jobs.merging import merge
from tailboard.db.jobs.page import START, Card, JobPage, Place, Reader, SourcePage, Wanted, builtin_id
from tailboard.db.pool import Database
from tailboard.db.queries import query
from tailboard.errors import (
    ActionUnsupported,
    DatabaseUnavailable,
    JobNotFound,
    SourceFailing,
    SourceNotFound,
)

_PAGE_WITHIN_S: Final = 6.0
"""How long all adopted sources together may take for one page."""


class Jobs:
    """The jobs of all sources, for reading. Raises DatabaseUnavailable and DatabaseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, wanted: Wanted) -> JobPage:
        """A page of jobs in an order; what lies after `wanted.after` where that is given."""
        async with self.snapshot() as (cursor, reader):
            known = await attached(reader)
            begun = {
                source: START if wanted.after is None else wanted.after[source]
                for source in known.names
                if wanted.filter.reaches(source) and (wanted.after is None or source in wanted.after)
            }
            pages: dict[str, SourcePage] = {}
            failing: list[SourceFailing] = []
            deadline = time.monotonic() + _PAGE_WITHIN_S
            for name, place in begun.items():
                try:
                    pages[name] = await _part(reader, known.find(name), wanted, place, deadline)
                except SourceFailing as error:
                    failing.append(error)
            failing += [page.failing for page in pages.values() if page.failing is not None]
        rows, places = merge(pages, begun, wanted.sort, wanted.limit)
        return JobPage(
            cards=tuple([row.card for row in rows]),
            after=places or None,
            cursor=cursor,
            complete=not failing and all(page.complete for page in pages.values()),
            failing=tuple(failing),
        )

    async def search(self, wanted: Wanted, text: str) -> JobPage:
        """Jobs that a text names or occurs in.

        A job is found by its id, by the beginning of its kind, queue or worker, and by any part of those,
        its tags and its error. The last looks at the newest WINDOW candidates only, in each source; in an
        adopted source so do beginnings. `complete` says whether there were more.
        """
        return await self.list(replace(wanted, text=text))

    async def get(self, name: JobName) -> tuple[Card, Cursor]:
        """One job with its whole payload and result. Raises JobNotFound, SourceNotFound, SourceFailing."""
        async with self.snapshot() as (cursor, reader):
            card = await _get(reader, name)
        if card is None:
            raise JobNotFound(f"There is no job {name.id} in {name.source}.")
        return card, cursor

    async def attached(self) -> Attached:
        """What is on the board."""
        async with self.snapshot() as (_, reader):
            return await attached(reader)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[tuple[Cursor, Reader]]:
        """One moment of the tables, with its cursor, to query; jsonb comes as bytes."""
        async with self._database.snapshot() as connection, connection.cursor() as reader:
            # jsonb arrives as the bytes that PostgreSQL sent; nobody here reads them
            reader.adapters.register_loader("jsonb", _Untouched)
            asked = query("jobs_snapshot")
            await reader.execute(asked)
            row = required(await reader.fetchone(), asked)
            try:
                yield Cursor.parse(row[0]), reader
            except (errors.LockNotAvailable, errors.QueryCanceled) as error:
                raise DatabaseUnavailable(
                    f"PostgreSQL gave no answer in time: {error}. `tailboard doctor` says who waits for whom."
                ) from error


async def _part(
    reader: Reader, source: Adopted | None, wanted: Wanted, place: Place, deadline: float
) -> SourcePage:
    if source is None:
        return await _builtin_part(reader, wanted, place)
    within_s = min(READ_WITHIN_S, deadline - time.monotonic())
    return await adopted_listing.read_page(reader, source, wanted, place, within_s)


async def _builtin_part(reader: Reader, wanted: Wanted, place: Place) -> SourcePage:
    """As adopted ones, it does not keep the others back while its table is locked."""
    try:
        async with reader.connection.transaction():
            return await listing.read_page(reader, wanted, place)
    except errors.LockNotAvailable as error:
        raise builtin_locked() from error


def builtin_locked() -> SourceFailing:
    """The error for a lock on the built-in table, or on a job of it, that did not become free in time."""
    return SourceFailing(
        BUILTIN_SOURCE,
        "source_locked",
        "tailboard.jobs is locked by another transaction just now; try again.",
    )


async def _get(reader: Reader, name: JobName) -> Card | None:
    if name.source == BUILTIN_SOURCE:
        job_id = builtin_id(name.id)
        if job_id is None:
            return None
        await reader.execute(query("jobs_get").format(version=query("jobs_version")), {"id": job_id})
        row = await reader.fetchone()
        return None if row is None else Card(name, row[0], row[1])
    source = (await attached(reader)).find(name.source)
    if source is None:
        raise no_source(name.source)
    return await adopted_listing.get(reader, source, name.id)


class _Untouched(Loader):
    def load(self, data: Buffer) -> bytes:
        return bytes(data)


def no_source(name: str) -> SourceNotFound:
    return SourceNotFound(f"There is no source {name!r}; GET /api/sources lists what is attached.")


def only_builtin(known: Attached, source: str, what: str) -> None:
    """Raise SourceNotFound or ActionUnsupported unless `source` is the built-in one."""
    if source == BUILTIN_SOURCE:
        return
    if known.find(source) is None:
        raise no_source(source)
    raise ActionUnsupported(f"The jobs of {source} belong to its own queue, and only that can {what} them.")
