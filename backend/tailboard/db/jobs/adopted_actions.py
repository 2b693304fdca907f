"""Acting on jobs of adopted sources: always by the SQL that their definition names, the queue's own functions.

The row is locked and the status looked at first, in the same transaction, so that what makes no sense is refused in our
words and nobody changes the job between the look and the action; what the queue refuses is told in its own. A
statement that changes no row, or a function that answers NULL, false or nothing, has refused.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass, replace

import psycopg
from psycopg import AsyncRawCursor

from tailboard.core.action import ALLOWED, PARTICIPLE, Action, why_not
from tailboard.core.job import JobName, Status
from tailboard.db.errors import ends_session
from tailboard.db.jobs import adopted_listing
from tailboard.db.jobs.adopted import Adopted, why
from tailboard.db.jobs.page import START, JobFilter, Wanted
from tailboard.db.jobs.reading import Jobs
from tailboard.db.pool import Connection, Database
from tailboard.db.queries import query
from tailboard.errors import ActionRefused, ActionUnsupported, JobNotFound, VersionMismatch

_BATCH = 200

Versions = Collection[int] | None
"""At one of which a job has to be; None where at any."""


@dataclass(slots=True, kw_only=True)
class BulkRun:
    """A bulk action under way: how many jobs it may change, until which moment of the monotonic clock, and what it has
    done so far.
    """

    limit: int
    until: float
    changed: int = 0
    refused: int = 0
    more: bool = False

    def is_over(self) -> bool:
        return self.changed >= self.limit or time.monotonic() > self.until


def narrowed(wanted: JobFilter, action: Action) -> JobFilter | None:
    """The jobs of a filter that stand where the action starts from; None where there can be none."""
    allowed = [status.value for status in ALLOWED[action]]
    statuses = tuple([status for status in allowed if not wanted.statuses or status in wanted.statuses])
    return replace(wanted, statuses=statuses) if statuses else None


class AdoptedActions:
    """Raises JobNotFound, ActionUnsupported, ActionRefused, VersionMismatch, SourceFailing."""

    def __init__(self, database: Database, jobs: Jobs) -> None:
        self._database = database
        self._jobs = jobs

    async def act(self, source: Adopted, job_id: str, action: Action, versions: Versions = None) -> None:
        """Do it; with versions only if the job is still at one of them."""
        sql = source.actions.get(action)
        if sql is None:
            has = ", ".join(source.actions) or "none: it is only watched"
            raise ActionUnsupported(f"{source.name} has no action {action.value}; it has {has}.")
        name = JobName(source.name, job_id)
        if source.id_of(job_id) is None:
            raise _not_found(name)
        async with self._database.connection() as connection:
            try:
                async with connection.transaction():
                    version = await _check(connection, source, name, action, versions)
                    await _run(connection, name, action, sql)
                    if versions is not None:
                        await _check_unmoved(connection, name, version)
            except psycopg.Error as error:
                failing = why(source, error)
                if failing is None:
                    raise
                raise failing from error

    async def act_on_all(self, source: Adopted, wanted: JobFilter, action: Action, run: BulkRun) -> None:
        """Act on the jobs that match, one after the other. What the queue refuses stays as it is and is counted."""
        filtered = narrowed(wanted, action)
        place = START
        while filtered is not None:
            page = Wanted(filter=filtered, sort="oldest", limit=_BATCH)
            async with self._jobs.snapshot() as (_, reader):
                places, more = await adopted_listing.places(reader, source, page, place)
            for each in places:
                if run.is_over():
                    run.more = True
                    return
                try:
                    await self.act(source, str(each.id), action)
                except (ActionRefused, JobNotFound):
                    run.refused += 1
                else:
                    run.changed += 1
            if not more:
                break
            place = places[-1]


async def _check(
    connection: Connection, source: Adopted, name: JobName, action: Action, versions: Versions
) -> int:
    """Raise where it may not be done; else return the version that the job is at."""
    await connection.execute(query("adopted_action_bounds"), {"table": source.table})
    await _lock(connection, source, name)
    statement = query("adopted_status").format(source=source.rows, ids=adopted_listing.named(source))
    found = await connection.execute(statement, {"ids": [name.id], "name": name.source}, prepare=False)
    row = await found.fetchone()
    if row is None:
        raise _not_found(name)
    status = Status(row[0])
    if status not in ALLOWED[action]:
        raise ActionRefused(why_not(name.id, action, status))
    if versions is not None and row[1] not in versions:
        raise moved(name.id, row[1], versions)
    return int(row[1])


async def _lock(connection: Connection, source: Adopted, name: JobName) -> None:
    """Keep the job as it is, where this role may: then nobody can change it until the action is done."""
    found = await connection.execute(query("adopted_may_lock"), {"table": source.table})
    row = await found.fetchone()
    if row is not None and row[0]:
        table, is_it = source.owner_row("id")
        statement = query("adopted_lock").format(table=table, is_it=is_it)
        await connection.execute(statement, {"id": name.id}, prepare=False)


async def _check_unmoved(connection: Connection, name: JobName, version: int) -> None:
    """After the action, which has come after everybody who changed the same rows: where the row could not be locked, or
    the job's state is in other tables, somebody may have.
    """
    found = await connection.execute(
        query("adopted_moved"), {"id": name.id, "name": name.source, "version": version}
    )
    row = await found.fetchone()
    if row is not None and row[0]:
        raise _mismatch(name.id, f"is not at version {version} any more")


def moved(job_id: str, version: int, wanted: Collection[int]) -> VersionMismatch:
    """The error for a job that is at another version than any that was wanted."""
    rather = f"not {next(iter(wanted))}" if len(wanted) == 1 else "none of those that were named"
    return _mismatch(job_id, f"is at version {version}, {rather}")


def _mismatch(job_id: str, how: str) -> VersionMismatch:
    return VersionMismatch(f"Job {job_id} {how}: look at it again before changing it.")


async def _run(connection: Connection, name: JobName, action: Action, sql: str) -> None:
    """Run the queue's own SQL, whose `$1` is the job's id."""
    refused = f"{name.source} left job {name.id} as it was: it cannot be {PARTICIPLE[action]} as it stands."
    async with AsyncRawCursor(connection) as cursor:
        try:
            # Never prepared: a session would keep the type that `$1` once had, through its owner's ALTER TABLE.
            await cursor.execute(sql.encode(), [name.id], prepare=False)
        except psycopg.Error as error:
            if ends_session(error):
                raise
            said = error.diag.message_primary or str(error)
            raise ActionRefused(f"{name.source} did not {action.value} job {name.id}: {said}.") from error
        if cursor.description is None:
            if cursor.rowcount == 0:
                raise ActionRefused(refused)
            return
        row = await cursor.fetchone()
        if row is None or row[0] is None or row[0] is False:
            raise ActionRefused(refused)


def _not_found(name: JobName) -> JobNotFound:
    return JobNotFound(f"There is no job {name.id} in {name.source}.")
