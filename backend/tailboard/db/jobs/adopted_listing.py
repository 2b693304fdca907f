"""Lists of an adopted source: pages of keys in its own order, or over a window of its newest jobs; then the cards.

Ids are looked up first and their jobs second, so that a sort of the owner's rows never carries their payloads.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from psycopg.sql import SQL, Composable, Identifier

from tailboard.core.job import JobName
from tailboard.core.nesting import shallow
from tailboard.db.jobs.adopted import Adopted, bounded
from tailboard.db.jobs.listing import time_rank
from tailboard.db.jobs.page import START, WINDOW, Card, JobFilter, Place, Reader, Row, SourcePage, Wanted
from tailboard.db.queries import query
from tailboard.errors import SourceFailing

Known = tuple[Card, str | None]
"""A job, and when the log last heard of it."""

_NAMED: Final = 3
"""So many of the jobs that cannot be read are named."""
_NEWEST: Final = {"beyond": SQL("<"), "direction": SQL("DESC")}
_OLDEST: Final = {"beyond": SQL(">"), "direction": SQL("ASC")}


async def read_page(
    reader: Reader, source: Adopted, wanted: Wanted, place: Place, within_s: float
) -> SourcePage:
    """A page of an adopted source from a place on. Raises SourceFailing."""
    async with bounded(reader.connection, source, within_s=within_s):
        if wanted.text is None and wanted.sort in {"newest", "oldest"}:
            found, more = await _in_order(reader, source, wanted, place)
            complete = True
        else:
            found, more, complete = await _in_window(reader, source, wanted, place)
    known, odd = await _readable(reader, source, [str(place.id) for place in found], within_s)
    rows = [Row(*known[str(place.id)], place) for place in found if str(place.id) in known]
    return SourcePage(
        rows=tuple(rows),
        after=found[-1] if more else None,
        complete=complete,
        failing=_missing(source, odd) if odd else None,
    )


async def _readable(
    reader: Reader, source: Adopted, ids: Sequence[str], within_s: float
) -> tuple[dict[str, Known], dict[str, SourceFailing]]:
    """The jobs by id, and those for which an expression of the source fails: it fails for all that are read with them,
    so these are looked for by halves. Raises SourceFailing where that takes too long, or something else is wrong.
    """
    known: dict[str, Known] = {}
    odd: dict[str, SourceFailing] = {}
    until = time.monotonic() + within_s
    parts = [ids] if ids else []
    while parts:
        part = parts.pop()
        try:
            async with bounded(reader.connection, source, within_s=until - time.monotonic(), seqscan=False):
                known |= await _cards(reader, source, part)
        except SourceFailing as error:
            if error.code != "source_broken" or time.monotonic() > until:
                raise
            if len(part) == 1:
                odd[part[0]] = error
            else:
                half = len(part) // 2
                parts += [part[half:], part[:half]]
    return known, odd


def _missing(source: Adopted, odd: Mapping[str, SourceFailing]) -> SourceFailing:
    names = [f"{source.name}/{job_id}" for job_id in odd]
    first = next(iter(odd.values())).__cause__
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return SourceFailing(
        source.name,
        "source_broken",
        f"{', '.join(names[:_NAMED])}{more} cannot be read as attached: {first}. Correct the definition or the data.",
    )


async def _cards(reader: Reader, source: Adopted, ids: Sequence[str]) -> dict[str, Known]:
    statement = query("adopted_cards").format(source=source.rows, ids=named(source), card=card(source))
    await reader.execute(statement, {"ids": list(ids), "name": source.name}, prepare=False)
    return {
        row[0]: (Card(JobName(source.name, row[0]), shallow(row[1]), row[2]), row[3])
        for row in await reader.fetchall()
    }


async def get(reader: Reader, source: Adopted, job_id: str) -> Card | None:
    """One job whole. Raises SourceFailing."""
    if source.id_of(job_id) is None:
        return None
    statement = query("adopted_get").format(source=source.rows, ids=named(source), card=card(source))
    async with bounded(reader.connection, source, seqscan=False):
        await reader.execute(statement, {"ids": [job_id], "name": source.name}, prepare=False)
        row = await reader.fetchone()
    return None if row is None else Card(JobName(source.name, job_id), row[0], row[1])


async def places(reader: Reader, source: Adopted, wanted: Wanted, place: Place) -> tuple[list[Place], bool]:
    """Where the next jobs are, in the source's own order, and whether there are more. Raises SourceFailing."""
    async with bounded(reader.connection, source):
        return await _in_order(reader, source, wanted, place)


async def running(
    reader: Reader, source: Adopted, wanted: JobFilter, at_most: int, within_s: float
) -> list[tuple[str, Card]]:
    """Jobs that match and name their worker, each with that name, in no order. Raises SourceFailing."""
    selected = source.select(wanted)
    statement = query("adopted_running").format(source=selected.rows, matches=selected.matches)
    async with bounded(reader.connection, source, within_s=within_s):
        await reader.execute(statement, selected.parameters | {"limit": at_most}, prepare=False)
        workers: dict[str, str] = dict(await reader.fetchall())
    found, _ = await _readable(reader, source, list(workers), within_s)
    return [(workers[job_id], card) for job_id, (card, _) in found.items()]


