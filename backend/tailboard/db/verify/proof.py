"""Prove the log: fold it, and compare what comes out with the table, the ticks and the stats.

Everything is read in one REPEATABLE READ snapshot, in which the table, the sealed log, its unsealed remainder
and the checkpoint are of one moment; so the answer is exact also while workers write. Memory stays flat: the
long results come through server-side cursors.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from psycopg import Connection
from psycopg.sql import Composed

from tailboard.core.change import Change, Facets, Op, Was
from tailboard.core.classify import classify
from tailboard.core.cursor import Cursor
from tailboard.core.event import Event
from tailboard.core.job import BUILTIN_SOURCE
from tailboard.core.projections import Saved
from tailboard.core.stats import Stats, Tally
from tailboard.db.errors import required, translated
from tailboard.db.queries import query
from tailboard.db.session import connect
from tailboard.db.verify.adopted import adopted_counts, compare_adopted
from tailboard.db.verify.report import Progress, Report
from tailboard.errors import DatabaseUnavailable

_PAGE: Final = 5_000
_NO_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)


class _Place(msgspec.Struct, frozen=True):
    cursor: str
    complete: bool
    resets: list[int]
    jobs: int
    changes: int


def verify(url: str, tell: Callable[[int, int], None] = lambda _done, _total: None) -> Report:
    """Compare the log with the tables and the stats. Raises SchemaMissing and DatabaseUnavailable.

    `tell` is told how many jobs have been looked at, of how many there are at least.
    """
    with translated(), _snapshot(url) as connection:
        row = _one(connection, "verify_place")
        if row[0] is None:
            raise DatabaseUnavailable("The log is not open yet: start `tailboard up` or `serve` first.")
        place = _Place(*row)
        report = Report(cursor=place.cursor, jobs=place.jobs, changes=place.changes)
        _compare_ticks(connection, place, report)
        stats = _stats(connection, place, report)
        adopted = [] if stats is None else adopted_counts(stats)
        progress = Progress(tell, place.jobs + sum(each.total for each in adopted))
        if stats is not None:
            _compare_stats(connection, stats, report)
        _compare_jobs(connection, place, report, progress)
        for source in adopted:
            compare_adopted(connection, source, report, progress, complete=place.complete)
        progress.finish()
    return report


@contextmanager
def _snapshot(url: str) -> Iterator[Connection]:
    with connect(url, "verify") as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield connection


def _compare_ticks(connection: Connection, place: _Place, report: Report) -> None:
    """Positions are dense, and every change is in one tick or waits for the next."""
    for tick_id, difference in _rows(connection, "verify_ticks"):
        report.add("ticks", f"tick {tick_id}", difference)
    named, found, report.unsealed, stranded = _one(connection, "verify_sealed", complete=place.complete)
    if named != found:
        report.add("ticks", "all ticks", f"they name {named} changes, of which the log has {found}")
    for seq in stranded or ():
        report.add("ticks", f"change {seq}", "no tick names it, and none will: readers never see it")


def _stats(connection: Connection, place: _Place, report: Report) -> Stats | None:
    """The stats' own fold, from its newest checkpoint to this moment."""
    row = connection.execute(query("log_load_checkpoint")).fetchone()
    if row is None:
        report.add("stats", "checkpoint", "there is none: no server has run on this database for long enough")
        return None
    stats, _ = msgspec.json.decode(row[2], type=Saved, strict=False).folds()
    for op, source, old, new, queue, moved, former, due, old_due, counts in _rows(
        connection, "verify_fold", position=row[1], complete=place.complete
    ):
        kind = Op(op.decode() if isinstance(op, bytes) else op)
        change = Change(
            seq=0,
            at=_NO_TIME,
            source=source,
            job_id="",
            op=kind,
            old_status=old,
            new_status=new,
            card=None if counts is None else counts.encode(),
            facets=Facets(queue=queue),
            was=Was(queue=former) if moved else None,
            due=due,
            old_due=old_due,
        )
        stats.apply(Event(Cursor(1, 0), classify(kind, old, new), change))
    return stats


def _compare_stats(connection: Connection, stats: Stats, report: Report) -> None:
    """The fold gives what the table holds."""
    counted = {(source, queue, status): n for source, queue, status, n in _rows(connection, "log_count")}
    folded = {(tally.source, tally.queue, tally.status): tally.n for tally in _of_jobs(stats)}
    for key in sorted(counted.keys() | folded.keys()):
        if counted.get(key, 0) != folded.get(key, 0):
            report.add(
                "stats",
                f"{key[1]}, {key[2]}",
                f"the stats say {folded.get(key, 0)}, the table has {counted.get(key, 0)}",
            )


def _compare_jobs(connection: Connection, place: _Place, report: Report, progress: Progress) -> None:
    """Each job's changes follow from one another, and the last one is the row."""
    done = 0
    statement = query("verify_jobs").format(card_difference=query("verify_card_difference"))
    for job_id, difference in _rows(connection, statement, complete=place.complete, resets=place.resets):
        done += 1
        if difference is not None:
            report.add("jobs", f"job {job_id}", difference)
        if done % _PAGE == 0:
            progress.done(_PAGE)
    for (job_id,) in _rows(connection, "verify_unknown"):
        if place.complete:
            report.add("jobs", f"job {job_id}", "the table has it, the log does not know it")
        else:
            report.unknown += 1
    progress.done(done % _PAGE)


def _of_jobs(stats: Stats) -> list[Tally]:
    return [tally for tally in stats.tallies() if tally.source == BUILTIN_SOURCE]


def _one(connection: Connection, name: str, **parameters: object) -> tuple[Any, ...]:
    asked = query(name)
    return required(connection.execute(asked, parameters).fetchone(), asked)


def _rows(
    connection: Connection, statement: str | Composed, **parameters: object
) -> Iterator[tuple[Any, ...]]:
    """The rows of a query, named or composed, a page at a time from a server-side cursor."""
    with connection.cursor("verify") as cursor:
        cursor.itersize = _PAGE
        cursor.execute(query(statement) if isinstance(statement, str) else statement, parameters)
        yield from cursor
