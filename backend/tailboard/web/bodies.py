"""What clients send: JSON bodies, decoded and checked field by field.

A body is read here and not by Litestar, so that a payload stays the bytes that it was.
"""

from datetime import datetime
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from tailboard.core.action import Action
from tailboard.core.filter import MAX_VALUE_LENGTH
from tailboard.core.job import JobName, Status
from tailboard.db.jobs.actions import NewJob
from tailboard.db.jobs.page import JobFilter
from tailboard.errors import InvalidInput, MalformedJson
from tailboard.web.checks import JOB_NAME, NO_NUL, in_words

MAX_VALUES: Final = 50
MAX_JOB_NAME: Final = 600

Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=NO_NUL)]
Value = Annotated[str, Meta(max_length=MAX_VALUE_LENGTH, pattern=NO_NUL)]
Text = Annotated[str, Meta(max_length=10_000, pattern=NO_NUL)]
Int4 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
NameOfJob = Annotated[str, Meta(max_length=MAX_JOB_NAME, pattern=JOB_NAME)]
Values = Annotated[list[Value], Meta(max_length=MAX_VALUES)]
Tags = Annotated[list[Name], Meta(max_length=100)]
Instant = Annotated[datetime, Meta(tz=True)]
"""With its offset from UTC: a time that every reader has to guess about is none."""


class Phase(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One step of a job."""

    name: Name
    status: Text | None = None
    progress: Annotated[float, Meta(ge=0, le=1)] | None = None
    started_at: Instant | None = None
    finished_at: Instant | None = None
    message: Text | None = None


class Enqueue(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A job for the built-in source. With `scheduled_at` ahead it waits as `scheduled`."""

    kind: Name
    queue: Name = "default"
    priority: Int4 = 0
    max_attempts: Annotated[int, Meta(ge=1, le=2**31 - 1)] = 3
    tags: Tags = []
    payload: Raw | UnsetType = UNSET
    scheduled_at: Instant | None = None

    def new_job(self) -> NewJob:
        payload = b"" if self.payload is UNSET else bytes(self.payload)
        return NewJob(
            kind=self.kind,
            queue=self.queue,
            priority=self.priority,
            max_attempts=self.max_attempts,
            tags=tuple(self.tags),
            payload=payload if payload not in {b"", b"null"} else None,
            scheduled_at=self.scheduled_at,
        )


class ChangeJob(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """New values for some fields of a job; what is not named stays."""

    queue: Name | UnsetType = UNSET
    kind: Name | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    priority: Int4 | UnsetType = UNSET
    max_attempts: Annotated[int, Meta(ge=1, le=2**31 - 1)] | UnsetType = UNSET
    progress: Annotated[float, Meta(ge=0, le=1)] | UnsetType | None = UNSET
    phase: Text | UnsetType | None = UNSET
    phases: Annotated[list[Phase], Meta(max_length=1000)] | UnsetType = UNSET
    worker: Name | UnsetType | None = UNSET
    error: Text | UnsetType | None = UNSET
    tags: Tags | UnsetType = UNSET
    scheduled_at: Instant | UnsetType | None = UNSET
    payload: Raw | UnsetType = UNSET
    result: Raw | UnsetType = UNSET

    def changes(self) -> bytes:
        """The fields that were named, as a JSON object. Raises InvalidInput where there is none."""
        named = {
            name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not UNSET
        }
        if not named:
            raise InvalidInput(f"Name at least one field to change: {', '.join(self.__struct_fields__)}.")
        return msgspec.json.encode(named)


class BulkFilter(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The filter of a list. An empty one is every job."""

    source: Values = []
    queue: Values = []
    kind: Values = []
    status: Annotated[list[Status], Meta(max_length=MAX_VALUES)] = []
    worker: Values = []
    tags: Values = []
    job: Annotated[list[NameOfJob], Meta(max_length=500)] = []
    q: Annotated[str, Meta(max_length=200, pattern=NO_NUL)] = ""

    def job_filter(self) -> JobFilter:
        return JobFilter(
            sources=tuple(self.source),
            queues=tuple(self.queue),
            kinds=tuple(self.kind),
            statuses=tuple([status.value for status in self.status]),
            workers=tuple(self.worker),
            tags=tuple(self.tags),
            jobs=job_names(self.job),
        )


class Bulk(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One action over all jobs that match. With `dry_run` they are only counted."""

    action: Action
    filter: BulkFilter
    dry_run: bool = False


Body = TypeVar("Body")

BODIES: Final[tuple[type, ...]] = (Enqueue, ChangeJob, Bulk)


def read_body(body: bytes, kind: type[Body]) -> Body:
    """Decode a JSON body. Raises InvalidInput that names the place."""
    try:
        body.decode()  # a Raw field is not looked into, and PostgreSQL takes nothing but UTF-8
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"The body cannot be used: {in_words(str(error))}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedJson(f"The body is not valid JSON: {error}.") from error


def job_names(texts: list[str] | None) -> tuple[JobName, ...] | None:
    """The jobs that `source/id` texts name; None, which is all, where there is none."""
    return tuple([JobName.parse(text) for text in texts]) if texts else None
