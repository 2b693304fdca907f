"""Sources whose jobs' states are in other tables, or in nobody's: one change a transaction, whatever it did."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from db.adopting.stranger import Row, faults
from fixtures.database import Connect
from tailboard.db import session
from tailboard.db.adopting.attaching import attach, detach
from tailboard.sources import presets
from tailboard.sources.parsing import from_definition

Session = psycopg.Connection[Any]

DDL = Path(__file__).parents[2] / "queues" / "ddl"


@pytest.fixture
def operator(database_url: str) -> Iterator[Session]:
    with session.connect(database_url, "attach") as connection:
        yield connection


@pytest.fixture
def rails(connect: Connect, operator: Session) -> Session:
    """A worker of Solid Queue, whose jobs' states are which of its tables has a row of them."""
    rails = connect()
    rails.execute((DDL / "solid-queue.sql").read_bytes())
    rails.execute(
        "INSERT INTO solid_queue_processes (kind, last_heartbeat_at, pid, name, created_at)"
        " VALUES ('Worker', now(), 1, 'worker-1', now())"
    )
    attach(operator, presets.load("solid-queue"))
    return rails


def enqueue(rails: Session) -> None:
    with rails.transaction():
        rails.execute(
            "INSERT INTO solid_queue_jobs (queue_name, class_name, created_at, updated_at)"
            " VALUES ('default', 'Mail', now(), now())"
        )
        rails.execute(
            "INSERT INTO solid_queue_ready_executions (job_id, queue_name, created_at)"
            " SELECT max(id), 'default', now() FROM solid_queue_jobs"
        )


def move(rails: Session, job: int, before: str, after: str, extra: str = "") -> None:
    """From one table of executions to another, in two statements, as Rails does."""
    with rails.transaction():
        rails.execute(f"DELETE FROM solid_queue_{before}_executions WHERE job_id = {job}".encode())
        columns, values = (f", {part}" for part in extra.split("=")) if extra else ("", "")
        rails.execute(
            f"INSERT INTO solid_queue_{after}_executions (job_id, created_at{columns})"
            f" VALUES ({job}, now(){values})".encode()
        )


def told(session: Session) -> list[Row]:
    return session.execute(
        "SELECT op::text, old_status, new_status, job ->> 'worker' FROM tailboard.changes ORDER BY seq"
    ).fetchall()


def test_a_job_moves_between_tables_one_change_a_transaction(rails: Session) -> None:
    enqueue(rails)
    move(rails, 1, "ready", "claimed", "process_id=1")
    move(rails, 1, "claimed", "failed", 'error=\'{"exception_class": "E", "message": "m"}\'')
    move(rails, 1, "failed", "ready", "queue_name='default'")
    move(rails, 1, "ready", "claimed", "process_id=1")
    with rails.transaction():
        rails.execute("UPDATE solid_queue_jobs SET finished_at = now(), updated_at = now()")
        rails.execute("DELETE FROM solid_queue_claimed_executions")
    assert told(rails) == [
        ("I", None, "pending", None),
        ("U", "pending", "in_progress", "worker-1"),
        ("U", "in_progress", "failed", None),
        ("U", "failed", "pending", None),
        ("U", "pending", "in_progress", "worker-1"),
        ("U", "in_progress", "completed", None),
    ]
    rails.execute("UPDATE solid_queue_jobs SET updated_at = now()")
    assert len(told(rails)) == 6, "nothing that is shown changed"
    errors = rails.execute(
        "SELECT job ->> 'error' FROM tailboard.changes WHERE new_status = 'failed'"
    ).fetchall()
    assert errors == [("E: m",)]
    assert faults(rails, "solid-queue") == 0


