"""Solid Queue, replayed: which of its executions tables has a row of a job is what the job's state is."""

from pathlib import Path
from typing import Final

import psycopg

from fixtures.database import Connect
from queues.board import adopted, agree
from queues.replay import Line, Play, install

_UTC_NOW: Final = "timezone('UTC', clock_timestamp())"
_READY: Final = (
    "INSERT INTO solid_queue_ready_executions (job_id, queue_name, priority, created_at)"
    f" SELECT id, queue_name, priority, {_UTC_NOW} FROM solid_queue_jobs WHERE id = %(id)s"
)
_UNCLAIM: Final = "DELETE FROM solid_queue_claimed_executions WHERE job_id = %(id)s"

# Each is one transaction, as the models make it.
_CREATE: Final = (
    "BEGIN; INSERT INTO solid_queue_jobs (queue_name, class_name, arguments, scheduled_at, created_at, updated_at)"
    f" SELECT 'default', %(job)s, '{{\"arguments\": [7], \"executions\": 0}}', {_UTC_NOW} + %(wait)s::interval,"
    f" {_UTC_NOW}, {_UTC_NOW} RETURNING id;"
)
_NEW: Final = "FROM solid_queue_jobs WHERE id = currval('solid_queue_jobs_id_seq')"

# Each is one transaction, as the models make it.
PARTS: Final = {
    "create": (
        f"{_CREATE} INSERT INTO solid_queue_ready_executions (job_id, queue_name, priority, created_at)"
        f" SELECT id, queue_name, priority, {_UTC_NOW} {_NEW}; COMMIT"
    ),
    "create later": (
        f"{_CREATE} INSERT INTO solid_queue_scheduled_executions (job_id, queue_name, priority, scheduled_at,"
        f" created_at) SELECT id, queue_name, priority, scheduled_at, {_UTC_NOW} {_NEW}; COMMIT"
    ),
    "create blocked": (
        f"{_CREATE} INSERT INTO solid_queue_blocked_executions (job_id, queue_name, priority, concurrency_key,"
        f" expires_at, created_at) SELECT id, queue_name, priority, 'k', {_UTC_NOW} + interval '3 minutes',"
        f" {_UTC_NOW} {_NEW}; COMMIT"
    ),
    "dispatch": (
        f"BEGIN; UPDATE solid_queue_jobs SET scheduled_at = {_UTC_NOW} WHERE id = %(id)s; {_READY};"
        " DELETE FROM solid_queue_scheduled_executions WHERE job_id = %(id)s; COMMIT"
    ),
    "unblock": f"BEGIN; {_READY}; DELETE FROM solid_queue_blocked_executions WHERE job_id = %(id)s; COMMIT",
    "claim": (
        "BEGIN; INSERT INTO solid_queue_claimed_executions (job_id, process_id, created_at)"
        f" SELECT %(id)s, p.id, {_UTC_NOW} FROM solid_queue_processes AS p;"
        " DELETE FROM solid_queue_ready_executions WHERE job_id = %(id)s; COMMIT"
    ),
    "finish": (
        f"BEGIN; UPDATE solid_queue_jobs SET finished_at = {_UTC_NOW}, updated_at = {_UTC_NOW} WHERE id = %(id)s;"
        f" {_UNCLAIM}; COMMIT"
    ),
    "finish and destroy": "DELETE FROM solid_queue_jobs WHERE id = %(id)s",
    "fail": (
        "BEGIN; INSERT INTO solid_queue_failed_executions (job_id, error, created_at) VALUES (%(id)s,"
        " '{\"exception_class\": \"ArgumentError\", \"message\": \"no\\u0000 luck\", \"backtrace\": [\"a.rb:1\"]}',"
        f" {_UTC_NOW}); {_UNCLAIM}; COMMIT"
    ),
    "release": f"BEGIN; {_READY}; {_UNCLAIM}; COMMIT",
    "retry": (
        f"BEGIN; UPDATE solid_queue_jobs SET arguments = arguments, updated_at = {_UTC_NOW} WHERE id = %(id)s;"
        f" {_READY}; DELETE FROM solid_queue_failed_executions WHERE job_id = %(id)s; COMMIT"
    ),
    "discard": "DELETE FROM solid_queue_jobs WHERE id = %(id)s",
}  # fmt: skip

PLAY: Final = [
    Line("good", "create", "created pending"),
    Line("good", "claim", "started in_progress"),
    Line("good", "finish", "completed completed"),
    Line("bad", "create", "created pending"),
    Line("bad", "claim", "started in_progress"),
    Line("bad", "fail", "failed failed"),
    Line("again", "create", "created pending"),
    Line("again", "claim", "started in_progress"),
    Line("again", "fail", "failed failed"),
    Line("again", "retry", "updated pending"),
    Line("released", "create", "created pending"),
    Line("released", "claim", "started in_progress"),
    Line("released", "release", "updated pending"),
    Line("blocked", "create blocked", "created pending"),
    Line("blocked", "unblock", None),
    Line("blocked", "claim", "started in_progress"),
    Line("not preserved", "create", "created pending"),
    Line("not preserved", "claim", "started in_progress"),
    Line("not preserved", "finish and destroy", "completed completed"),
    Line("dropped", "create", "created pending"),
    Line("dropped", "discard", "deleted cancelled"),
    Line("dropped failed", "create", "created pending"),
    Line("dropped failed", "claim", "started in_progress"),
    Line("dropped failed", "fail", "failed failed"),
    Line("dropped failed", "discard", "deleted cancelled"),
    Line("old", "create", "created pending"),
    Line("old", "claim", "started in_progress"),
    Line("old", "finish", "completed completed"),
    Line("old", "discard", "deleted"),
]

WAITING: Final = [
    Line("later", "create later", "created scheduled"),
    Line("due", "create later", "created scheduled"),
    Line("due", "dispatch", "updated pending"),
    Line("due", "claim", "started in_progress"),
]

FINALLY: Final = {
    "good": "completed", "later": "scheduled", "due": "in_progress", "bad": "failed", "again": "pending",
    "released": "pending", "blocked": "in_progress", "before": "completed",
}  # fmt: skip


def a_process(connection: psycopg.Connection) -> None:
    connection.execute(
        "INSERT INTO solid_queue_processes (kind, name, pid, last_heartbeat_at, created_at)"
        f" VALUES ('Worker', 'worker-1', 42, {_UTC_NOW}, {_UTC_NOW})"
    )


async def test_every_job_is_on_the_board_in_order(
    database_url: str, connect: Connect, tmp_path: Path
) -> None:
    install(database_url, "solid-queue")
    connection = connect()
    a_process(connection)
    play = Play(connection, PARTS)
    play.act([Line("before", "create", None), Line("before", "claim", None)], wait="0")
    async with adopted("solid-queue", database_url, tmp_path, "rails") as board:
        await agree(board, tmp_path, database_url, {str(play.ids["before"]): "in_progress"})
        play.act([Line("before", "finish", "completed completed"), *PLAY], wait="0")
        play.act(WAITING, wait="1 hour")
        await agree(board, tmp_path, database_url, {str(play.ids[j]): s for j, s in FINALLY.items()})
        assert {job: board.story(id_) for job, id_ in play.ids.items()} == play.told
        bad = board.last(play.ids["bad"]).job
        assert (bad.queue, bad.kind, bad.error, bad.worker) == (
            "default",
            "bad",
            "ArgumentError: no\N{REPLACEMENT CHARACTER} luck",
            None,
        )
        assert board.last(play.ids["due"]).job.worker == "worker-1"
