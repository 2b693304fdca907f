"""Adopted sources come onto the board, are kept right where a capture cannot, and told of where they need somebody."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NoReturn

import psycopg
import pytest

from adopted_tables import AWAY, PARTS, PARTS_SQL, adopt
from fixtures.database import AConnect, Connect
from fixtures.waiting import await_until
from log_rig import AConnection, Board, board
from orders_table import ORDERS, Counts, attach_orders, count_orders, make_orders
from tailboard.core.dues import Dues
from tailboard.db.adopting.attaching import attach
from tailboard.db.adopting.upkeep import healths_sync, look, recheck
from tailboard.db.pool import Database
from tailboard.db.session import connect as connect_to_attach
from tailboard.db.verify.proof import verify
from tailboard.errors import DatabaseError
from tailboard.live import caretaker
from tailboard.sources import upkeep
from tailboard.sources.health import State
from tailboard.sources.look import Look
from tailboard.sources.parsing import from_definition, parse

Orders = psycopg.Connection[Any]


BREAK_CAPTURE = (
    "ALTER TABLE tailboard.changes ADD CONSTRAINT no CHECK (source <> 'orders' OR op = 'T') NOT VALID"
)
MEND_CAPTURE = "ALTER TABLE tailboard.changes DROP CONSTRAINT no"
SETTLED_WITHIN_S = 90
"""A fault waits for every transaction as old as it is, of all databases of the server: the other tests' too."""


def counted(node: Board) -> Counts:
    return Counter(
        {(t.queue, t.status): t.n for t in node.projector.current().tallies() if t.source == "orders"}
    )


def agrees(node: Board, orders: Orders) -> Callable[[], bool]:
    return lambda: counted(node) == count_orders(orders)


def noted(orders: Orders, column: str) -> Callable[[], Any]:
    def look() -> Any:
        statement = f"SELECT {column} FROM tailboard.upkeep WHERE source = 'orders'"
        row = orders.execute(statement.encode()).fetchone()
        return None if row is None else row[0]

    return look


def write_some(orders: Orders) -> None:
    orders.execute("""
        INSERT INTO shop.orders (region, state, not_before)
        SELECT CASE n % 3 WHEN 0 THEN 'us' ELSE 'eu' END, (ARRAY['new', 'busy', 'ok', 'err'])[n % 4 + 1],
               CASE n % 5 WHEN 0 THEN clock_timestamp() + make_interval(secs => n) END
          FROM generate_series(1, 100) AS n""")


@asynccontextmanager
async def attending(url: str, orders: Orders) -> AsyncIterator[Board]:
    """A node that has counted some orders, which were attached before it came."""
    write_some(orders)
    attach_orders(url)
    async with board(url) as node:
        await await_until(lambda: node.caretaker.counted == 1)
        yield node


@pytest.mark.parametrize("code", AWAY)
async def test_a_source_whose_expressions_look_at_what_is_away_keeps_no_other_from_being_counted(
    database_url: str, orders: Orders, code: str
) -> None:
    orders.execute(PARTS_SQL)
    await asyncio.to_thread(adopt, database_url, PARTS)
    orders.execute("INSERT INTO public.away VALUES (%s)", [code])
    attach_orders(database_url)
    async with board(database_url) as node:
        await await_until(lambda: node.caretaker.counted == 1)
        failed = "SELECT FROM tailboard.upkeep WHERE source = 'parts' AND failure IS NOT NULL"
        await await_until(lambda: orders.execute(failed).rowcount == 1)
        assert node.caretaker.restarts == 0
        orders.execute("TRUNCATE public.away")
        await await_until(lambda: node.caretaker.counted == 2, timeout=30)