def test_a_deletion_means_what_the_job_was_doing(rails: Session) -> None:
    enqueue(rails)
    enqueue(rails)
    move(rails, 1, "ready", "claimed", "process_id=1")
    with rails.transaction():
        rails.execute("DELETE FROM solid_queue_claimed_executions WHERE job_id = 1")
        rails.execute("DELETE FROM solid_queue_jobs WHERE id = 1")
    rails.execute("DELETE FROM solid_queue_jobs WHERE id = 2")  # its execution goes by the foreign key
    assert told(rails)[-2:] == [
        ("D", "in_progress", "completed", "worker-1"),
        ("D", "pending", "cancelled", None),
    ]
    assert rails.execute("SELECT count(*) FROM tailboard.remembered").fetchone() == (0,)


def test_another_id_is_a_deletion_that_means_nothing_and_a_creation(
    connect: Connect, operator: Session
) -> None:
    owner = connect()
    owner.execute("CREATE TABLE public.errands (id text PRIMARY KEY)")
    definition = {"table": "public.errands", "id": "id", "status": "'pending'", "deleted": "completed"}
    attach(operator, from_definition("errands", {**definition, "running": "id = 'x'"}))
    owner.execute("INSERT INTO public.errands VALUES ('a')")
    owner.execute("UPDATE public.errands SET id = 'b'")
    owner.execute("DELETE FROM public.errands")
    assert told(owner) == [
        ("I", None, "pending", None),
        ("D", "pending", None, None),
        ("I", None, "pending", None),
        ("D", "pending", "completed", None),
    ]


def test_a_table_is_altered_where_it_was_written_to_once_the_look_is_taken(rails: Session) -> None:
    enqueue(rails)
    with rails.transaction(force_rollback=True):
        rails.execute("UPDATE solid_queue_jobs SET finished_at = now()")
        with pytest.raises(psycopg.errors.ObjectInUse, match="pending trigger events"):
            rails.execute("ALTER TABLE solid_queue_jobs ADD COLUMN note text")
    with rails.transaction():
        rails.execute("UPDATE solid_queue_jobs SET finished_at = now()")
        rails.execute("SET CONSTRAINTS ALL IMMEDIATE")
        rails.execute("ALTER TABLE solid_queue_jobs ADD COLUMN note text")
    assert told(rails)[-1][:3] == ("U", "pending", "completed")


def test_what_is_rolled_back_or_taken_back_is_not_told(rails: Session) -> None:
    enqueue(rails)
    with rails.transaction(force_rollback=True):
        rails.execute("DELETE FROM solid_queue_jobs")
    with rails.transaction():
        with rails.transaction(force_rollback=True):
            rails.execute("DELETE FROM solid_queue_ready_executions")
        rails.execute(
            "INSERT INTO solid_queue_claimed_executions (job_id, process_id, created_at) VALUES (1, 1, now())"
        )
        rails.execute("DELETE FROM solid_queue_claimed_executions")
    assert told(rails) == [("I", None, "pending", None)]


def test_jobs_that_were_there_are_known_from_the_start(connect: Connect, operator: Session) -> None:
    rails = connect()
    rails.execute((DDL / "solid-queue.sql").read_bytes())
    enqueue(rails)
    attach(operator, presets.load("solid-queue"))
    move(rails, 1, "ready", "claimed", "process_id=1")
    assert told(rails) == [("U", "pending", "in_progress", None)]


def test_what_is_remembered_is_made_true_without_a_word(rails: Session) -> None:
    enqueue(rails)
    enqueue(rails)
    rails.execute("SET session_replication_role = replica")
    move(rails, 1, "ready", "claimed", "process_id=1")
    rails.execute("DELETE FROM solid_queue_jobs WHERE id = 2")
    rails.execute("RESET session_replication_role")
    rails.execute('SELECT tailboard."remember_solid-queue"()')
    assert rails.execute("SELECT job_id, status FROM tailboard.remembered").fetchall() == [
        ("1", "in_progress")
    ]
    assert len(told(rails)) == 2


def test_a_followed_table_may_be_emptied(rails: Session) -> None:
    enqueue(rails)
    rails.execute("TRUNCATE solid_queue_claimed_executions")
    assert told(rails)[-1] == ("T", None, None, None)
    assert rails.execute("SELECT count(*) FROM tailboard.remembered").fetchone() == (0,)