async def count(reader: Reader, source: Adopted, wanted: JobFilter, at_most: int, within_s: float) -> int:
    """How many jobs match, counted up to `at_most`. Raises SourceFailing."""
    selected = source.select(wanted)
    statement = query("adopted_count").format(source=selected.rows, matches=selected.matches)
    async with bounded(reader.connection, source, within_s=within_s):
        await reader.execute(statement, selected.parameters | {"at_most": at_most}, prepare=False)
        row = await reader.fetchone()
    return 0 if row is None else int(row[0])


def card(source: Adopted) -> Composable:
    """The fragment that makes a card of a row `j`."""
    # A number stays a number, and what is neither that nor text is shown as it is written.
    written = SQL("'{}'::jsonb") if source.numbered else SQL("jsonb_build_object('id', j.id::text)")
    return query("adopted_card").format(id=written)


def named(source: Adopted) -> Composable:
    """The condition that a row `j` is one of the jobs `ids`."""
    return SQL("j.{} = ANY ({})").format(source.id, source.cast("ids", many=True))


async def _in_order(
    reader: Reader, source: Adopted, wanted: Wanted, place: Place
) -> tuple[list[Place], bool]:
    """The places of the next jobs in the source's own order, and whether there are more."""
    order = _NEWEST if wanted.sort == "newest" else _OLDEST
    found: list[tuple[Any, ...]] = []
    for beyond in _stages(source, wanted, place):
        selected = source.select(wanted.filter)
        statement = query("adopted_keys").format(
            source=selected.rows,
            matches=selected.matches,
            beyond=beyond.format(
                id=SQL("s.{}").format(source.id), after=source.cast("after"), beyond=order["beyond"]
            ),
            at=SQL("to_jsonb(s.created_at) #>> '{}'") if source.by_creation else SQL("NULL"),
            order=_order(source, order["direction"]),
        )
        parameters = selected.parameters | {
            "after": place.id,
            "at": place.at,
            "limit": wanted.limit + 1 - len(found),
        }
        await reader.execute(statement, parameters, prepare=False)
        found.extend(await reader.fetchall())
        if len(found) > wanted.limit:
            break
    places = [Place(id=row[0], at=row[1]) for row in found[: wanted.limit]]
    return places, len(found) > wanted.limit


def _stages(source: Adopted, wanted: Wanted, place: Place) -> list[SQL]:
    """The conditions under which to look, one after the other, for what lies beyond a place.

    PostgreSQL puts jobs that do not say when they were created first among the newest and last among the
    oldest, and that is where an index on the column has them.
    """
    if place == START:
        return [SQL("true")]
    if not source.by_creation:
        return [SQL("{id} {beyond} {after}")]
    dated = SQL("(s.created_at, {id}) {beyond} (%(at)s::text::timestamptz, {after})")
    undated = SQL("s.created_at IS NULL AND {id} {beyond} {after}")
    if wanted.sort == "newest":
        return [dated] if place.at is not None else [undated, SQL("s.created_at IS NOT NULL")]
    return [dated, SQL("s.created_at IS NULL")] if place.at is not None else [undated]


def _order(source: Adopted, direction: Composable) -> Composable:
    by_id = SQL("s.{} {}").format(source.id, direction)
    return SQL("s.created_at {}, {}").format(direction, by_id) if source.by_creation else by_id


async def _in_window(
    reader: Reader, source: Adopted, wanted: Wanted, place: Place
) -> tuple[list[Place], bool, bool]:
    """The places of the next jobs, whether there are more, and whether the window held all there are."""
    selected = source.select(wanted.filter)
    exactly: Composable = SQL("false")
    if wanted.text is not None and source.id_of(wanted.text) is not None:
        exactly = SQL("s.{} = {}").format(source.id, source.cast("q"))
    statement = query("adopted_window").format(
        source=selected.rows,
        needed=_needed(source, wanted),
        matches=selected.matches,
        exactly=exactly,
        order=_order(source, SQL("DESC")),
        started=time_rank("s.started_at"),
        finished=time_rank("s.finished_at"),
        tie=SQL("s.id") if source.numbered else time_rank("s.created_at"),
    )
    parameters = selected.parameters | {
        "q": wanted.text,
        "sort": wanted.sort,
        "window": WINDOW,
        "rank": place.rank,
        "tie": place.tie,
        "id": place.id,
        "limit": wanted.limit + 1,
    }
    await reader.execute(statement, parameters, prepare=False)
    rows = await reader.fetchall()
    found = [Place(id=row[1], rank=row[2], tie=row[3]) for row in rows if row[1] is not None]
    return found[: wanted.limit], len(found) > wanted.limit, rows[0][0] < WINDOW


# An expression of the owner may be a query of its own for every row, so only what is looked at is asked for.
_SEARCHED: Final = {"kind": "text", "queue": "text", "worker": "text", "tags": "text[]", "error": "text"}
_SORTED: Final = {"priority": "bigint", "started_at": "timestamptz", "finished_at": "timestamptz"}


def _needed(source: Adopted, wanted: Wanted) -> Composable:
    """The columns that a window looks at; the others are NULL."""
    looked_at = set() if wanted.text is None else set(_SEARCHED)
    looked_at.add({"started": "started_at", "finished": "finished_at"}.get(wanted.sort, wanted.sort))
    if not source.numbered:
        looked_at.add("created_at")
    parts: list[Composable] = [SQL("s.id")]
    for column, kind in (_SEARCHED | _SORTED | {"created_at": "timestamptz"}).items():
        from_row = SQL("s.{}") if column in looked_at else SQL("NULL::" + kind + " AS {}")
        parts.append(from_row.format(Identifier(column)))
    return SQL(", ").join(parts)
