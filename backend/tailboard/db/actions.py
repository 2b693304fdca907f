"""Writing to the built-in source for people: enqueue, change, act on one job or on all that match.

Every action is one UPDATE guarded by status, so that of two who act at once one is told why it came too late.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import psycopg
from psycopg import errors

from tailboard.core.job import BUILTIN_SOURCE, Status
from tailboard.db.jobs import Jobs, require_builtin
from tailboard.db.listing import Card, JobFilter, fragments
from tailboard.db.pool import Connection, Database
from tailboard.db.queries import query
from tailboard.errors import ActionRefused, DatabaseError, InvalidJob, JobNotFound, VersionMismatch

BATCH: Final = 500
"""Jobs that one transaction of a bulk action writes."""
BULK_LIMIT: Final = 10_000
"""Jobs that one bulk call writes; the answer says whether there are more."""
COUNT_LIMIT: Final = 100_000
_BULK_S: Final = 10.0


class Action(StrEnum):
    """What a person can do to a job."""

    RETRY = "retry"
    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"
    DELETE = "delete"


ALLOWED: Final[Mapping[Action, tuple[Status, ...]]] = {
    Action.RETRY: (Status.FAILED, Status.CANCELLED, Status.COMPLETED),
    Action.CANCEL: (Status.SCHEDULED, Status.PENDING, Status.IN_PROGRESS, Status.PAUSED),
    Action.PAUSE: (Status.SCHEDULED, Status.PENDING),
    Action.RESUME: (Status.PAUSED,),
    Action.DELETE: tuple(status for status in Status if status is not Status.IN_PROGRESS),
}
"""From which statuses each action starts. A running job cannot be paused or deleted under its worker."""


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
    """What a bulk action reached. `matched` is counted up to COUNT_LIMIT; `more` says there are jobs left."""

    matched: int
    changed: int
    more: bool


class Actions:
    """Raises JobNotFound, SourceNotFound, ActionRefused, InvalidJob, DatabaseUnavailable, DatabaseError."""

    def __init__(self, database: Database, jobs: Jobs) -> None:
        self._database = database
        self._jobs = jobs

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
        with _values_checked():
            async with self._database.connection() as connection:
                row = await (await connection.execute(query("jobs_insert"), parameters)).fetchone()
        assert row is not None  # noqa: S101 - INSERT ... RETURNING
        return await self._card(row[0])

    async def change(self, source: str, job_id: int, changes: bytes, *, version: int | None = None) -> Card:
        """Set the fields that the JSON object `changes` names; with `version` only if it is still that."""
        require_builtin(source)
        with _values_checked():
            async with self._database.connection() as connection, connection.transaction():
                await _lock(connection, job_id, version)
                await connection.execute(query("jobs_update"), {"id": job_id, "changes": changes.decode()})
        return await self._card(job_id)

    async def act(
        self, source: str, job_id: int, action: Action, *, version: int | None = None
    ) -> Card | None:
        """Do it, or raise ActionRefused that says why not. Returns the job as it is now, or None."""
        require_builtin(source)
        allowed = ALLOWED[action]
        async with self._database.connection() as connection, connection.transaction():
            status = await _lock(connection, job_id, version)
            if status not in allowed:
                raise ActionRefused(_why_not(job_id, action, status))
            await connection.execute(
                query(f"jobs_{action}"), {"ids": [job_id], "allowed": [status.value for status in allowed]}
            )
        return None if action is Action.DELETE else await self._card(job_id)

    async def count(self, wanted: JobFilter, action: Action) -> BulkResult:
        """How many jobs the action would reach, without doing it."""
        matched = 0 if wanted.is_empty_set else await self._count(wanted, action)
        return BulkResult(matched=matched, changed=0, more=matched > 0)

    async def act_on_all(self, wanted: JobFilter, action: Action) -> BulkResult:
        """Act on up to BULK_LIMIT jobs that match, in short transactions of BATCH jobs.

        Jobs that another transaction has locked are left alone. What was done stays done when a later
        batch fails.
        """
        if wanted.is_empty_set:
            return BulkResult(matched=0, changed=0, more=False)
        matched = await self._count(wanted, action)
        parameters = _bulk_parameters(wanted, action)
        pick = query("jobs_bulk_pick").format(matches=query("jobs_matches"))
        changed, after, more = 0, -(2**63), True
        deadline = time.monotonic() + _BULK_S
        while more and changed < BULK_LIMIT and time.monotonic() < deadline:
            async with self._database.connection() as connection, connection.transaction():
                rows = await (
                    await connection.execute(
                        pick, parameters | {"after": after, "batch": BATCH}, prepare=False
                    )
                ).fetchall()
                ids = [row[0] for row in rows]
                if ids:
                    written = await connection.execute(query(f"jobs_{action}"), parameters | {"ids": ids})
                    changed += written.rowcount
                    after = ids[-1]
            more = len(ids) == BATCH
        return BulkResult(matched=max(matched, changed), changed=changed, more=more)

    async def _count(self, wanted: JobFilter, action: Action) -> int:
        statement = query("jobs_bulk_count").format(matches=query("jobs_matches"))
        parameters = _bulk_parameters(wanted, action) | {"at_most": COUNT_LIMIT}
        async with self._database.connection() as connection:
            row = await (await connection.execute(statement, parameters, prepare=False)).fetchone()
        assert row is not None  # noqa: S101 - an aggregate has one row
        return int(row[0])

    async def _card(self, job_id: int) -> Card:
        card, _ = await self._jobs.get(BUILTIN_SOURCE, job_id)
        return card


async def _lock(connection: Connection, job_id: int, version: int | None) -> Status:
    row = await (await connection.execute(query("jobs_lock"), {"id": job_id})).fetchone()
    if row is None:
        raise JobNotFound(f"There is no job {job_id} in {BUILTIN_SOURCE}.")
    if version is not None:
        statement = query("jobs_version_of").format(version=fragments()["version"])
        found = await (await connection.execute(statement, {"id": job_id})).fetchone()
        assert found is not None  # noqa: S101 - a SELECT from one row
        if found[0] != version:
            raise VersionMismatch(
                f"Job {job_id} is at version {found[0]}, not {version}: look at it again before changing it."
            )
    return Status(row[0])


def _bulk_parameters(wanted: JobFilter, action: Action) -> dict[str, object]:
    return wanted.parameters() | {"allowed": [status.value for status in ALLOWED[action]]}


def _why_not(job_id: int, action: Action, status: Status) -> str:
    allowed = ", ".join(ALLOWED[action])
    if action is Action.DELETE:
        return f"Job {job_id} is in progress: cancel it before you delete it."
    return f"Job {job_id} is {status}; only a job that is {allowed} can be {_PARTICIPLE[action]}."


_PARTICIPLE: Final = {
    Action.RETRY: "retried",
    Action.CANCEL: "cancelled",
    Action.PAUSE: "paused",
    Action.RESUME: "resumed",
    Action.DELETE: "deleted",
}


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
