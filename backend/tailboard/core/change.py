"""A change: one captured row change, a fact from `tailboard.changes`."""

from datetime import datetime
from enum import StrEnum

import msgspec


class Op(StrEnum):
    """What happened to the row."""

    INSERT = "I"
    UPDATE = "U"
    DELETE = "D"
    RESET = "T"
    """The source was truncated, or otherwise changed in a way that row changes do not describe."""


class Facets(msgspec.Struct, frozen=True, gc=False):
    """The fields of a card that filters and folds look at; everything else passes through as bytes."""

    id: int | str | None = None
    queue: str | None = None
    kind: str | None = None
    worker: str | None = None
    tags: tuple[str, ...] = ()
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


class Was(msgspec.Struct, frozen=True, gc=False):
    """The former values of facets that this change altered; a facet that is UNSET did not change."""

    queue: str | msgspec.UnsetType | None = msgspec.UNSET
    kind: str | msgspec.UnsetType | None = msgspec.UNSET
    worker: str | msgspec.UnsetType | None = msgspec.UNSET
    tags: tuple[str, ...] | msgspec.UnsetType | None = msgspec.UNSET


class Change(msgspec.Struct, frozen=True, gc=False):
    """One row of the log.

    `seq` orders the changes of one job and serves as its version; it does not order commits.
    `card` is the canonical job as JSON text, exactly as PostgreSQL wrote it (the job as it ended for a DELETE,
    the counts or None for a reset); it is never parsed and written again, but where it nests too deep to be parsed
    by its readers. A DELETE has a `new_status` where deleting a row means in this source that its job ended so.

    `due` and `old_due` are those of a job that only time makes pending, after and before the change: whole
    seconds since 1970, rounded up. What the statuses say of such a job was true when it was captured.
    """

    seq: int
    at: datetime
    source: str
    job_id: str
    op: Op
    old_status: str | None
    new_status: str | None
    card: bytes | None
    facets: Facets
    was: Was | None = None
    due: int | None = None
    old_due: int | None = None

    @property
    def deleted(self) -> bool:
        """Whether the row is gone, however its job ended."""
        return self.op is Op.DELETE
