"""The proof of adopted sources: each job is what the log told last of it, whatever the counts say."""

from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest

from adopted_tables import EXPORTS, EXPORTS_SQL, adopt
from fixtures.database import Connect
from fixtures.waiting import await_until
from log_rig import board
from tailboard.db import session
from tailboard.db.adopting import attaching
from tailboard.db.verify import adopted
from tailboard.db.verify.proof import verify
from tailboard.sources import presets

Session = psycopg.Connection[Any]

SOLID_QUEUE = Path(__file__).parents[2] / "queues" / "ddl" / "solid-queue.sql"
JOB = "00000000-0000-0000-0000-{:012d}"


@pytest.fixture
def owner(connect: Connect) -> Session:
    connection = connect()
    connection.execute(EXPORTS_SQL)
    return connection


def write(owner: Session, first: int, last: int) -> None:
    """New exports of every status, one of them large, some due later."""
    owner.execute(
        """
        INSERT INTO shop.exports (id, state, region, urgency, body, not_before, begun)
        SELECT format('00000000-0000-0000-0000-%%s', lpad(n::text, 12, '0'))::uuid,
               (enum_range(NULL::shop.state))[n %% 5 + 1], 'r' || n %% 2, n, json_build_object('n', n),
               CASE WHEN n %% 3 = 0 THEN clock_timestamp() + interval '1 hour' END, clock_timestamp()
          FROM generate_series(%s::int, %s) n""",
        (first, last),
    )


async def counted(url: str) -> None:
    """Let a server count what was there, and go."""
    async with board(url) as node:
        await await_until(lambda: node.caretaker.counted == 1)


async def busy(owner: Session, url: str) -> None:
    """Exports from before the counting, and later ones that have lived through everything."""
    write(owner, 1, 10)
    adopt(url, EXPORTS)
    await counted(url)
    write(owner, 11, 60)
    owner.execute("UPDATE shop.exports SET state = 'busy', host = 'h1' WHERE urgency BETWEEN 9 AND 25")
    owner.execute(
        "UPDATE shop.exports SET body = to_json(repeat(gen_random_uuid()::text, 900)) WHERE urgency = 30"
    )
    owner.execute("UPDATE shop.exports SET not_before = NULL WHERE urgency = 36")
    owner.execute("DELETE FROM shop.exports WHERE urgency > 55")


def behind(owner: Session, statement: LiteralString) -> None:
    """As a replica or a restore writes: no trigger sees it."""
    with owner.transaction():
        owner.execute("SET LOCAL session_replication_role = replica")
        owner.execute(statement)


