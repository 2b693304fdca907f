"""What people do to jobs: enqueue and change built-in ones, act on one job of any source or on all that match.

On the built-in table every action is one UPDATE guarded by status, so that of two who act at once one is told
why it came too late. An adopted source is acted on by its own queue's SQL: see `db/jobs/adopted_actions.py`.
"""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import psycopg
from psycopg import errors

from tailboard.core.action import ALLOWED, Action, why_not
from tailboard.core.job import BUILTIN_SOURCE, JobName, Status
from tailboard.db.errors import required
from tailboard.db.jobs import adopted_listing
from tailboard.db.jobs.adopted import READ_WITHIN_S, Attached
from tailboard.db.jobs.adopted_actions import AdoptedActions, BulkRun, Versions, moved, narrowed
from tailboard.db.jobs.listing import fragments
from tailboard.db.jobs.page import Card, JobFilter, builtin_id
from tailboard.db.jobs.reading import Jobs, builtin_locked, no_source, only_builtin
from tailboard.db.pool import Connection, Database
from tailboard.db.queries import query
from tailboard.errors import (
    ActionRefused,
    DatabaseError,
    InvalidJob,
    JobNotFound,
    SourceFailing,
)

BATCH: Final = 500
"""Jobs that one transaction of a bulk action writes."""
BULK_LIMIT: Final = 10_000
"""Jobs that one bulk call writes; the answer says whether there are more."""
COUNT_LIMIT: Final = 100_000
_BULK_S: Final = 10.0
_COUNT_WITHIN_S: Final = 6.0
"""How long it may take to count the jobs of all adopted sources together, before that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job to enqueue. `payload` is JSON text, or None."""

    kind: str
    queue: str = "default"
    priority: int = 0
    max_attempts: int = 3
    tags: tuple[str, ...] = ()
    payload: bytes | None = None
    scheduled_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkResult:
    """What a bulk action reached. `matched` is counted up to COUNT_LIMIT; `more` says there are jobs left.

    `refused` counts the jobs that their queue left as they were; sources that have no such action, or cannot be
    read, are named.
    """

    matched: int
    changed: int
    more: bool
    refused: int = 0
    unsupported: tuple[str, ...] = ()
    failing: tuple[SourceFailing, ...] = ()


