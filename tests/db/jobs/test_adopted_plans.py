"""What is asked of an adopted source reaches the indexes of its owner."""

import pytest

from adopted_tables import EXPORTS, EXPORTS_SQL, adopt
from db.jobs.plans import Plan, nodes, told
from fixtures.database import Connect
from tailboard.core.job import JobName
from tailboard.db import session
from tailboard.db.adopting.renewal import renew
from tailboard.db.adopting.upkeep import healths_sync
from tailboard.db.jobs.page import JobFilter, Sort, Wanted
from tailboard.db.jobs.reading import Jobs
from tailboard.db.pool import Database
from tailboard.sources.health import State

_FILL = """
INSERT INTO shop.exports (region, state, host, made, not_before, body)
SELECT CASE WHEN g % 2 = 0 THEN 'eu' ELSE 'us' END, (CASE WHEN g % 1000 = 1 THEN 'err' WHEN g % 900 = 2 THEN 'busy'
       WHEN g > 59900 THEN 'new' ELSE 'ok' END)::shop.state, 'h' || g % 9, now() - (60000 - g) * interval '1 s',
       CASE WHEN g > 59950 THEN now() + interval '1 day' END, json_build_object('text', repeat('x', 500))
  FROM generate_series(1, 60000) g;
"""
_CASES: dict[str, tuple[JobFilter, Sort, str]] = {
    "newest": (JobFilter(), "newest", "exports_made"),
    "oldest": (JobFilter(), "oldest", "exports_made"),
    "status, few": (JobFilter(statuses=("in_progress",)), "newest", "exports_state"),
    "status, by time": (JobFilter(statuses=("scheduled",)), "newest", "exports_"),
    "status, none": (JobFilter(statuses=("cancelled",)), "newest", "exports_state"),
    "status, what no word says": (JobFilter(statuses=("paused",)), "newest", "exports_state"),
    "the same in a window": (JobFilter(statuses=("paused", "cancelled")), "priority", "exports_state"),
    "in the order of priority": (JobFilter(statuses=("failed",)), "priority", "exports_state"),
    "queue, common": (JobFilter(queues=("eu",)), "newest", "exports_made"),
}


RUNNING = '''
[sources.errands]
table = "public.errands"
id = "id"
running = """EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
    WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.objsubid = 1 AND l.objid = job.id)"""
status = { column = "state", map = { new = "pending", ok = "completed" } }
'''


async def test_a_word_for_pending_may_mean_that_a_job_is_at_work(database_url: str, connect: Connect) -> None:
    owner = connect()
    owner.execute("CREATE TABLE public.errands (id int PRIMARY KEY, state text)")
    owner.execute("INSERT INTO public.errands VALUES (1, 'new'), (2, 'new'), (3, 'ok')")
    adopt(database_url, RUNNING)
    owner.execute("SELECT pg_advisory_lock(2)")
    database = Database(database_url)
    await database.open()
    try:
        page = await Jobs(database).list(Wanted(filter=JobFilter(statuses=("in_progress",))))
        assert [card.name for card in page.cards] == [JobName("errands", "2")]
    finally:
        await database.close()


