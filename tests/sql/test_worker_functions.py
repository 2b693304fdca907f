"""The SQL functions for workers, and the times and attempts that follow from the status."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from fixtures.database import Connect


def job(connection: psycopg.Connection[Any], columns: str) -> Any:
    row = connection.execute(f"SELECT {columns} FROM tailboard.jobs").fetchone()
    assert row is not None
    return row


def test_a_job_goes_from_enqueue_to_complete(connect: Connect) -> None:
    connection = connect()
    connection.execute("SELECT tailboard.enqueue('mail', '{\"to\": \"a\"}', 'fast', 5)")
    assert job(connection, "status, queue, priority, attempt, started_at") == ("pending", "fast", 5, 0, None)
    claimed = connection.execute("SELECT kind, attempt, worker FROM tailboard.claim('w1')").fetchall()
    assert claimed == [("mail", 1, "w1")]
    assert connection.execute("SELECT tailboard.progress(1, 0.25, 'sending')").fetchone() == (True,)
    assert job(connection, "progress, phase") == (0.25, "sending")
    assert connection.execute("SELECT tailboard.progress(1, 0.5)").fetchone() == (True,)
    assert job(connection, "progress, phase") == (0.5, "sending")
    assert connection.execute("SELECT tailboard.complete(1, '{\"ok\": true}')").fetchone() == (True,)
    status, started, finished, result = job(connection, "status, started_at, finished_at, result")
    assert (status, result) == ("completed", {"ok": True})
    assert started <= finished <= datetime.now(UTC)
    assert connection.execute("SELECT tailboard.complete(1)").fetchone() == (None,)


@pytest.mark.parametrize("call", ["progress(1, 0.5)", "complete(1)", "fail(1, 'boom')"])
def test_a_job_that_was_cancelled_under_its_worker_stays_so(connect: Connect, call: str) -> None:
    connection = connect()
    connection.execute("INSERT INTO tailboard.jobs (kind, status) VALUES ('k', 'in_progress')")
    connection.execute("UPDATE tailboard.jobs SET status = 'cancelled'")
    assert connection.execute(f"SELECT tailboard.{call}".encode()).fetchone() == (None,)
    assert job(connection, "status, progress, error") == ("cancelled", None, None)


def test_a_job_that_goes_on_after_a_pause_is_at_the_same_attempt(connect: Connect) -> None:
    connection = connect()
    connection.execute("INSERT INTO tailboard.jobs (kind, status) VALUES ('k', 'in_progress')")
    for status in ("paused", "in_progress"):
        connection.execute("UPDATE tailboard.jobs SET status = %s", [status])
    assert job(connection, "attempt") == (1,)


def test_claim_takes_the_highest_priority_first_and_never_twice(connect: Connect) -> None:
    one, two = connect(), connect()
    for priority in (1, 9, 5):
        one.execute("SELECT tailboard.enqueue('k', NULL, 'q', %s)", [priority])
    with one.transaction():
        assert one.execute("SELECT priority FROM tailboard.claim('a')").fetchall() == [(9,)]
        assert two.execute("SELECT priority FROM tailboard.claim('b', '{q}', 5)").fetchall() == [(5,), (1,)]
    assert two.execute("SELECT * FROM tailboard.claim('b')").fetchall() == []
    assert two.execute("SELECT * FROM tailboard.claim('b', '{other}')").fetchall() == []


def test_a_worker_of_an_idle_queue_does_not_look_at_what_waits_in_others(connect: Connect) -> None:
    connection = connect()
    connection.execute(
        "INSERT INTO tailboard.jobs (kind, queue, status, scheduled_at)"
        " SELECT 'k', 'q' || i % 4, (ARRAY['pending', 'scheduled', 'completed', 'completed'])[1 + i % 4], now()"
        " FROM generate_series(1, 8000) AS i"
    )
    connection.execute("INSERT INTO tailboard.jobs (kind, queue) VALUES ('k', 'q3')")
    connection.execute("ANALYZE tailboard.jobs")
    with connection.transaction():
        taken = connection.execute("SELECT queue FROM tailboard.claim('w', '{q2,q3}', 3)").fetchall()
        read = connection.execute(
            "SELECT pg_stat_get_xact_tuples_returned(relid) + pg_stat_get_xact_tuples_fetched(relid)"
            " FROM (SELECT 'tailboard.jobs'::regclass UNION ALL SELECT indexrelid FROM pg_index"
            " WHERE indrelid = 'tailboard.jobs'::regclass) AS r (relid)"
        ).fetchall()
    assert taken == [("q3",)]
    assert sum(row[0] for row in read) < 100


def test_a_claim_passes_what_others_hold_however_many(connect: Connect) -> None:
    holder, worker = connect(), connect()
    holder.execute(
        "INSERT INTO tailboard.jobs (kind, queue) SELECT 'k', 'q' || i % 2 FROM generate_series(1, 700) i"
    )
    with holder.transaction():
        assert len(holder.execute("SELECT id FROM tailboard.claim('a', NULL, 600)").fetchall()) == 600
        assert worker.execute("SELECT id FROM tailboard.claim('b', NULL, 2)").fetchall() == [(601,), (602,)]
        assert worker.execute("SELECT id FROM tailboard.claim('b', '{q0,q1}', 3)").fetchall() == [
            (603,), (604,), (605,),
        ]  # fmt: skip
        assert len(worker.execute("SELECT id FROM tailboard.claim('b', '{q1}', 1000)").fetchall()) == 47


@pytest.mark.parametrize(
    ("queues", "limit", "expected"),
    [
        ("{q,q,NULL}", 2, [1, 2]),
        (None, None, [1]),
        (None, 0, []),
        (None, -1, []),
        ("{}", 3, []),
        (None, 9, [1, 2, 3]),
    ],
)
def test_what_a_claim_may_ask_for(
    queues: str | None, limit: int | None, expected: list[int], connect: Connect
) -> None:
    connection = connect()
    connection.execute("INSERT INTO tailboard.jobs (kind, queue) SELECT 'k', 'q' FROM generate_series(1, 3)")
    connection.execute("SET statement_timeout = '10s'")
    found = connection.execute("SELECT id FROM tailboard.claim('w', %s, %s)", [queues, limit]).fetchall()
    assert [row[0] for row in found] == expected


def test_a_retry_that_is_due_waits_no_longer_than_what_is_pending(connect: Connect) -> None:
    connection = connect()
    connection.execute("INSERT INTO tailboard.jobs (kind) VALUES ('flaky')")
    connection.execute("SELECT id FROM tailboard.claim('w')")
    connection.execute("SELECT tailboard.fail(1, 'boom', interval '0 seconds')")
    connection.execute("INSERT INTO tailboard.jobs (kind) SELECT 'k' FROM generate_series(1, 50)")
    assert connection.execute("SELECT id FROM tailboard.claim('w')").fetchall() == [(1,)]


def test_a_failed_attempt_is_scheduled_again_until_attempts_are_used_up(connect: Connect) -> None:
    connection = connect()
    connection.execute("INSERT INTO tailboard.jobs (kind, max_attempts) VALUES ('k', 2)")
    for expected in ("scheduled", "failed"):
        assert connection.execute("SELECT id, error FROM tailboard.claim('w')").fetchall() == [(1, None)]
        connection.execute("SELECT tailboard.fail(1, 'boom', interval '0 seconds')")
        assert job(connection, "status, error") == (expected, "boom")
    assert job(connection, "attempt") == (2,)


def test_what_is_scheduled_is_claimed_once_it_is_due(connect: Connect) -> None:
    connection = connect()
    later = datetime.now(UTC) + timedelta(hours=1)
    connection.execute("SELECT tailboard.enqueue('k', run_at => %s)", [later])
    assert job(connection, "status, scheduled_at") == ("scheduled", later)
    assert connection.execute("SELECT id FROM tailboard.claim('w')").fetchall() == []
    connection.execute("UPDATE tailboard.jobs SET scheduled_at = now()")
    assert connection.execute("SELECT status FROM tailboard.claim('w')").fetchall() == [("in_progress",)]


def test_times_that_the_writer_sets_are_kept(connect: Connect) -> None:
    connection = connect()
    then = datetime(2020, 1, 1, tzinfo=UTC)
    connection.execute("INSERT INTO tailboard.jobs (kind) VALUES ('k')")
    connection.execute(
        "UPDATE tailboard.jobs SET status = 'in_progress', started_at = %s, attempt = 7", [then]
    )
    connection.execute("UPDATE tailboard.jobs SET status = 'completed', finished_at = %s", [then])
    assert job(connection, "started_at, finished_at, attempt") == (then, then, 7)


@pytest.mark.parametrize("status", ["pending", "scheduled"])
def test_a_job_that_waits_again_has_neither_started_nor_finished(connect: Connect, status: str) -> None:
    connection = connect()
    connection.execute("INSERT INTO tailboard.jobs (kind, status) VALUES ('k', 'in_progress')")
    connection.execute("UPDATE tailboard.jobs SET status = 'failed'")
    connection.execute("UPDATE tailboard.jobs SET status = %s", [status])
    assert job(connection, "attempt, started_at, finished_at") == (1, None, None)


def test_a_heartbeat_says_that_a_worker_is_alive_and_notifies_nobody(connect: Connect) -> None:
    connection = connect()
    connection.execute("SELECT tailboard.heartbeat('w', '{\"host\": \"a\"}')")
    first = connection.execute("SELECT seen_at FROM tailboard.workers").fetchone()
    connection.execute("SELECT tailboard.heartbeat('w')")
    second = connection.execute("SELECT seen_at FROM tailboard.workers").fetchone()
    assert first is not None
    assert second is not None
    assert second[0] > first[0]
    assert connection.execute("SELECT count(*) FROM tailboard.changes").fetchone() == (0,)


def test_a_worker_that_was_silent_for_long_has_been_started_anew(connect: Connect) -> None:
    connection = connect()
    connection.execute("SELECT tailboard.heartbeat(w) FROM unnest('{a,b}'::text[]) AS w")
    connection.execute(
        "UPDATE tailboard.workers SET started_at = '2020-01-01',"
        " seen_at = now() - make_interval(mins => CASE name WHEN 'a' THEN 4 ELSE 6 END)"
    )
    connection.execute("SELECT tailboard.heartbeat(w) FROM unnest('{a,b}'::text[]) AS w")
    anew = "SELECT name FROM tailboard.workers WHERE started_at > '2020-01-01'"
    assert connection.execute(anew).fetchall() == [("b",)]
