"""Reading the built-in source: lists, searches and single jobs.

Every read is one REPEATABLE READ snapshot and carries the cursor of that snapshot, so that a client can go
on from it by events. A job's JSON passes through as PostgreSQL wrote it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psycopg.abc import Buffer
from psycopg.adapt import Loader

from tailboard.core.cursor import Cursor
from tailboard.core.job import BUILTIN_SOURCE
from tailboard.db.listing import Card, JobPage, Reader, Wanted, by_id, in_window
from tailboard.db.pool import Database
from tailboard.db.queries import query
from tailboard.errors import JobNotFound, SourceNotFound


class Jobs:
    """The jobs of the built-in source, for reading. Raises DatabaseUnavailable and DatabaseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, wanted: Wanted) -> JobPage:
        """A page of jobs in an order; what lies after `wanted.after` where that is given."""
        async with self.snapshot() as (cursor, reader):
            if wanted.filter.is_empty_set:
                return JobPage(cards=(), after=None, cursor=cursor)
            if wanted.sort in {"newest", "oldest"}:
                return await by_id(reader, cursor, wanted)
            return await in_window(reader, cursor, wanted)

    async def search(self, wanted: Wanted, text: str) -> JobPage:
        """Jobs that a text names or occurs in.

        A job is found by its id, by the beginning of its kind, queue or worker, and by any part of those,
        its tags and its error. The last looks at the newest WINDOW candidates only; `complete` says whether
        there were more.
        """
        async with self.snapshot() as (cursor, reader):
            if wanted.filter.is_empty_set:
                return JobPage(cards=(), after=None, cursor=cursor)
            return await in_window(reader, cursor, wanted, text)

    async def get(self, source: str, job_id: int) -> tuple[Card, Cursor]:
        """One job with its whole payload and result. Raises JobNotFound, SourceNotFound."""
        require_builtin(source)
        async with self.snapshot() as (cursor, reader):
            statement = query("jobs_get").format(version=query("jobs_version"))
            await reader.execute(statement, {"id": job_id})
            row = await reader.fetchone()
        if row is None:
            raise JobNotFound(f"There is no job {job_id} in {source}.")
        return Card(job_id, row[0], row[1]), cursor

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[tuple[Cursor, Reader]]:
        """One moment of the table, with its cursor, to query; jsonb comes as bytes."""
        async with self._database.snapshot() as connection, connection.cursor() as reader:
            # jsonb arrives as the bytes that PostgreSQL sent; nobody here reads them
            reader.adapters.register_loader("jsonb", _Untouched)
            await reader.execute(query("jobs_snapshot"))
            row = await reader.fetchone()
            assert row is not None  # noqa: S101 - a SELECT without FROM
            yield Cursor.parse(row[0]), reader


class _Untouched(Loader):
    def load(self, data: Buffer) -> bytes:
        return bytes(data)


def require_builtin(source: str) -> None:
    """Raise SourceNotFound unless `source` is the built-in one."""
    if source != BUILTIN_SOURCE:
        raise SourceNotFound(f"There is no source {source!r}; GET /api/sources lists what is attached.")