async def test_rows_from_before_the_attaching_come_onto_the_board(database_url: str, orders: Orders) -> None:
    async with attending(database_url, orders) as node:
        await await_until(agrees(node, orders))
        assert counted(node)["eu", "scheduled"] > 0
        write_some(orders)
        orders.execute("DELETE FROM shop.orders WHERE state = 'busy' AND region = 'us'")
        await await_until(agrees(node, orders))
        assert node.caretaker.counted == 1, "the log says the rest"
        assert verify(database_url).found == 0
        with orders.transaction():
            orders.execute("SET LOCAL session_replication_role = replica")
            orders.execute("DELETE FROM shop.orders WHERE region = 'us' AND state = 'err'")
        report = verify(database_url)
        assert report.differences[0].subject == "orders, us, failed"
        assert report.found == 1 + 9, "and each of those that the log had told of"
    assert orders.execute("SELECT synced FROM tailboard.sources WHERE name = 'orders'").fetchone() == (True,)


async def test_a_job_is_looked_at_once_though_its_expressions_never_say_the_same(
    database_url: str, orders: Orders
) -> None:
    orders.execute("CREATE TABLE public.parts (id int PRIMARY KEY); CREATE TABLE public.claims (part int)")
    definition = {
        "table": "public.parts",
        "id": "id",
        "status": "'pending'",
        "queue": "clock_timestamp()::text",
        "follows": [{"table": "public.claims", "job": "part"}],
    }
    await asyncio.to_thread(attach, orders, from_definition("parts", definition))
    orders.execute("ALTER TABLE public.parts DISABLE TRIGGER ALL")
    orders.execute("INSERT INTO public.parts SELECT generate_series(1, 2500)")
    connection = await Database(database_url).direct("caretaker")
    try:
        async with asyncio.timeout(20):
            assert await recheck(connection, "parts") == 2500, "as new"
            assert await recheck(connection, "parts") == 2500, "and as changed, once"
    finally:
        await connection.close()


async def test_a_table_attached_while_a_server_runs_is_noticed(database_url: str, orders: Orders) -> None:
    async with board(database_url) as node:
        write_some(orders)
        attach_orders(database_url)
        await await_until(lambda: node.caretaker.counted == 1)
        await await_until(agrees(node, orders))
        assert [event.kind for event in node.recorder.events if event.change.source == "orders"] == [
            "source_reset"
        ]