def test_a_worker_goes_on_when_following_fails(rails: Session) -> None:
    enqueue(rails)
    rails.execute("ALTER TABLE solid_queue_failed_executions RENAME TO failures")
    move(rails, 1, "ready", "claimed", "process_id=1")
    assert rails.execute("SELECT count(*) FROM solid_queue_claimed_executions").fetchone() == (1,)
    assert faults(rails, "solid-queue") > 0


def test_two_writers_of_one_job_end_with_what_is_true(rails: Session, connect: Connect) -> None:
    """The second commit waits for the first, and sees what it did."""
    enqueue(rails)
    other = connect()
    with rails.transaction():
        rails.execute(
            "INSERT INTO solid_queue_claimed_executions (job_id, process_id, created_at) VALUES (1, 1, now())"
        )
        with other.transaction():
            other.execute("INSERT INTO solid_queue_failed_executions (job_id, created_at) VALUES (1, now())")
    assert told(rails)[-1][2] == "failed"
    assert rails.execute("SELECT status FROM tailboard.remembered").fetchall() == [("failed",)]


def test_a_job_at_work_without_a_row_that_says_so_is_found_by_asking(
    connect: Connect, operator: Session
) -> None:
    worker = connect()
    worker.execute((DDL / "que.sql").read_bytes())
    attach(operator, presets.load("que"))
    worker.execute("INSERT INTO que_jobs (job_class, job_schema_version) VALUES ('Mail', 2), ('Mail', 2)")
    worker.execute(
        "INSERT INTO que_lockers (pid, worker_count, worker_priorities, ruby_pid, ruby_hostname, queues, listening)"
        " VALUES (pg_backend_pid(), 1, '{1}', 1, 'h', '{default}', true)"
    )

    def ask() -> int:
        row = operator.execute("SELECT tailboard.poll_que()").fetchone()
        assert row is not None
        return int(row[0])

    assert ask() == 0
    worker.execute("SELECT pg_advisory_lock(1)")
    assert [ask(), ask()] == [1, 0]
    worker.execute("DELETE FROM que_jobs WHERE id = 1")
    worker.execute("SELECT pg_advisory_unlock(1)")
    worker.execute("SELECT pg_advisory_lock(2)")
    assert ask() == 1
    worker.execute("SELECT pg_advisory_unlock(2)")
    assert [ask(), ask()] == [1, 0]
    found = worker.execute(
        "SELECT job_id, op::text, old_status, new_status FROM tailboard.changes ORDER BY seq"
    )
    assert found.fetchall()[2:] == [
        ("1", "U", "pending", "in_progress"),
        ("1", "D", "in_progress", "completed"),
        ("2", "U", "pending", "in_progress"),
        ("2", "U", "in_progress", "pending"),
    ]
    detach(operator, "que")
    assert worker.execute("SELECT FROM pg_proc WHERE proname ~ '_que$'").rowcount == 0


@pytest.mark.parametrize(("kind", "job"), [("char(9)", "one"), ("bit(3)", "101"), ("text", "one")])
def test_a_job_is_looked_at_by_an_id_of_any_type(
    connect: Connect, operator: Session, kind: str, job: str
) -> None:
    owner = connect()
    owner.execute(f"CREATE TABLE public.errands (id {kind} PRIMARY KEY, busy boolean DEFAULT false)".encode())
    definition = {"table": "public.errands", "id": "id", "status": "'pending'", "running": "busy"}
    attach(operator, from_definition("errands", definition))
    owner.execute(f"INSERT INTO public.errands VALUES ('{job}')".encode())
    owner.execute("UPDATE public.errands SET busy = true")
    owner.execute("DELETE FROM public.errands")
    assert [row[:3] for row in told(owner)] == [
        ("I", None, "pending"),
        ("U", "pending", "in_progress"),
        ("D", "in_progress", None),
    ]