async def test_every_job_that_has_changed_is_compared(owner: Session, database_url: str) -> None:
    await busy(owner, database_url)
    owner.execute(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = ''Asia/Tokyo''', current_database()); END $$"
    )
    told: list[tuple[int, int]] = []
    report = verify(database_url, lambda done, total: told.append((done, total)))
    assert report.is_clean, report.differences
    assert (report.adopted, report.only_counted) == (52, 8)
    assert told[-1] == (60, 60)


# Two that change places leave every count as it was.
SWAPPED = """UPDATE shop.exports SET state = CASE urgency WHEN 40 THEN 'busy' ELSE 'new' END::shop.state
             WHERE urgency = 40 OR urgency = 20"""


@pytest.mark.parametrize(
    ("statement", "jobs", "says"),
    [
        (SWAPPED, [20, 40], "the table has it as "),
        ("UPDATE shop.exports SET urgency = -1 WHERE urgency = 20", [20], "differ in priority (-1, in the log 20)"),
        ("UPDATE shop.exports SET begun = NULL WHERE urgency = 20", [20], "differ in started_at (null, in the log"),
        ("UPDATE shop.exports SET body = '{}' WHERE urgency = 40", [40], "differ in payload"),
        ("UPDATE shop.exports SET not_before = now() WHERE urgency = 45", [45], "the table has it due at "),
        ("DELETE FROM shop.exports WHERE urgency = 20", [20], "as in_progress, the table does not have it"),
        (
            """INSERT INTO shop.exports (id, state) VALUES ('00000000-0000-0000-0000-000000000058', 'ok')""",
            [58],
            "the log says it is gone, the table has it as completed",
        ),
    ],
)  # fmt: skip
async def test_jobs_that_differ_are_named(
    owner: Session, database_url: str, statement: LiteralString, jobs: list[int], says: str
) -> None:
    await busy(owner, database_url)
    behind(owner, statement)
    found = [each for each in verify(database_url).differences if each.check == "jobs"]
    assert sorted(each.subject for each in found) == [f"exports/{JOB.format(job)}" for job in jobs]
    assert all(says in each.detail for each in found), found


async def test_of_many_that_differ_the_first_are_named(owner: Session, database_url: str) -> None:
    adopt(database_url, EXPORTS)
    await counted(database_url)
    write(owner, 1, 250)
    behind(owner, "UPDATE shop.exports SET host = 'elsewhere'")
    report = verify(database_url)
    assert (report.found, len(report.differences)) == (250, 100)


async def test_what_was_told_before_a_count_is_not_held_against_it(owner: Session, database_url: str) -> None:
    await busy(owner, database_url)
    behind(owner, "UPDATE shop.exports SET state = 'ok' WHERE urgency < 20")
    async with board(database_url) as node:
        owner.execute("ALTER TABLE tailboard.changes ADD CONSTRAINT no CHECK (op <> 'U') NOT VALID")
        owner.execute("UPDATE shop.exports SET state = 'off' WHERE urgency = 50")
        owner.execute("ALTER TABLE tailboard.changes DROP CONSTRAINT no")
        await await_until(lambda: node.caretaker.counted == 1)
    report = verify(database_url)
    assert report.is_clean, report.differences
    assert report.adopted == 0


async def test_a_table_that_is_gone_is_a_difference_and_the_rest_is_compared(
    owner: Session, database_url: str
) -> None:
    await busy(owner, database_url)
    owner.execute("INSERT INTO tailboard.jobs (kind) VALUES ('a')")
    owner.execute("DROP TABLE shop.exports")
    report = verify(database_url)
    assert [(each.check, each.subject) for each in report.differences] == [
        ("stats", "exports"),
        ("jobs", "exports"),
    ]
    assert all("cannot be compared: relation" in each.detail for each in report.differences)
    assert report.jobs == 1


async def test_what_only_a_lock_shows_at_work_is_no_difference(
    owner: Session, database_url: str, connect: Connect
) -> None:
    held = "EXISTS (SELECT FROM pg_locks AS l WHERE l.locktype = 'advisory' AND l.objid = urgency::bigint)"
    adopt(database_url, EXPORTS.replace('due = "not_before"', f'due = "not_before"\nrunning = "{held}"'))
    write(owner, 1, 10)
    await counted(database_url)
    connect().execute("SELECT pg_advisory_lock(10)")
    assert owner.execute("SELECT status FROM tailboard.source_exports() WHERE priority = 10").fetchall() == [
        ("in_progress",)
    ]
    report = verify(database_url)
    assert report.is_clean, report.differences


async def test_a_source_that_remembers_is_compared_with_what_it_remembers(
    connect: Connect, database_url: str
) -> None:
    rails = connect()
    rails.execute(SOLID_QUEUE.read_bytes())
    insert: LiteralString = (
        "INSERT INTO solid_queue_jobs (queue_name, class_name, created_at, updated_at)"
        " VALUES ('default', 'Mail', now(), now())"
    )
    rails.execute(insert)
    with session.connect(database_url, "attach") as operator:
        attaching.attach(operator, presets.load("solid-queue"))
    await counted(database_url)
    rails.execute(insert)
    report = verify(database_url)
    assert report.is_clean, report.differences
    assert (report.adopted, report.only_counted) == (2, 0)
    behind(rails, insert)
    behind(rails, "UPDATE solid_queue_jobs SET class_name = 'Fax' WHERE id = 1")
    found = verify(database_url).differences
    assert sorted((each.subject, each.detail) for each in found if each.check == "jobs") == [
        ("solid-queue/1", 'the table and the last change differ in kind ("Fax", in the log "Mail")'),
        ("solid-queue/3", "the table has it, the log does not know it"),
    ]


async def test_a_table_that_cannot_be_compared_in_time_is_a_difference(
    owner: Session, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner.execute(
        "CREATE FUNCTION shop.slow(n smallint) RETURNS text LANGUAGE sql VOLATILE AS 'SELECT pg_sleep(0.05)::text'"
    )
    adopt(database_url, EXPORTS.replace("kind = \"'export.' || format\"", 'kind = "shop.slow(urgency)"'))
    await counted(database_url)
    write(owner, 1, 10)
    monkeypatch.setattr(adopted, "_WITHIN_S", 0.2)
    report = verify(database_url)
    assert [(each.check, each.subject, each.detail) for each in report.differences] == [
        ("stats", "exports", "its table could not be compared within 0.2 s"),
        ("jobs", "exports", "its table could not be compared within 0.2 s"),
    ]
