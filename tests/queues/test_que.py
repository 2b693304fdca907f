"""Que, replayed: a job is at work while a worker's connection holds its advisory lock, and no row says so."""

from pathlib import Path
from typing import Any, Final

import psycopg

from fixtures.database import Connect
from queues.board import adopted, agree
from queues.replay import Line, Play, install

_INSERT: Final = (
    "INSERT INTO que_jobs (queue, priority, run_at, job_class, args, kwargs, data, job_schema_version)"
    " VALUES ('default', 100, now() + %(wait)s::interval, %(job)s, '[7]', '{}', '{\"tags\": [\"red\"]}', 2)"
    " RETURNING id"
)

PARTS: Final = {
    "enqueue": _INSERT,
    "enqueue by ActiveJob": (
        "INSERT INTO que_jobs (job_class, args, job_schema_version) VALUES"
        " ('ActiveJob::QueueAdapters::QueAdapter::JobWrapper', '[{\"job_class\": \"Mailer\"}]', 2) RETURNING id"
    ),
    "destroy": "DELETE FROM que_jobs WHERE id = %(id)s",
    "finish": "UPDATE que_jobs SET finished_at = now() WHERE id = %(id)s",
    "set error": (
        "UPDATE que_jobs SET error_count = error_count + 1, run_at = now() + 3600::float * '1 second'::interval,"
        " last_error_message = left('ArgumentError: no luck', 500), last_error_backtrace = left('a.rb:1', 10000)"
        " WHERE id = %(id)s"
    ),
    "expire": "UPDATE que_jobs SET error_count = error_count + 1, expired_at = now() WHERE id = %(id)s",
}

PLAY: Final = [
    Line("quick", "enqueue", "created pending"),
    Line("quick", "destroy", "completed completed"),
    Line("kept", "enqueue", "created pending"),
    Line("kept", "finish", "completed completed"),
    Line("flaky", "enqueue", "created pending"),
    Line("flaky", "set error", "updated scheduled"),
    Line("bad", "enqueue", "created pending"),
    Line("bad", "expire", "failed failed"),
    Line("rails", "enqueue by ActiveJob", "created pending"),
    Line("old", "enqueue", "created pending"),
    Line("old", "finish", "completed completed"),
    Line("old", "destroy", "deleted"),
]


class Worker:
    """A locker's connection: registered as Que registers it, and holding the locks of the jobs it works on."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        connection.execute(
            "INSERT INTO que_lockers (pid, worker_count, worker_priorities, ruby_pid, ruby_hostname, listening,"
            " queues, job_schema_version) VALUES (pg_backend_pid(), 1, '{10}', 1, 'host', true, '{default}', 2)"
        )

    def lock(self, job: int) -> None:
        row = self._connection.execute("SELECT pg_try_advisory_lock(%s)", [job]).fetchone()
        assert row == (True,)

    def unlock(self, job: int) -> None:
        self._connection.execute("SELECT pg_advisory_unlock(%s)", [job])


async def test_every_job_is_on_the_board_in_order(
    database_url: str, connect: Connect, tmp_path: Path
) -> None:
    install(database_url, "que")
    play = Play(connect(), PARTS)
    worker = Worker(connect())
    play.act([Line("before", "enqueue", None)], wait="0")
    async with adopted("que", database_url, tmp_path) as board:
        play.act(PLAY, wait="0")
        play.act([Line("later", "enqueue", "created scheduled")], wait="1 day")
        play.act([Line("soon", "enqueue", "created scheduled")], wait="2 seconds")
        # Jobs that run long enough to be seen at work, and their ends.
        for job in ("done", "failing", "released"):
            play.act([Line(job, "enqueue", "created pending")], wait="0")
            worker.lock(play.ids[job])
        for job in ("done", "failing", "released"):
            await board.sees(play.ids[job], "created pending", "started in_progress")
        assert (await board.statuses())[str(play.ids["done"])] == "in_progress"
        play.act([Line("done", "destroy", None), Line("failing", "set error", None)])
        for job in ("done", "failing", "released"):
            worker.unlock(play.ids[job])
        await board.sees(play.ids["done"], "completed completed")
        await board.sees(play.ids["released"], "updated pending")
        await board.until(
            lambda: board.story(play.ids["failing"])[-1] == "updated scheduled", "the failed one waits"
        )
        await board.until(lambda: board.counts.get("in_progress") == 0, "nobody is at work")
        await board.settled()
        mine = {job: board.story(id_) for job, id_ in play.ids.items()}
        assert {job: mine[job] for job in play.told if job not in {"done", "failing", "released"}} == {
            job: story for job, story in play.told.items() if job not in {"done", "failing", "released"}
        }
        assert mine["before"] == []
        assert mine["done"] == ["created pending", "started in_progress", "completed completed"]
        await agree(
            board, tmp_path, database_url,
            {str(play.ids[job]): status for job, status in {
                "before": "pending", "kept": "completed", "flaky": "scheduled", "bad": "failed", "rails": "pending",
                "later": "scheduled", "soon": "pending", "failing": "scheduled", "released": "pending",
            }.items()},
        )  # fmt: skip
        assert board.last(play.ids["rails"]).job.kind == "Mailer"
        flaky = board.last(play.ids["flaky"]).job
        assert (flaky.attempt, flaky.error, flaky.tags) == (1, "ArgumentError: no luck", ("red",))
