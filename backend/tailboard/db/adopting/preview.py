"""Looking before attaching: what is in the table, how it would be shown, what attaching makes and what it costs.

Everything happens in one transaction that is rolled back. It never locks the table against its writers.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import perf_counter
from typing import Any, Final

import msgspec
from psycopg import Connection, errors
from psycopg.pq import ExecStatus
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from tailboard.core.job import STATUSES
from tailboard.db.adopting.described import Described
from tailboard.db.adopting.describing import columns_read, describe
from tailboard.db.adopting.generating import TRIGGER
from tailboard.db.adopting.installing import install, refuse_attached
from tailboard.db.adopting.refusals import judged
from tailboard.db.adopting.table import become_keeper
from tailboard.db.errors import translated
from tailboard.db.expressions import parenthesized
from tailboard.db.queries import query
from tailboard.errors import InvalidSource
from tailboard.sources.source import ROW, Source, StatusColumn

_PATIENCE_S: Final = 30
"""How long one look at the whole table may take before a part of it has to do."""
_PART: Final = 100_000
_SHOWN: Final = 200
_COPIED: Final = 500
_ROUNDS: Final = 5


class Found(msgspec.Struct, frozen=True):
    """A status as the owner writes it, what it means, and how many rows have it."""

    value: str | None
    status: str
    rows: int


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What attaching a source would do. `rows` and `statuses` are of the first 100,000 rows where `sampled`."""

    name: str
    table: str
    rows: int
    bytes: int
    sampled: bool
    statuses: list[Found]
    creates: list[str]
    cost_us: float | None
    """What the capture adds to one write, in microseconds; None where there was no row to measure with."""
    actions: list[str]
    note: str | None
    detached_by: str | None
    """Who owns the table, where this session may not do as much: only that role's members can detach it again."""
    ids_proven: bool
    """Whether every id is known to be unique; False where the table was too large to look."""
    ids_kept: bool
    """Whether an index, or that they are UUIDs, keeps ids unique in what is yet to be written."""


def preview(connection: Connection[Any], source: Source, *, measure: bool = True) -> Preview:
    """Look at what attaching would do. Raises InvalidSource and AttachRefused; changes nothing."""
    with translated(), connection.transaction(force_rollback=True):
        refuse_attached(connection, source)
        described = describe(connection, source)
        install(connection, described)
        become_keeper(connection, described.table.keeper)
        statuses, sampled = _statuses(connection, described)
        _refuse_stray(described, statuses, _labels(connection, described))
        _evaluate(connection, source)
        _refuse_meaningless(connection, described)
        _prepare_actions(connection, source)
        proven, kept = _identify(connection, described)
        return Preview(
            name=source.name,
            table=str(source.table),
            rows=sum(found.rows for found in statuses),
            bytes=described.table.bytes,
            sampled=sampled,
            statuses=statuses,
            creates=_creates(source),
            cost_us=_cost(connection, described) if measure else None,
            actions=[action.value for action in source.actions],
            note=source.attach_note,
            detached_by=None if described.table.is_owner else described.table.owner,
            ids_proven=proven,
            ids_kept=kept,
        )


def _statuses(connection: Connection[Any], described: Described) -> tuple[list[Found], bool]:
    source = described.source
    text = source.status.column if isinstance(source.status, StatusColumn) else source.status
    whole: Composable = Identifier(*source.table)
    part = SQL("(SELECT * FROM {} LIMIT {})").format(whole, Literal(_PART))
    for rows, sampled in ((whole, False), (part, True)):
        statement = query("adopting_statuses").format(
            status=parenthesized(text), rows=rows, job=Identifier(ROW), shown=Literal(_SHOWN)
        )
        with suppress(errors.QueryCanceled), judged(source, "status"), _bounded(connection):
            counted = connection.execute(statement).fetchall()
            return [Found(value, _meaning(source, value), rows) for value, rows in counted], sampled
    return [], True


def _meaning(source: Source, value: str | None) -> str:
    """What a value is shown as; empty where nothing maps it."""
    if value is None:
        return ""
    if isinstance(source.status, StatusColumn):
        return source.status.map.get(value, "")
    return value if value in STATUSES else ""


def _labels(connection: Connection[Any], described: Described) -> list[str]:
    """Every value that the owner's enum allows; nothing where the status is no enum."""
    if not isinstance(described.source.status, StatusColumn):
        return []
    found = connection.execute(query("adopting_enum"), {"type": described.types["status"].name})
    return [label for (label,) in found.fetchall()]


def _refuse_stray(described: Described, statuses: list[Found], labels: list[str]) -> None:
    source = described.source
    stray = [f"{_quoted(found.value)} ({_rows(found.rows)})" for found in statuses if not found.status]
    held = {found.value for found in statuses}
    stray += [
        f"{label!r} (no row, but its type allows it)"
        for label in labels
        if label not in held and not _meaning(source, label)
    ]
    if not stray:
        return
    if isinstance(source.status, StatusColumn):
        advice = f"add each to the map, as one of {', '.join(STATUSES)}"
        if None in held:
            word = f"column = \"coalesce({source.status.column}::text, 'none')\""
            advice += f"; NULL has no place in a map, so give it a word, such as {word}"
    else:
        advice = f"the expression has to give one of {', '.join(STATUSES)} for every row"
    raise InvalidSource(f"[sources.{source.name}] status: nothing maps {', '.join(stray)}: {advice}.")


def _rows(n: int) -> str:
    return "1 row" if n == 1 else f"{n} rows"


