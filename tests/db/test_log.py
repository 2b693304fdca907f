"""Reading the log: pages of bounded size from any place, by index, and a clear answer to a place that is none."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from fixtures.database import AConnect, Connect
from log_rig import AConnection, everything, one, reading, recount, seal_all
from tailboard.core.change import Op
from tailboard.core.cursor import Cursor
from tailboard.core.event import EventKind
from tailboard.core.stats import Stats, Tally
from tailboard.db.digest import digest
from tailboard.db.log import Log, follow
from tailboard.db.pool import Database
from tailboard.db.queries import query
from tailboard.errors import CursorAhead, CursorExpired, DatabaseUnavailable, InvalidCursor, SchemaMissing

MANY = 50_000


@pytest.fixture
async def log(database_url: str) -> AsyncIterator[Log]:
    async with reading(database_url) as log:
        yield log


@pytest.fixture
async def writer(aconnect: AConnect) -> AConnection:
    return await aconnect()


async def enqueue(writer: AConnection, n: int) -> None:
    await writer.execute("INSERT INTO tailboard.jobs (kind) SELECT 'k' FROM generate_series(1, %s)", [n])


async def test_before_the_first_sealer_there_is_no_log_yet(log: Log) -> None:
    with pytest.raises(DatabaseUnavailable, match="not open yet: a server opens it"):
        await log.head()
    with pytest.raises(DatabaseUnavailable, match="not open yet: a server opens it"):
        await log.read(Cursor(1, 0), 10)


async def test_without_the_schema_it_says_what_to_do(empty_database_url: str) -> None:
    async with reading(empty_database_url) as log:
        with pytest.raises(SchemaMissing, match="tailboard migrate"):
            await log.head()


async def test_an_empty_log_ends_where_it_begins(log: Log, database_url: str) -> None:
    await seal_all(database_url)
    assert await log.head() == Cursor(1, 0)
    page = await log.read(Cursor(1, 0), 10)
    assert page.events == ()
    assert page.cursor == page.head.cursor == Cursor(1, 0)


@pytest.mark.parametrize("limit", [1, 7, 499, 500, 501, 5000])
async def test_pages_of_any_size_give_the_same_events(
    limit: int, log: Log, writer: AConnection, database_url: str
) -> None:
    """Ticks of one change, of some, and of several chunks."""
    for n in (1, 1, 30, 1200, 3):
        await enqueue(writer, n)
        await seal_all(database_url)
    start = Cursor(1, 0 if limit > 1 else 1200)
    events = await everything(log, start, limit)
    assert [each.cursor for each in events] == [Cursor(1, n) for n in range(start.position + 1, 1236)]
    assert [each.change.seq for each in events] == [each.cursor.position for each in events]


async def test_every_place_continues_with_the_event_after_it(
    log: Log, writer: AConnection, database_url: str
) -> None:
    for n in (1, 3, 2):
        await enqueue(writer, n)
        await seal_all(database_url)
    whole = await everything(log, Cursor(1, 0))
    for place in range(7):
        page = await log.read(Cursor(1, place), 2)
        assert list(page.events) == whole[place : place + 2]
        assert page.cursor == (page.events[-1].cursor if page.events else page.head.cursor)
        assert page.head.cursor == Cursor(1, 6)


async def test_far_behind_it_reads_in_pages_no_larger_than_asked_for(
    log: Log, writer: AConnection, database_url: str
) -> None:
    await enqueue(writer, MANY)
    await seal_all(database_url)
    after, seen, pages = Cursor(1, 0), 0, 0
    while True:
        page = await log.read(after, 2000)
        assert len(page.events) <= 2000
        seen, pages, after = seen + len(page.events), pages + 1, page.cursor
        if after == page.head.cursor:
            break
    assert (seen, pages) == (MANY, MANY // 2000)


async def test_an_event_tells_what_happened(log: Log, writer: AConnection, database_url: str) -> None:
    await writer.execute("INSERT INTO tailboard.jobs (kind, queue, tags) VALUES ('mail.send', 'a', '{x}')")
    await writer.execute("UPDATE tailboard.jobs SET status = 'in_progress', worker = 'w1'")
    await writer.execute("UPDATE tailboard.jobs SET queue = 'b', tags = '{x,y}'")
    await writer.execute("DELETE FROM tailboard.jobs")
    await writer.execute("TRUNCATE tailboard.jobs")
    await seal_all(database_url)
    created, started, moved, deleted, reset = await everything(log, Cursor(1, 0))
    assert [each.kind for each in (created, started, moved, deleted, reset)] == [
        EventKind.JOB_CREATED,
        EventKind.JOB_STARTED,
        EventKind.JOB_UPDATED,
        EventKind.JOB_DELETED,
        EventKind.SOURCE_RESET,
    ]
    assert created.change.op is Op.INSERT
    assert created.change.was is None
    assert created.change.facets.tags == ("x",)
    assert (started.change.old_status, started.change.new_status) == ("pending", "in_progress")
    assert started.change.was is not None
    assert started.change.was.worker is None
    assert moved.change.was is not None
    assert (moved.change.was.queue, moved.change.was.tags) == ("a", ("x",))
    assert (deleted.change.old_status, deleted.change.new_status) == ("in_progress", None)
    assert json.loads(deleted.change.card or b"")["queue"] == "b"
    assert reset.change.card is None


async def test_tags_are_told_as_texts_however_they_are_nested(
    log: Log, writer: AConnection, database_url: str
) -> None:
    await writer.execute("INSERT INTO tailboard.jobs (kind, tags) VALUES ('a', '{{a,b},{c,NULL}}')")
    await writer.execute("UPDATE tailboard.jobs SET priority = 1")
    await writer.execute("UPDATE tailboard.jobs SET tags = '{d,NULL}'")
    await seal_all(database_url)
    created, same, changed = await everything(log, Cursor(1, 0))
    assert created.change.facets.tags == ("a", "b", "c")
    assert same.change.was is None
    assert changed.change.facets.tags == ("d",)
    assert changed.change.was is not None
    assert changed.change.was.tags == ("a", "b", "c")


async def test_the_card_is_what_postgresql_wrote(log: Log, writer: AConnection, database_url: str) -> None:
    await writer.execute(
        "INSERT INTO tailboard.jobs (kind, payload) VALUES ('naïve ☃', %s)",
        ['{"a": "\\u0001 \\" ☃", "n": 1.0}'],
    )
    await seal_all(database_url)
    (event,) = await everything(log, Cursor(1, 0))
    assert (
        event.change.card == (await one(writer, "SELECT row_to_json(j)::text FROM tailboard.jobs j")).encode()
    )


async def test_sql_reads_the_same_as_python(log: Log, writer: AConnection, database_url: str) -> None:
    for n in (1, 700, 3):
        await enqueue(writer, n)
        await writer.execute("UPDATE tailboard.jobs SET status = 'in_progress', queue = 'b' WHERE id % 3 = 0")
        await seal_all(database_url)
    events = await everything(log, Cursor(1, 0))
    rows: list[tuple[Any, ...]] = []
    place = "1.0"
    while True:
        page = await (
            await writer.execute(
                'SELECT "cursor", type, source, job_id, change, job::text, at FROM tailboard.read(%s, 321)',
                [place],
            )
        ).fetchall()
        if not page:
            break
        assert len(page) <= 321
        rows, place = rows + page, page[-1][0]
    assert len(rows) == len(events)
    for row, event in zip(rows, events, strict=True):
        change = event.change
        assert row[:4] == (str(event.cursor), event.kind.value, change.source, change.job_id)
        assert (row[4]["from"], row[4]["to"]) == (change.old_status, change.new_status)
        assert ("was" in row[4]) == (change.was is not None)
        assert change.card is not None
        assert (json.loads(row[5]), row[6]) == (json.loads(change.card), change.at)


@pytest.mark.parametrize("cursor", [Cursor(1, 4), Cursor(1, 10**17)], ids=str)
async def test_a_place_not_reached_yet_is_ahead(
    cursor: Cursor, log: Log, writer: AConnection, database_url: str
) -> None:
    await enqueue(writer, 3)
    await seal_all(database_url)
    with pytest.raises(CursorAhead, match=r"ahead of the log, which ends at 1\.3") as caught:
        await log.read(cursor, 10)
    assert isinstance(caught.value, InvalidCursor)
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="ahead of the log"):
        await writer.execute("SELECT * FROM tailboard.read(%s)", [str(cursor)])


@pytest.mark.parametrize("gone", [1, 2, 3])
async def test_a_change_that_is_gone_from_its_tick_is_no_silent_gap_to_any_reader(
    log: Log, writer: AConnection, database_url: str, gone: int
) -> None:
    for n in (2, 1):
        await enqueue(writer, n)
        await seal_all(database_url)
    await writer.execute("DELETE FROM tailboard.changes WHERE seq = %s", [gone])
    with pytest.raises(CursorExpired, match="gone"):
        await log.read(Cursor(1, 0), 10)
    for read in (follow, digest):
        with pytest.raises(CursorExpired, match="gone"):
            await read(writer, 0, 0, ticks=10, changes=100)


@pytest.mark.parametrize("text", ["", "3", "1.-1", "0.0", "1.2.3", "head", "1.9999999999999999999", None])
async def test_what_is_no_cursor_is_refused_in_sql_as_well(
    text: str | None, writer: AConnection, database_url: str
) -> None:
    await seal_all(database_url)
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="is not a cursor"):
        await writer.execute("SELECT * FROM tailboard.read(%s)", [text])


@pytest.mark.parametrize("limit", [0, -1, 10_001, None])
async def test_sql_reads_a_bounded_number_at_a_time(
    limit: int | None, writer: AConnection, database_url: str
) -> None:
    await seal_all(database_url)
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="between 1 and 10000"):
        await writer.execute("SELECT * FROM tailboard.read('1.0', %s)", [limit])


async def test_a_jobs_history_is_newest_first_with_places_where_there_are_any(
    log: Log, writer: AConnection, database_url: str
) -> None:
    await enqueue(writer, 700)  # the places count within a tick, too
    await writer.execute("UPDATE tailboard.jobs SET status = 'in_progress' WHERE id IN (5, 650)")
    await seal_all(database_url)
    await writer.execute("UPDATE tailboard.jobs SET status = 'completed' WHERE id = 650")
    history = await log.history("jobs", "650")
    assert [each.kind.value for each in history] == ["job_completed", "job_started", "job_created"]
    assert [each.cursor for each in history] == [None, Cursor(1, 702), Cursor(1, 650)]
    older = await log.history("jobs", "650", before_seq=history[1].change.seq, limit=1)
    assert older == history[2:]
    assert await log.history("jobs", "no such job") == ()


async def test_places_in_a_history_are_those_of_the_log(
    log: Log, writer: AConnection, aconnect: AConnect, database_url: str
) -> None:
    """Ticks whose numbers have gaps: transactions that overlapped, and some that were rolled back."""
    other = await aconnect()
    for _ in range(5):
        await other.execute("BEGIN")
        for _ in range(3):
            await enqueue(writer, 2)
            await enqueue(other, 1)
            async with writer.transaction(force_rollback=True):
                await enqueue(writer, 1)
        await seal_all(database_url)
        await other.execute("COMMIT")
    await seal_all(database_url)
    events = await everything(log, Cursor(1, 0))
    assert [each.cursor.position for each in events] == list(range(1, 46))
    for event in events:
        (entry,) = await log.history("jobs", event.change.job_id)
        assert entry.cursor == event.cursor
        assert entry.change == event.change


async def test_the_events_of_the_log_add_up_to_the_table(
    log: Log, writer: AConnection, connect: Connect, database_url: str
) -> None:
    await enqueue(writer, 100)
    await writer.execute("UPDATE tailboard.jobs SET status = 'in_progress', queue = 'b' WHERE id % 2 = 0")
    await writer.execute("DELETE FROM tailboard.jobs WHERE id % 3 = 0")
    await seal_all(database_url)
    stats = Stats()
    for event in await everything(log, Cursor(1, 0)):
        stats.apply(event)
    assert stats.tallies() == recount(connect())
    assert Tally("jobs", "b", "in_progress", 34) in stats.tallies()


@pytest.fixture
async def long_log(writer: AConnection, database_url: str) -> None:
    """50,000 changes in transactions of different sizes."""
    for _ in range(4):
        await enqueue(writer, 10_000)
    for start in range(1, 10_000, 50):
        await writer.execute(
            "UPDATE tailboard.jobs SET status = 'in_progress' WHERE id BETWEEN %s AND %s", [start, start + 49]
        )
    await seal_all(database_url)


@pytest.mark.usefixtures("long_log")
@pytest.mark.parametrize("analysed", [False, True], ids=["no statistics", "statistics"])
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("log_read", {"cursor": "1.25000", "position": 25_000, "limit": 500}),
        ("log_read", {"cursor": "1.49990", "position": 49_990, "limit": 5000}),
        ("log_follow", {"tick_id": 90, "solid": 0, "ticks": 64, "changes": 1000}),
        ("log_seal", {"low": 0, "ring": True}),
        ("log_history", {"source": "jobs", "job_id": "77", "before": 2**62, "limit": 50}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_every_reader_finds_changes_by_index(
    name: str,
    parameters: dict[str, Any],
    analysed: bool,
    writer: AConnection,
    database_url: str,
) -> None:
    if analysed:
        await writer.execute("ANALYZE tailboard.changes, tailboard.ticks")
    connection = await Database(database_url).direct("plans")
    try:
        async with connection.transaction(force_rollback=True):
            cursor = await connection.execute(
                psycopg.sql.SQL("EXPLAIN (ANALYZE, FORMAT JSON, COSTS OFF, TIMING OFF) ") + query(name),
                parameters,
            )
            row = await cursor.fetchone()
    finally:
        await connection.close()
    assert row is not None
    nodes = list(nodes_of(row[0][0]["Plan"]))
    on_changes = [node for node in nodes if node.get("Relation Name", "").startswith("changes_")]
    assert on_changes
    for node in on_changes:
        assert node["Node Type"] != "Seq Scan", node
        # what is fetched is what is wanted: an index that is read from end to end would be no better
        assert node.get("Rows Removed by Filter", 0) * node["Actual Loops"] <= 1000, node
    fetched = sum(node["Actual Rows"] * node["Actual Loops"] for node in on_changes)
    assert fetched <= 64 * 500, f"{name} fetched {fetched} changes"


async def test_what_an_event_says_is_worked_out_by_the_query_that_reads_it(writer: AConnection) -> None:
    """A function that is called for each event costs several times what it does."""
    plan = await (
        await writer.execute("EXPLAIN (VERBOSE, COSTS OFF) SELECT * FROM tailboard.events")
    ).fetchall()
    text = "\n".join(line for (line,) in plan)
    assert "job_started" in text
    assert not re.search(r"tailboard\.\w+\(", text)


async def test_a_card_is_made_once_and_only_of_what_is_returned(
    database_url: str, writer: AConnection
) -> None:
    await enqueue(writer, 100)
    await writer.execute("UPDATE tailboard.jobs SET progress = 0.5")
    await seal_all(database_url)
    await writer.execute("CREATE SEQUENCE public.made")
    await writer.execute(
        "CREATE OR REPLACE FUNCTION tailboard.card(c tailboard.changes) RETURNS jsonb LANGUAGE sql STABLE AS"
        " $$ SELECT jsonb_build_object('made', nextval('public.made')) $$"
    )
    rows = await (await writer.execute("SELECT job FROM tailboard.read('1.140', 3)")).fetchall()
    assert rows == [({"made": made},) for made in (1, 2, 3)]
    assert await one(writer, "SELECT last_value FROM public.made") == 3


def nodes_of(plan: dict[str, Any]) -> Any:
    yield plan
    for inner in plan.get("Plans", []):
        yield from nodes_of(inner)