class Actions:
    """Raises JobNotFound, SourceNotFound, SourceFailing, ActionRefused, InvalidJob, DatabaseUnavailable and
    DatabaseError.
    """

    def __init__(self, database: Database, jobs: Jobs) -> None:
        self._database = database
        self._jobs = jobs
        self._adopted = AdoptedActions(database, jobs)

    async def enqueue(self, job: NewJob) -> Card:
        """Add a job; it is `scheduled` where its time lies ahead, else `pending`."""
        parameters = {
            "kind": job.kind,
            "queue": job.queue,
            "priority": job.priority,
            "max_attempts": job.max_attempts,
            "tags": list(job.tags),
            "payload": None if job.payload is None else job.payload.decode(),
            "scheduled_at": job.scheduled_at,
        }
        asked = query("jobs_insert")
        with _values_checked():
            async with self._writing() as connection:
                row = await (await connection.execute(asked, parameters)).fetchone()
        return await self._card(required(row, asked)[0])

    async def change(self, name: JobName, changes: bytes, *, versions: Versions = None) -> Card:
        """Set the fields that the JSON object `changes` names; with `versions` only if the job is at one of them."""
        await self._only_builtin(name.source, "change")
        job_id = _builtin(name)
        with _values_checked():
            async with self._writing() as connection:
                await _lock(connection, job_id, versions)
                await connection.execute(query("jobs_update"), {"id": job_id, "changes": changes.decode()})
        return await self._card(job_id)

    async def act(self, name: JobName, action: Action, *, versions: Versions = None) -> Card | None:
        """Do it, or raise ActionRefused that says why not. Returns the job as it is now, None if it is gone."""
        if name.source != BUILTIN_SOURCE:
            source = (await self._jobs.attached()).find(name.source)
            if source is None:
                raise no_source(name.source)
            await self._adopted.act(source, name.id, action, versions)
        else:
            await self._act_on_builtin(_builtin(name), action, versions)
        if action is Action.DELETE:
            return None
        try:
            return (await self._jobs.get(name))[0]
        except JobNotFound:
            return None

    async def count(self, wanted: JobFilter, action: Action) -> BulkResult:
        """How many jobs the action would reach, without doing it."""
        known = await self._jobs.attached()
        counts, failing = await self._counts(known, wanted, action)
        matched = sum(counts.values())
        return BulkResult(
            matched=matched,
            changed=0,
            more=matched > 0,
            unsupported=_without(known, wanted, action),
            failing=tuple(failing),
        )

    async def act_on_all(self, wanted: JobFilter, action: Action) -> BulkResult:
        """Act on up to BULK_LIMIT jobs that match, source by source.

        What was done stays done when a later part fails. Of the built-in source, jobs that another transaction
        has locked are left alone.
        """
        known = await self._jobs.attached()
        counts, failing = await self._counts(known, wanted, action)
        run = BulkRun(limit=BULK_LIMIT, until=time.monotonic() + _BULK_S)
        for name, counted in counts.items():
            source = known.find(name)
            try:
                if source is None:
                    await self._act_on_all_builtin(wanted, action, run)
                elif run.is_over():
                    run.more = run.more or counted > 0
                else:
                    await self._adopted.act_on_all(source, wanted, action, run)
            except SourceFailing as error:
                failing.append(error)
        return BulkResult(
            matched=max(sum(counts.values()), run.changed),
            changed=run.changed,
            more=run.more,
            refused=run.refused,
            unsupported=_without(known, wanted, action),
            failing=tuple(failing),
        )

    async def _counts(
        self, known: Attached, wanted: JobFilter, action: Action
    ) -> tuple[dict[str, int], list[SourceFailing]]:
        """How many jobs of each source it would reach, the built-in one first, and the sources that cannot be read."""
        counts: dict[str, int] = {}
        failing: list[SourceFailing] = []
        if wanted.reaches(BUILTIN_SOURCE):
            try:
                counts[BUILTIN_SOURCE] = await self._count(wanted, action)
            except SourceFailing as error:
                failing.append(error)
        filtered = narrowed(wanted, action)
        deadline = time.monotonic() + _COUNT_WITHIN_S
        for source in known.adopted:
            if filtered is None or not wanted.reaches(source.name) or action not in source.actions:
                continue
            within_s = min(READ_WITHIN_S, deadline - time.monotonic())
            try:
                async with self._jobs.snapshot() as (_, reader):
                    counts[source.name] = await adopted_listing.count(
                        reader, source, filtered, COUNT_LIMIT, within_s
                    )
            except SourceFailing as error:
                failing.append(error)
        return counts, failing

    async def _act_on_builtin(self, job_id: int, action: Action, versions: Versions) -> None:
        allowed = ALLOWED[action]
        async with self._writing() as connection:
            status = await _lock(connection, job_id, versions)
            if status not in allowed:
                raise ActionRefused(why_not(str(job_id), action, status))
            await connection.execute(
                query(f"jobs_{action}"), {"ids": [job_id], "allowed": [status.value for status in allowed]}
            )

    async def _act_on_all_builtin(self, wanted: JobFilter, action: Action, run: BulkRun) -> None:
        """In short transactions of BATCH jobs."""
        parameters = _bulk_parameters(wanted, action)
        pick = query("jobs_bulk_pick").format(matches=query("jobs_matches"))
        after, more = -(2**63), True
        while more and not run.is_over():
            async with self._writing() as connection:
                rows = await (
                    await connection.execute(
                        pick, parameters | {"after": after, "batch": BATCH}, prepare=False
                    )
                ).fetchall()
                ids = [row[0] for row in rows]
                if ids:
                    written = await connection.execute(query(f"jobs_{action}"), parameters | {"ids": ids})
                    run.changed += written.rowcount
                    after = ids[-1]
            more = len(ids) == BATCH
        run.more = more

    async def _count(self, wanted: JobFilter, action: Action) -> int:
        statement = query("jobs_bulk_count").format(matches=query("jobs_matches"))
        parameters = _bulk_parameters(wanted, action) | {"at_most": COUNT_LIMIT}
        async with self._writing() as connection:
            row = await (await connection.execute(statement, parameters, prepare=False)).fetchone()
        return int(required(row, statement)[0])

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[Connection]:
        """A transaction on the built-in table. A lock that others hold is waited for briefly, so that a table that
        stays locked does not keep the pool's connections from everybody else.
        """
        async with self._database.connection() as connection:
            try:
                async with connection.transaction():
                    await connection.execute(query("jobs_write_bounds"))
                    yield connection
            except errors.LockNotAvailable as error:
                raise builtin_locked() from error

    async def _card(self, job_id: int) -> Card:
        card, _ = await self._jobs.get(JobName(BUILTIN_SOURCE, str(job_id)))
        return card

    async def _only_builtin(self, source: str, what: str) -> None:
        if source != BUILTIN_SOURCE:
            only_builtin(await self._jobs.attached(), source, what)


def _builtin(name: JobName) -> int:
    job_id = builtin_id(name.id)
    if job_id is None:
        raise JobNotFound(f"There is no job {name.id} in {name.source}.")
    return job_id


def _without(known: Attached, wanted: JobFilter, action: Action) -> tuple[str, ...]:
    """The sources that the filter reaches and that have no such action."""
    return tuple(
        [
            source.name
            for source in known.adopted
            if action not in source.actions and wanted.reaches(source.name)
        ]
    )


async def _lock(connection: Connection, job_id: int, versions: Versions) -> Status:
    row = await (await connection.execute(query("jobs_lock"), {"id": job_id})).fetchone()
    if row is None:
        raise JobNotFound(f"There is no job {job_id} in {BUILTIN_SOURCE}.")
    if versions is not None:
        statement = query("jobs_version_of").format(version=fragments()["version"])
        (found,) = required(await (await connection.execute(statement, {"id": job_id})).fetchone(), statement)
        if found not in versions:
            raise moved(str(job_id), found, versions)
    return Status(row[0])


def _bulk_parameters(wanted: JobFilter, action: Action) -> dict[str, object]:
    return wanted.parameters() | {"allowed": [status.value for status in ALLOWED[action]]}


@contextmanager
def _values_checked() -> Iterator[None]:
    """Turn PostgreSQL's refusal of a value into InvalidJob with its words."""
    try:
        yield
    except DatabaseError as error:
        cause = error.__cause__
        if isinstance(cause, psycopg.DataError | psycopg.IntegrityError | errors.StatementTooComplex):
            constraint = cause.diag.constraint_name
            said = cause.diag.message_primary or str(cause)
            raise InvalidJob(f"{said} ({constraint})" if constraint else said) from error
        raise
