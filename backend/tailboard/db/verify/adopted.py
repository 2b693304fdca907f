"""Adopted sources in the proof: their counts beside the stats, and each job beside what the log told last of it."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import Connection
from psycopg.sql import SQL, Identifier, Literal

from tailboard.core.job import BUILTIN_SOURCE, Status, lasting
from tailboard.core.stats import Stats
from tailboard.db.errors import required
from tailboard.db.queries import query
from tailboard.db.verify.report import Progress, Report

_PAGE: Final = 5_000
_WITHIN_S: Final = 600.0
"""How long one source may take: an owner's expression can be a query of its own for every row."""

Counts = Counter[tuple[str, str]]


class Folded(NamedTuple):
    """What the stats say of a source: jobs by queue and status. What is scheduled and what is pending are one."""

    name: str
    counts: Counts

    @property
    def total(self) -> int:
        return self.counts.total()


class _Kind(NamedTuple):
    """Whether a source remembers what the log told last, and whether it asks what no row tells."""

    remembers: bool
    polls: bool

    def lasting(self, status: str) -> str:
        """The status, where what is not for the log to say is pending: what time decides, and which job a lock that
        nobody has asked for yet shows at work.
        """
        return Status.PENDING if self.polls and status == Status.IN_PROGRESS else lasting(status)


def adopted_counts(stats: Stats) -> list[Folded]:
    """What the stats say of each adopted source that has been counted."""
    folded = {name: Counts() for name in stats.counted() if name != BUILTIN_SOURCE}
    for tally in stats.tallies():
        if tally.source in folded:
            folded[tally.source][tally.queue, lasting(tally.status)] += tally.n
    return [Folded(name, counts) for name, counts in folded.items()]


def compare_adopted(
    connection: Connection, source: Folded, report: Report, progress: Progress, *, complete: bool
) -> None:
    """Compare a source with its table. `complete` says that the log still has its beginning.

    The owner's rows are read once for the counts and once for the jobs.
    """
    asked = query("verify_adopted_kind")
    kind = _Kind(*required(connection.execute(asked, {"source": source.name}).fetchone(), asked))
    with _reported(connection, report, "stats", source.name):
        _compare_counts(connection, source, report, kind)
    with _reported(connection, report, "jobs", source.name):
        _compare_jobs(connection, source, report, progress, kind, complete=complete)


@contextmanager
def _reported(connection: Connection, report: Report, check: str, name: str) -> Iterator[None]:
    """What keeps a table from being read is a difference too, and the others are compared all the same."""
    try:
        with connection.transaction():
            yield
    except psycopg.errors.QueryCanceled:
        report.add(check, name, f"its table could not be compared within {_WITHIN_S:g} s")
    except psycopg.Error as error:
        report.add(check, name, f"its table cannot be compared: {error.diag.message_primary or error}")


def _compare_counts(connection: Connection, source: Folded, report: Report, kind: _Kind) -> None:
    told, counted = Counts(), Counts()
    for (queue, status), n in source.counts.items():
        told[queue, kind.lasting(status)] += n
    statement = query("baseline_count").format(source=_rows_of(source.name))
    for queue, status, _, n in _within(connection, f"count_{source.name}", statement):
        counted[queue, kind.lasting(status)] += n
    for key in sorted(counted.keys() | told.keys()):
        if counted[key] != told[key]:
            report.add(
                "stats",
                f"{source.name}, {key[0]}, {key[1]}",
                f"the stats say {told[key]}, the table has {counted[key]}",
            )


def _compare_jobs(
    connection: Connection, source: Folded, report: Report, progress: Progress, kind: _Kind, *, complete: bool
) -> None:
    known = query("verify_adopted_remembered" if kind.remembers else "verify_adopted_logged").format(
        name=Literal(source.name), complete=Literal(complete)
    )
    statement = query("verify_adopted").format(
        known=known,
        card_difference=query("verify_card_difference"),
        rows=_rows_of(source.name),
        remembers=Literal(kind.remembers),
        waiting=Literal([status.value for status in Status if kind.lasting(status) == Status.PENDING]),
    )
    done = 0
    for job_id, is_known, difference in _within(connection, f"jobs_{source.name}", statement):
        done += 1
        if difference is not None:
            report.add("jobs", f"{source.name}/{job_id}", difference)
        if is_known:
            report.adopted += 1
        else:
            report.only_counted += 1
        if done % _PAGE == 0:
            progress.done(_PAGE)
    progress.done(done % _PAGE)


def _within(connection: Connection, name: str, statement: Any) -> Iterator[tuple[Any, ...]]:
    """The rows of a query, a page at a time from a server-side cursor. Raises QueryCanceled when the time is over."""
    until = time.monotonic() + _WITHIN_S
    connection.execute(SQL("SET LOCAL statement_timeout = {}").format(round(_WITHIN_S * 1000)))
    with connection.cursor(name) as cursor:
        cursor.itersize = _PAGE
        cursor.execute(statement, {})
        for n, row in enumerate(cursor):
            if n % _PAGE == 0 and time.monotonic() > until:
                raise psycopg.errors.QueryCanceled
            yield row
    connection.execute("SET LOCAL statement_timeout = 0")


def _rows_of(name: str) -> Any:
    return SQL("{}()").format(Identifier("tailboard", f"source_{name}"))