async def test_counts_follow_time_however_many_jobs_are_scheduled(
    database_url: str, orders: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight pairs of queue and second may be known at a time; there are thirty, over seven seconds."""
    monkeypatch.setattr("tailboard.core.stats.Dues", partial(Dues, limit=8))
    monkeypatch.setattr(upkeep, "_AHEAD_PAUSE_S", 0.2)
    monkeypatch.setattr(upkeep, "_SHARE", 1)
    orders.execute("""
        INSERT INTO shop.orders (region, not_before)
        SELECT 'region ' || n, clock_timestamp() + make_interval(secs => 1 + n * 0.2)
          FROM generate_series(1, 30) AS n""")
    attach_orders(database_url)
    async with board(database_url) as node:
        await await_until(lambda: node.caretaker.counted == 1)
        orders.execute("UPDATE shop.orders SET beat = 1, region = 'moved' WHERE id % 7 = 0")
        statuses = {"scheduled"}
        while "scheduled" in statuses:
            await await_until(agrees(node, orders))
            statuses = {status for _, status in count_orders(orders)}
        await await_until(agrees(node, orders))
        assert node.caretaker.counted > 1


async def test_a_truncated_table_is_counted_again(database_url: str, orders: Orders) -> None:
    async with attending(database_url, orders) as node:
        with orders.transaction():
            orders.execute("TRUNCATE shop.orders")
            orders.execute("INSERT INTO shop.orders (state) VALUES ('ok')")
        await await_until(lambda: node.caretaker.counted == 2)
        await await_until(agrees(node, orders))
        assert counted(node) == Counter({("eu", "completed"): 1})


async def test_a_new_leader_goes_on_where_the_last_one_was(database_url: str, orders: Orders) -> None:
    write_some(orders)
    attach_orders(database_url)
    async with board(database_url) as first:
        await await_until(lambda: first.caretaker.counted == 1)
    write_some(orders)
    async with board(database_url) as second:
        await await_until(agrees(second, orders))
        assert second.caretaker.counted == 0


async def test_faults_of_the_capture_are_made_good(database_url: str, orders: Orders) -> None:
    async with attending(database_url, orders) as node:
        orders.execute(BREAK_CAPTURE)
        orders.execute("UPDATE shop.orders SET state = 'ok' WHERE region = 'us'")
        orders.execute(MEND_CAPTURE)
        assert counted(node) != count_orders(orders)
        await await_until(lambda: node.caretaker.counted == 2, SETTLED_WITHIN_S)
        await await_until(agrees(node, orders))
        await await_until(lambda: noted(orders, "faults")() > 0)
        await await_until(lambda: noted(orders, "wanted")() is None, SETTLED_WITHIN_S)


async def test_the_log_says_once_that_changes_are_missed_and_once_that_they_no_longer_are(
    database_url: str, orders: Orders, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tailboard.caretaker")

    def told(what: str) -> list[logging.LogRecord]:
        return [record for record in caplog.records if what in record.message]

    async with attending(database_url, orders):
        orders.execute("INSERT INTO shop.orders (state) VALUES ('lost')")
        await await_until(lambda: told("is well again"), SETTLED_WITHIN_S)
    (missed,) = told("could not be recorded")
    assert missed.levelname == "WARNING"
    assert "'lost'" in missed.message
    assert "Correct the definition or the data" in missed.message


async def test_a_fault_in_a_transaction_that_is_still_open_is_made_good_once_it_has_ended(
    database_url: str, orders: Orders, connect: Connect
) -> None:
    """The count before its end cannot see it: taking the fault for made good then would lose it."""
    slow = connect(autocommit=False)
    async with attending(database_url, orders) as node:
        orders.execute(BREAK_CAPTURE)
        slow.execute("UPDATE shop.orders SET state = 'ok' WHERE region = 'us'")
        slow.execute("SELECT count(*) FROM shop.orders")
        await await_until(lambda: noted(orders, "wanted")() == "faults")
        slow.commit()
        orders.execute(MEND_CAPTURE)
        await await_until(agrees(node, orders), SETTLED_WITHIN_S)
        await await_until(lambda: noted(orders, "wanted")() is None, SETTLED_WITHIN_S)


async def test_rows_moved_by_partitions_are_counted(database_url: str, connect: Connect) -> None:
    orders = connect()
    make_orders(orders, partitioned=True)
    async with attending(database_url, orders) as node:
        orders.execute("ALTER TABLE shop.orders DETACH PARTITION shop.orders_us")
        await await_until(agrees(node, orders))
        assert not any(region == "us" for region, _ in +counted(node))
        orders.execute("ALTER TABLE shop.orders ATTACH PARTITION shop.orders_us FOR VALUES IN ('us')")
        await await_until(agrees(node, orders))
        orders.execute("TRUNCATE shop.orders_us")
        await await_until(agrees(node, orders))
        await await_until(lambda: node.caretaker.counted == 4)


async def test_rewriting_the_table_changes_no_count_and_tells_nobody(
    database_url: str, orders: Orders
) -> None:
    async with attending(database_url, orders) as node:
        orders.execute("VACUUM FULL shop.orders")
        await await_until(lambda: node.caretaker.checked == 1)
        assert node.caretaker.counted == 1


async def test_a_table_that_was_restored_by_itself_is_counted_again(
    database_url: str, orders: Orders
) -> None:
    async with attending(database_url, orders) as node:
        dumped = orders.execute(
            "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'shop.orders'::regclass AND NOT tgisinternal"
        ).fetchall()
        with orders.transaction():
            orders.execute("CREATE TABLE shop.dump (LIKE shop.orders INCLUDING ALL)")
            orders.execute("INSERT INTO shop.dump SELECT * FROM shop.orders WHERE id % 2 = 0")
            orders.execute("DROP TABLE shop.orders; ALTER TABLE shop.dump RENAME TO orders")
            for (trigger,) in dumped:
                orders.execute(trigger)
        await await_until(lambda: healths_sync(orders)[0].state is State.OK)
        await await_until(agrees(node, orders))
        orders.execute("UPDATE shop.orders SET state = 'ok' WHERE region = 'us'")
        await await_until(agrees(node, orders))


async def test_what_was_written_past_the_triggers_is_found(database_url: str, orders: Orders) -> None:
    async with attending(database_url, orders) as node:
        for memory in node.caretaker._memories.values():
            memory.counted = float("-inf")  # half a minute ago
        with orders.transaction():
            orders.execute("SET LOCAL session_replication_role = replica")
            orders.execute("UPDATE shop.orders SET state = 'ok'")
        await await_until(agrees(node, orders))


@pytest.mark.parametrize(
    ("damage", "says", "cure"),
    [
        (
            "ALTER TABLE shop.orders DISABLE TRIGGER tailboard_watch",
            "ENABLE TRIGGER tailboard_watch",
            "ALTER TABLE shop.orders ENABLE TRIGGER tailboard_watch",
        ),
        ("DROP TRIGGER tailboard_emptied ON shop.orders", "is missing", None),
        ("ALTER TABLE shop.orders RENAME TO gone", "another name", "ALTER TABLE shop.gone RENAME TO orders"),
        ("ALTER TABLE shop.orders DROP COLUMN region", "do not fit|does not fit", None),
        (
            "CREATE TABLE shop.new (LIKE shop.orders); DROP TABLE shop.orders; ALTER TABLE shop.new RENAME TO orders",
            "made anew",
            None,
        ),
    ],
)
async def test_what_keeps_a_source_from_being_watched_is_told_with_what_to_do(
    database_url: str, orders: Orders, damage: str, says: str, cure: str | None
) -> None:
    async with attending(database_url, orders) as node:
        orders.execute(damage.encode())
        trouble = await await_until(noted(orders, "trouble"))
        assert any(part in trouble for part in says.split("|"))
        told = healths_sync(orders)[0]
        assert told.state in {State.BROKEN, State.DRIFTED}
        assert "tailboard detach orders" in told.advice or "ALTER TABLE shop.orders" in told.advice
        if cure is not None:
            if "DISABLE" in damage:
                orders.execute("UPDATE shop.orders SET state = 'ok' WHERE region = 'us'")
            orders.execute(cure.encode())
            await await_until(lambda: noted(orders, "trouble")() is None)
            await await_until(lambda: node.caretaker.counted == 2)
            await await_until(agrees(node, orders))
        orders.execute("INSERT INTO tailboard.jobs (kind) VALUES ('other')")
        await await_until(lambda: any(e.change.source == "jobs" for e in node.recorder.events))


async def test_a_column_of_another_type_has_the_capture_written_anew(
    database_url: str, orders: Orders
) -> None:
    async with attending(database_url, orders) as node:
        orders.execute("ALTER TABLE shop.orders ALTER region TYPE varchar(40)")
        orders.execute("INSERT INTO shop.orders (region) VALUES ('eu')")
        await await_until(lambda: node.caretaker.counted == 2)
        orders.execute("UPDATE shop.orders SET state = 'busy' WHERE state = 'new'")
        await await_until(agrees(node, orders))
        assert noted(orders, "trouble")() is None


async def test_what_an_expression_does_not_find_is_not_taken_for_ours(
    database_url: str, orders: Orders
) -> None:
    orders.execute("CREATE TABLE shop.regions (id text, name text)")
    (source,) = parse(ORDERS)
    queue = "(SELECT r.name FROM shop.regions AS r WHERE r.id = job.region)"
    with connect_to_attach(database_url, "attach") as connection:
        attach(connection, from_definition("orders", {**source.definition, "queue": queue}))
    orders.execute("ALTER TABLE shop.regions RENAME TO countries")
    async with board(database_url):
        failure = await await_until(noted(orders, "failure"))
        assert failure == 'relation "shop.regions" does not exist'
    with connect_to_attach(database_url, "sources") as connection:
        (health,) = healths_sync(connection)
    assert health.found.startswith("its rows could not be counted: relation")
    assert health.advice.startswith("A running server tries again.")


async def test_one_source_that_cannot_be_counted_holds_up_no_other(
    database_url: str, orders: Orders, connect: Connect
) -> None:
    write_some(orders)
    attach_orders(database_url)
    holder = connect(autocommit=False)
    holder.execute("LOCK TABLE shop.orders IN ACCESS EXCLUSIVE MODE")
    async with board(database_url) as node:
        assert "locked" in await await_until(noted(orders, "failure"))
        orders.execute("INSERT INTO tailboard.jobs (kind) VALUES ('other')")
        await await_until(lambda: any(e.change.source == "jobs" for e in node.recorder.events))
        holder.rollback()
        await await_until(lambda: node.caretaker.counted == 1)
        await await_until(lambda: noted(orders, "failure")() is None)
        await await_until(agrees(node, orders))


async def test_a_count_that_fails_is_not_tried_again_at_every_look(
    database_url: str, orders: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_some(orders)
    attach_orders(database_url)
    monkeypatch.setattr(upkeep, "_FAILED_PAUSE_S", 60.0)
    tries, looks = 0, 0

    async def refuse(*_: object, **__: object) -> NoReturn:
        nonlocal tries
        tries += 1
        raise DatabaseError("no")

    async def looking(connection: AConnection) -> list[Look]:
        nonlocal looks
        looks += tries
        return await look(connection)

    monkeypatch.setattr(caretaker, "survey", refuse)
    monkeypatch.setattr(caretaker, "look", looking)
    async with board(database_url):
        await await_until(lambda: looks >= 5)
    assert tries == 1
    assert noted(orders, "failure")() == "no"


LOCKED = """
[sources.orders]
table = "shop.orders"
id = "id"
queue = "region"
status = "CASE state WHEN 'ok' THEN 'completed' WHEN 'err' THEN 'failed' ELSE 'pending' END"
running = "EXISTS (SELECT FROM pg_locks AS l WHERE l.locktype = 'advisory' AND l.classid = 0 AND l.objid = id)"
"""


async def test_a_job_that_only_a_lock_shows_at_work_is_polled(
    database_url: str, orders: Orders, connect: Connect
) -> None:
    """As Que's workers do: they hold an advisory lock, and no row says so."""
    orders.execute("INSERT INTO shop.orders (state) VALUES ('new'), ('new'), ('ok')")
    with connect_to_attach(database_url, "attach") as operator:
        (source,) = parse(LOCKED)
        attach(operator, source)
    worker = connect()
    async with board(database_url) as node:
        await await_until(lambda: node.caretaker.counted == 1)
        worker.execute("SELECT pg_advisory_lock(1)")
        await await_until(lambda: counted(node)["eu", "in_progress"] == 1)
        worker.execute("UPDATE shop.orders SET state = 'ok' WHERE id = 1; SELECT pg_advisory_unlock(1)")
        await await_until(lambda: counted(node)["eu", "completed"] == 2)
        worker.execute("SELECT pg_advisory_lock(2)")
        await await_until(lambda: counted(node)["eu", "in_progress"] == 1)
        worker.close()  # killed
        await await_until(lambda: counted(node)["eu", "pending"] == 1)
        kinds = [(e.change.job_id, e.kind.value) for e in node.recorder.events if e.change.op.value == "U"]
        assert kinds == [
            ("1", "job_started"),
            ("1", "job_completed"),
            ("2", "job_started"),
            ("2", "job_updated"),
        ]


async def test_what_a_source_that_remembers_missed_is_told_as_changes(
    database_url: str, orders: Orders
) -> None:
    orders.execute("INSERT INTO shop.orders (state) SELECT 'new' FROM generate_series(1, 50)")
    with connect_to_attach(database_url, "attach") as operator:
        (source,) = parse(LOCKED)
        attach(operator, source)
    async with board(database_url) as node:
        await await_until(lambda: node.caretaker.counted == 1)
        for memory in node.caretaker._memories.values():
            memory.counted = float("-inf")  # half a minute ago
        # A session that ends: one of PostgreSQL 14 that idles keeps its statistics to itself.
        with psycopg.connect(database_url) as past:
            past.execute("SET LOCAL session_replication_role = replica")
            past.execute("UPDATE shop.orders SET state = 'ok' WHERE id <= 20")
            past.execute("DELETE FROM shop.orders WHERE id > 40")
        await await_until(lambda: counted(node) == Counter({("eu", "completed"): 20, ("eu", "pending"): 20}))
        orders.execute("UPDATE shop.orders SET state = 'err'")
        await await_until(lambda: counted(node) == Counter({("eu", "failed"): 40}))
        kinds = Counter(e.kind.value for e in node.recorder.events)
        assert (kinds["job_completed"], kinds["job_deleted"], kinds["job_failed"]) == (20, 10, 40)


async def test_a_long_count_gives_way_to_the_owner_who_waits_for_the_table(
    database_url: str, orders: Orders, aconnect: AConnect
) -> None:
    orders.execute("INSERT INTO shop.orders (state) SELECT 'new' FROM generate_series(1, 300)")
    with connect_to_attach(database_url, "attach") as operator:
        (source,) = parse(ORDERS.replace('"region"', '"region || pg_sleep(0.05)::text"'))
        attach(operator, source)
    owner = await aconnect()
    counting = """
        SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
         WHERE relation = 'shop.orders'::regclass AND mode = 'AccessShareLock'
           AND application_name = 'tailboard caretaker'"""
    async with board(database_url) as node:
        await await_until(lambda: orders.execute(counting.encode()).rowcount > 0)
        async with asyncio.timeout(5):  # the count takes fifteen seconds
            await owner.execute("ALTER TABLE shop.orders ADD COLUMN more int")
        assert "waited" in await await_until(noted(orders, "failure"))
        assert node.caretaker.counted == 0


async def test_a_count_that_takes_too_long_is_told_with_its_source_and_others_are_counted(
    database_url: str, orders: Orders, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write_some(orders)
    orders.execute(
        "CREATE FUNCTION shop.slow(text) RETURNS text LANGUAGE sql VOLATILE AS 'SELECT pg_sleep(0.05)::text'"
    )
    orders.execute("CREATE TABLE shop.quick (id int PRIMARY KEY)")
    quick = '[sources.quick]\ntable = "shop.quick"\nid = "id"\nstatus = "\'pending\'"\n'
    with connect_to_attach(database_url, "attach") as operator:
        for text in (ORDERS.replace('queue = "region"', 'queue = "shop.slow(region)"'), quick):
            attach(operator, parse(text)[0])
    monkeypatch.setattr(caretaker, "_COUNT_WITHIN_S", 0.2)
    async with board(database_url) as node:
        await await_until(lambda: node.caretaker.counted == 1)
        await await_until(lambda: noted(orders, "failure")() is not None)
        failing, counted = healths_sync(orders)
    assert (failing.name, failing.state, counted.state) == ("orders", State.FAULTY, State.OK)
    assert "could not be counted: it took longer than 0.2 s" in failing.found
    assert any(
        "orders" in record.message and "longer than 0.2 s" in record.message for record in caplog.records
    )