KINDS = {
    "text": ("new", "odd"),
    "varchar(9)": ("new", "odd"),
    "char(9)": ("new", "odd"),
    "bit(3)": ("101", "011"),
    "smallint": ("7", "9"),
    "numeric(4, 1)": ("7.0", "9.5"),
    "public.word": ("new", "odd"),
    "public.felt": ("sad", "odd"),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_jobs_are_found_by_a_word_and_by_none(database_url: str, connect: Connect, kind: str) -> None:
    word, odd = KINDS[kind]
    owner = connect()
    owner.execute("CREATE TYPE public.mood AS ENUM ('sad')")
    owner.execute("CREATE DOMAIN public.felt AS public.mood; CREATE DOMAIN public.word AS char(9)")
    owner.execute(f"CREATE TABLE public.errands (id int PRIMARY KEY, state {kind})".encode())
    status = f'{{ column = "state", map = {{ "{word}" = "pending", "8" = "completed", "-1" = "failed" }} }}'
    adopt(database_url, f'[sources.errands]\ntable = "public.errands"\nid = "id"\nstatus = {status}\n')
    owner.execute("ALTER TYPE public.mood ADD VALUE 'odd'")
    values = f"(1, '{word}'), (2, '{odd}'), (3, NULL), (4, '{word}')"
    owner.execute(f"INSERT INTO public.errands VALUES {values}".encode())
    database = Database(database_url)
    await database.open()
    try:
        for statuses, ids in {
            ("pending",): ["4", "1"],
            ("paused",): ["3", "2"],
            ("paused", "pending"): ["4", "3", "2", "1"],
        }.items():
            page = await Jobs(database).list(Wanted(filter=JobFilter(statuses=statuses)))
            assert (page.failing, [card.name.id for card in page.cards]) == ((), ids)
    finally:
        await database.close()


async def test_words_that_an_enum_lacks_are_no_hindrance_and_are_found_when_it_has_them(
    database_url: str, connect: Connect
) -> None:
    owner = connect()
    owner.execute("CREATE TYPE public.state AS ENUM ('new', 'ok')")
    owner.execute("CREATE TABLE public.errands (id int PRIMARY KEY, state public.state)")
    status = '{ column = "state", map = { new = "pending", held = "pending", fresh = "pending", ok = "completed" } }'
    adopt(database_url, f'[sources.errands]\ntable = "public.errands"\nid = "id"\nstatus = {status}\n')
    owner.execute("INSERT INTO public.errands VALUES (1, 'new'), (2, 'ok')")
    database = Database(database_url)
    await database.open()

    async def pending() -> list[str]:
        page = await Jobs(database).list(Wanted(filter=JobFilter(statuses=("pending",))))
        assert page.failing == ()
        return [card.name.id for card in page.cards]

    try:
        assert await pending() == ["1"]
        for alter in ("ADD VALUE 'held'", "RENAME VALUE 'new' TO 'fresh'"):
            owner.execute(f"ALTER TYPE public.state {alter}".encode())
            with session.connect(database_url, "sources") as connection:
                assert [health.state for health in healths_sync(connection)] == [State.DRIFTED]
            renew(database_url, "errands")
        owner.execute("INSERT INTO public.errands VALUES (3, 'held')")
        assert await pending() == ["3", "1"]
    finally:
        await database.close()


@pytest.mark.slow
async def test_lists_and_single_jobs_of_an_adopted_source_use_its_indexes(
    database_url: str, connect: Connect
) -> None:
    owner = connect()
    owner.execute(EXPORTS_SQL.encode())
    adopt(database_url, EXPORTS)
    owner.execute(_FILL.encode())
    owner.execute("VACUUM ANALYZE shop.exports")
    database = Database(database_url, pool_size=1)
    await database.open()
    try:
        plans = await told(database)
        jobs = Jobs(database)
        for name, (wanted, sort, index) in _CASES.items():
            plans.clear()
            asked = Wanted(
                filter=JobFilter(sources=("exports",), statuses=wanted.statuses, queues=wanted.queues),
                sort=sort,
            )
            page = await jobs.list(asked)
            assert not page.failing
            assert plans, "the server told no plan"
            used = _scans(plans)
            assert all(scan[0] != "Seq Scan" for scan in used), (name, used)
            assert any(scan[1].startswith(index) for scan in used), (name, used)
            if page.cards:
                assert any(scan[1] == "exports_pkey" for scan in used), (name, used)
        found = owner.execute("SELECT id::text FROM shop.exports LIMIT 1").fetchone()
        assert found is not None
        plans.clear()
        await jobs.get(JobName("exports", found[0]))
        assert _scans(plans) == [("Index Scan", "exports_pkey")]
    finally:
        await database.close()


def _scans(plans: list[Plan]) -> list[tuple[str, str]]:
    """How the owner's table was read: the kind of scan, and the index."""
    return [
        (node["Node Type"], node.get("Index Name", ""))
        for node in nodes(plans)
        if node.get("Relation Name") == "exports" or node.get("Index Name", "").startswith("exports_")
    ]