def _quoted(value: str | None) -> str:
    return "NULL" if value is None else repr(value)


def _evaluate(connection: Connection[Any], source: Source) -> None:
    """Read some rows whole: an expression may fit its types and still fail on a value."""
    function = Identifier("tailboard", f"source_{source.name}")
    with judged(source, "reading the first rows"), _bounded(connection):
        connection.execute(query("adopting_try").format(function=function))


def _refuse_meaningless(connection: Connection[Any], described: Described) -> None:
    """Refuse what a deletion cannot mean."""
    source = described.source
    if "deleted" not in described.types:
        return
    statement = query("adopting_meanings").format(
        meaning=parenthesized(source.deleted), rows=Identifier(*source.table), job=Identifier(ROW)
    )
    with judged(source, "deleted"), _bounded(connection):
        found = connection.execute(statement, {"statuses": list(STATUSES)}).fetchone()
    if found is not None:
        raise InvalidSource(
            f"[sources.{source.name}] deleted gives {_quoted(found[0])}, which is no status: "
            f"there are {', '.join(STATUSES)}, and NULL for what is only gone."
        )


def _prepare_actions(connection: Connection[Any], source: Source) -> None:
    """Have PostgreSQL read each action without running it; CALL too, which the statement PREPARE does not take."""
    for action, statement in source.actions.items():
        try:
            with judged(source, f"actions {action}"), connection.transaction():
                result = connection.pgconn.prepare(b"", statement.encode())
                if result.status == ExecStatus.FATAL_ERROR:
                    raise errors.error_from_result(result, "utf-8")
        except InvalidSource as error:
            raise InvalidSource(
                f"{error} Correct the action or leave it out, of a preset in a copy."
            ) from error


def _identify(connection: Connection[Any], described: Described) -> tuple[bool, bool]:
    """Refuse ids that name several rows, or none. Whether every id is known to be unique, and whether it stays so."""
    source, table = described.source, described.table
    where = f"[sources.{source.name}] id"
    columns = columns_read(connection, source, table, [source.id])
    row = connection.execute(
        query("adopting_unique"), {"table": table.oid, "columns": list(columns)}
    ).fetchone()
    if row is not None and columns == (source.id.strip('"'),):
        return True, True
    kept = row is not None or described.types["id"].base == "uuid"
    statement = query("adopting_ids").format(
        id=parenthesized(source.id), rows=Identifier(*source.table), job=Identifier(ROW)
    )
    try:
        with judged(source, "id"), _bounded(connection):
            found = connection.execute(statement).fetchone()
    except errors.QueryCanceled:
        return False, kept
    if found is None:
        return True, kept
    value, rows = found
    if value is None:
        raise InvalidSource(f"{where} is NULL in {_rows(rows)}: choose what every row has.")
    raise InvalidSource(
        f"{where} is ambiguous: {rows} rows have {value}. Choose a unique column, or join several: a || '/' || b."
    )


def _creates(source: Source) -> list[str]:
    deferred = ", deferred to the commit" if source.remembers else ""
    made = [
        f"trigger tailboard_watch on {source.table}{deferred}",
        f"trigger tailboard_emptied on {source.table}",
    ]
    for follow in source.follows:
        made += [
            f"trigger tailboard_follow on {follow.table}, deferred to the commit",
            f"trigger tailboard_emptied on {follow.table}",
        ]
    return [*made, f'in the schema tailboard: what belongs to "{source.name}"']


def _cost(connection: Connection[Any], described: Described) -> float | None:
    """Microseconds that the capture adds to one write, measured on a copy of a few rows."""
    if described.source.remembers:
        return None
    table = Identifier(*described.source.table)
    copy, target = (Identifier("tailboard", f"preview_{which}") for which in ("rows", "target"))
    # As many rows as that also where the table has few: a handful of writes is too quick to be timed.
    connection.execute(
        SQL(
            "CREATE TABLE {copy} AS WITH few AS MATERIALIZED (SELECT * FROM {table} LIMIT {n}) SELECT few.* FROM few"
            " CROSS JOIN generate_series(1, (SELECT {n} / greatest(count(*), 1) FROM few))"
        ).format(copy=copy, table=table, n=Literal(_COPIED))
    )
    connection.execute(SQL("CREATE TABLE {} (LIKE {})").format(target, copy))
    write = SQL("INSERT INTO {} SELECT * FROM {}").format(target, copy)
    bare, rows = _fastest(connection, write)
    connection.execute(
        SQL("CREATE TRIGGER {} AFTER INSERT ON {} FOR EACH ROW EXECUTE FUNCTION {}()").format(
            TRIGGER, target, Identifier("tailboard", f"watch_{described.source.name}")
        )
    )
    captured, _ = _fastest(connection, write)
    return round(max(captured - bare, 0.0) / rows * 1e6, 1) if rows else None


def _fastest(connection: Connection[Any], statement: Composed) -> tuple[float, int]:
    seconds, rows = float("inf"), 0
    for _ in range(_ROUNDS):
        began = perf_counter()
        rows = connection.execute(statement).rowcount
        seconds = min(seconds, perf_counter() - began)
    return seconds, rows


@contextmanager
def _bounded(connection: Connection[Any]) -> Iterator[None]:
    """A savepoint in which every statement is cut off after a while."""
    with connection.transaction():
        connection.execute("SELECT set_config('statement_timeout', %s, true)", [f"{_PATIENCE_S}s"])
        yield
        connection.execute("SELECT set_config('statement_timeout', '0', true)")
