"""Oban, replayed: what its basic engine does to oban_jobs."""

from datetime import datetime
from pathlib import Path
from typing import Final

from fixtures.database import Connect
from queues.board import adopted, agree
from queues.replay import Line, Play, install

_UTC_NOW: Final = "timezone('UTC', clock_timestamp())"

PARTS: Final = {
    "insert": "INSERT INTO oban_jobs (worker, args, tags) VALUES (%(job)s, '{\"to\": 1}', '{a}') RETURNING id",
    "insert scheduled": (
        "INSERT INTO oban_jobs (worker, state, scheduled_at) VALUES"
        f" (%(job)s, 'scheduled', {_UTC_NOW} + interval '1 day') RETURNING id"
    ),
    "insert suspended": "INSERT INTO oban_jobs (worker, state) VALUES (%(job)s, 'suspended') RETURNING id",
    "release": "UPDATE oban_jobs SET state = 'available' WHERE id = %(id)s AND state = 'suspended'",
    "fetch": (
        f"UPDATE oban_jobs SET state = 'executing', attempted_at = {_UTC_NOW},"
        " attempted_by = ARRAY['node-1', '0f0e'], attempt = attempt + 1"
        " WHERE id = %(id)s AND state = 'available' AND attempt < max_attempts"
    ),
    "complete": f"UPDATE oban_jobs SET state = 'completed', completed_at = {_UTC_NOW} WHERE id = %(id)s",
    "error": (
        f"UPDATE oban_jobs SET state = 'retryable', scheduled_at = {_UTC_NOW} + interval '17 seconds', errors ="
        f" errors || ARRAY[jsonb_build_object('attempt', attempt, 'at', {_UTC_NOW}, 'error', '** no luck')]"
        " WHERE id = %(id)s"
    ),
    "discard": (
        f"UPDATE oban_jobs SET state = 'discarded', discarded_at = {_UTC_NOW}, errors ="
        f" errors || ARRAY[jsonb_build_object('attempt', attempt, 'at', {_UTC_NOW}, 'error', '** enough')]"
        " WHERE id = %(id)s"
    ),
    "snooze": (
        f"UPDATE oban_jobs SET state = 'scheduled', scheduled_at = {_UTC_NOW} + interval '1 hour',"
        " attempt = attempt - 1, meta = meta || '{\"snoozed\": 1}' WHERE id = %(id)s"
    ),
    "stage": "UPDATE oban_jobs SET state = 'available' WHERE id = %(id)s AND state IN ('scheduled', 'retryable')",
    "rescue": "UPDATE oban_jobs SET state = 'available' WHERE id = %(id)s AND state = 'executing'",
    "cancel": (
        f"UPDATE oban_jobs SET state = 'cancelled', cancelled_at = {_UTC_NOW}"
        " WHERE id = %(id)s AND state NOT IN ('cancelled', 'completed', 'discarded')"
    ),
    "retry": (
        "UPDATE oban_jobs SET state = 'available', max_attempts = GREATEST(max_attempts, attempt + 1),"
        f" scheduled_at = {_UTC_NOW}, completed_at = NULL, cancelled_at = NULL, discarded_at = NULL"
        " WHERE id = %(id)s AND state NOT IN ('available', 'executing')"
    ),
    "prune": "DELETE FROM oban_jobs WHERE id = %(id)s AND state IN ('completed', 'cancelled', 'discarded')",
    "delete": "DELETE FROM oban_jobs WHERE id = %(id)s AND state <> 'executing'",
}

PLAY: Final = [
    Line("good", "insert", "created pending"),
    Line("good", "fetch", "started in_progress"),
    Line("good", "complete", "completed completed"),
    Line("later", "insert scheduled", "created scheduled"),
    Line("due", "insert scheduled", "created scheduled"),
    Line("due", "stage", "updated pending"),
    Line("kept back", "insert suspended", "created pending"),
    Line("flaky", "insert", "created pending"),
    Line("flaky", "fetch", "started in_progress"),
    Line("flaky", "error", "updated scheduled"),
    Line("flaky", "stage", "updated pending"),
    Line("flaky", "fetch", "started in_progress"),
    Line("flaky", "complete", "completed completed"),
    Line("waits", "insert", "created pending"),
    Line("waits", "fetch", "started in_progress"),
    Line("waits", "error", "updated scheduled"),
    Line("bad", "insert", "created pending"),
    Line("bad", "fetch", "started in_progress"),
    Line("bad", "discard", "failed failed"),
    Line("again", "insert", "created pending"),
    Line("again", "fetch", "started in_progress"),
    Line("again", "discard", "failed failed"),
    Line("again", "retry", "updated pending"),
    Line("snoozed", "insert", "created pending"),
    Line("snoozed", "fetch", "started in_progress"),
    Line("snoozed", "snooze", "updated scheduled"),
    Line("orphan", "insert", "created pending"),
    Line("orphan", "fetch", "started in_progress"),
    Line("orphan", "rescue", "updated pending"),
    Line("unwanted", "insert", "created pending"),
    Line("unwanted", "cancel", "updated cancelled"),
    Line("stopped", "insert", "created pending"),
    Line("stopped", "fetch", "started in_progress"),
    Line("stopped", "cancel", "updated cancelled"),
    Line("old", "insert", "created pending"),
    Line("old", "fetch", "started in_progress"),
    Line("old", "complete", "completed completed"),
    Line("old", "prune", "deleted"),
    Line("deleted", "insert", "created pending"),
    Line("deleted", "delete", "deleted"),
]

FINALLY: Final = {
    "good": "completed", "later": "scheduled", "due": "pending", "kept back": "pending", "flaky": "completed",
    "waits": "scheduled", "bad": "failed", "again": "pending", "snoozed": "scheduled", "orphan": "pending",
    "unwanted": "cancelled", "stopped": "cancelled", "before": "in_progress",
}  # fmt: skip


async def test_every_job_is_on_the_board_in_order(
    database_url: str, connect: Connect, tmp_path: Path
) -> None:
    install(database_url, "oban")
    play = Play(connect(), PARTS)
    play.act([Line("before", "insert", None), Line("before", "fetch", None)])
    async with adopted("oban", database_url, tmp_path) as board:
        play.act(PLAY)
        await agree(board, tmp_path, database_url, {str(play.ids[j]): s for j, s in FINALLY.items()})
        assert {job: board.story(id_) for job, id_ in play.ids.items()} == {**play.told, "before": []}
        # One that is held back is let go: still pending, and its card is the same.
        play.act([Line("kept back", "release", None)])
        await board.settled()
        assert board.story(play.ids["kept back"]) == ["created pending"]
        flaky = board.last(play.ids["flaky"]).job
        assert (flaky.kind, flaky.attempt, flaky.max_attempts, flaky.worker, flaky.error, flaky.tags) == (
            "flaky", 2, 20, "node-1", "** no luck", ("a",)
        )  # fmt: skip
        assert flaky.created_at is not None
        created = datetime.fromisoformat(flaky.created_at)
        assert abs((created - board.last(play.ids["flaky"]).at).total_seconds()) < 60
