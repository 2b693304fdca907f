"""GoodJob, replayed: what its model does to good_jobs, with advisory locks and with SKIP LOCKED."""

from pathlib import Path
from typing import Final

from fixtures.database import Connect
from queues.board import adopted, agree
from queues.replay import Line, Play, install

_UTC_NOW: Final = "timezone('UTC', clock_timestamp())"
_INSERT: Final = (
    "INSERT INTO good_jobs (id, active_job_id, job_class, queue_name, priority, serialized_params, scheduled_at,"
    " created_at, updated_at, labels) SELECT id, id, %(job)s, 'default', 0,"
    f" '{{\"arguments\": [7], \"executions\": 0}}', {_UTC_NOW} + %(wait)s::interval, {_UTC_NOW}, {_UTC_NOW}, '{{red}}'"
    " FROM gen_random_uuid() AS id RETURNING id"
)
_EXECUTION: Final = (
    "INSERT INTO good_job_executions (active_job_id, job_class, created_at, updated_at)"
    f" SELECT id, job_class, {_UTC_NOW}, {_UTC_NOW} FROM good_jobs WHERE id = %(id)s"
)
_UNLOCK: Final = "locked_by_id = NULL, locked_at = NULL, lock_type = NULL"
_WORKER: Final = "11111111-2222-3333-4444-555555555555"

PARTS: Final = {
    "enqueue": _INSERT,
    "perform": (
        f"UPDATE good_jobs SET performed_at = {_UTC_NOW}, executions_count = coalesce(executions_count, 0) + 1,"
        f" locked_by_id = '{_WORKER}', locked_at = {_UTC_NOW}, lock_type = 0, updated_at = {_UTC_NOW}"
        " WHERE id = %(id)s AND finished_at IS NULL"
    ),
    "claim": (
        f"UPDATE good_jobs SET locked_by_id = '{_WORKER}', locked_at = {_UTC_NOW}, lock_type = 1"
        " WHERE id = %(id)s AND locked_by_id IS NULL"
    ),
    "perform claimed": (
        f"UPDATE good_jobs SET performed_at = {_UTC_NOW}, executions_count = coalesce(executions_count, 0) + 1,"
        f" updated_at = {_UTC_NOW} WHERE id = %(id)s"
    ),
    "execution": _EXECUTION,
    "finish": (
        f"UPDATE good_jobs SET finished_at = {_UTC_NOW}, error = NULL, error_event = NULL, {_UNLOCK}"
        " WHERE id = %(id)s"
    ),
    "finish with an error": (
        f"UPDATE good_jobs SET finished_at = {_UTC_NOW}, error = 'ArgumentError: no luck', error_event = 5,"
        f" {_UNLOCK} WHERE id = %(id)s"
    ),
    "enqueue again": (
        "UPDATE good_jobs SET serialized_params = jsonb_set(serialized_params, '{executions}', '1'),"
        f" scheduled_at = {_UTC_NOW} + interval '3 seconds', performed_at = NULL, finished_at = NULL"
        " WHERE id = %(id)s"
    ),
    "note the error": (
        f"UPDATE good_jobs SET error = 'ArgumentError: no luck', error_event = 4, {_UNLOCK} WHERE id = %(id)s"
    ),
    "reschedule": f"UPDATE good_jobs SET scheduled_at = {_UTC_NOW} WHERE id = %(id)s AND finished_at IS NULL",
    "discard": (
        f"UPDATE good_jobs SET finished_at = {_UTC_NOW}, error = 'GoodJob::Job::DiscardJobError: not needed',"
        " error_event = 2 WHERE id = %(id)s"
    ),
    "retry a discarded one": (
        "UPDATE good_jobs SET serialized_params = jsonb_set(serialized_params, '{executions}', '2'),"
        f" scheduled_at = {_UTC_NOW}, performed_at = NULL, finished_at = NULL WHERE id = %(id)s"
    ),
    "destroy": (
        "DELETE FROM good_job_executions WHERE active_job_id = %(id)s; DELETE FROM good_jobs WHERE id = %(id)s"
    ),
}  # fmt: skip

PLAY: Final = [
    Line("good", "enqueue", "created pending"),
    Line("good", "execution", None),
    Line("good", "perform", "started in_progress"),
    Line("good", "finish", "completed completed"),
    Line("skip locked", "enqueue", "created pending"),
    Line("skip locked", "claim", None),
    Line("skip locked", "perform claimed", "started in_progress"),
    Line("skip locked", "finish", "completed completed"),
    Line("bad", "enqueue", "created pending"),
    Line("bad", "perform", "started in_progress"),
    Line("bad", "finish with an error", "failed failed"),
    Line("flaky", "enqueue", "created pending"),
    Line("flaky", "perform", "started in_progress"),
    Line("flaky", "enqueue again", "updated scheduled"),
    Line("flaky", "note the error", "updated scheduled"),
    Line("flaky", "reschedule", "updated pending"),
    Line("flaky", "perform", "started in_progress"),
    Line("flaky", "finish", "completed completed"),
    Line("interrupted", "enqueue", "created pending"),
    Line("interrupted", "perform", "started in_progress"),
    Line("interrupted", "perform", "updated in_progress"),
    Line("interrupted", "finish", "completed completed"),
    Line("discarded", "enqueue", "created pending"),
    Line("discarded", "discard", "failed failed"),
    Line("again", "enqueue", "created pending"),
    Line("again", "perform", "started in_progress"),
    Line("again", "finish with an error", "failed failed"),
    Line("again", "retry a discarded one", "updated pending"),
    Line("not preserved", "enqueue", "created pending"),
    Line("not preserved", "execution", None),
    Line("not preserved", "perform", "started in_progress"),
    Line("not preserved", "destroy", "completed completed"),
    Line("old", "enqueue", "created pending"),
    Line("old", "execution", None),
    Line("old", "perform", "started in_progress"),
    Line("old", "finish", "completed completed"),
    Line("old", "destroy", "deleted"),
]
WAITS: Final = [Line("soon", "enqueue", "created scheduled")]
WAITS_LONG: Final = [Line("later", "enqueue", "created scheduled")]

FINALLY: Final = {
    "good": "completed", "skip locked": "completed", "bad": "failed", "flaky": "completed",
    "interrupted": "completed", "discarded": "failed", "again": "pending", "soon": "pending",
    "later": "scheduled", "before": "in_progress",
}  # fmt: skip


async def test_every_job_is_on_the_board_in_order(
    database_url: str, connect: Connect, tmp_path: Path
) -> None:
    install(database_url, "goodjob")
    play = Play(connect(), PARTS)
    play.act([Line("before", "enqueue", None), Line("before", "perform", None)], wait="0")
    async with adopted("goodjob", database_url, tmp_path) as board:
        play.act(PLAY, wait="0")
        play.act(WAITS, wait="2 seconds")
        play.act(WAITS_LONG, wait="1 day")
        await board.settled()
        assert {job: board.story(id_) for job, id_ in play.ids.items()} == {**play.told, "before": []}
        await board.until(lambda: board.counts.get("pending") == 2, "the job's time came")
        await agree(board, tmp_path, database_url, {str(play.ids[j]): s for j, s in FINALLY.items()})
        bad = board.last(play.ids["bad"]).job
        assert (bad.queue, bad.kind, bad.attempt, bad.error, bad.tags, bad.worker) == (
            "default", "bad", 1, "ArgumentError: no luck", ("red",), None
        )  # fmt: skip
        assert b'"payload": [7]' in board.last(play.ids["bad"]).line
