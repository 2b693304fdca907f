"""River, replayed: what its driver's statements do to river_job."""

import json
from pathlib import Path
from typing import Final

from fixtures.database import Connect
from queues.board import adopted, agree
from queues.replay import Line, Play, install

PARTS: Final = {
    "insert": "INSERT INTO river_job (kind, args, tags) VALUES (%(job)s, '{\"to\": 1}', '{a,b}') RETURNING id",
    "insert scheduled": (
        "INSERT INTO river_job (kind, args, state, scheduled_at)"
        " VALUES (%(job)s, '{}', 'scheduled', now() + interval '1 day') RETURNING id"
    ),
    "insert pending": (
        "INSERT INTO river_job (kind, args, state) VALUES (%(job)s, '{}', 'pending') RETURNING id"
    ),
    "insert again": (  # a unique job that is there already: the row is updated so that it can be returned
        "INSERT INTO river_job (id, kind, args) VALUES (%(id)s, %(job)s, '{}')"
        " ON CONFLICT (id) DO UPDATE SET kind = EXCLUDED.kind"
    ),
    "fetch": (
        "UPDATE river_job SET state = 'running', attempt = attempt + 1, attempted_at = now(),"
        " attempted_by = array_append(attempted_by, 'client-' || attempt) WHERE id ="
        " (SELECT id FROM river_job WHERE state = 'available' AND scheduled_at <= now() AND id = %(id)s"
        " FOR UPDATE SKIP LOCKED)"
    ),
    "complete": (
        "UPDATE river_job SET state = 'completed', finalized_at = now(),"
        " metadata = metadata || '{\"output\": {\"sum\": 3}}' WHERE id = %(id)s AND state = 'running'"
    ),
    "error": (
        "UPDATE river_job SET state = 'retryable', scheduled_at = now() + interval '1 minute', errors ="
        " array_append(errors, jsonb_build_object('at', now(), 'attempt', attempt, 'error', 'no luck', 'trace', ''))"
        " WHERE id = %(id)s AND state = 'running'"
    ),
    "error, again soon": (
        "UPDATE river_job SET state = 'available', scheduled_at = now() + interval '1 second', errors ="
        " array_append(errors, jsonb_build_object('at', now(), 'attempt', attempt, 'error', 'no luck', 'trace', ''))"
        " WHERE id = %(id)s AND state = 'running'"
    ),
    "discard": (
        "UPDATE river_job SET state = 'discarded', finalized_at = now(), errors ="
        " array_append(errors, jsonb_build_object('at', now(), 'attempt', attempt, 'error', 'enough', 'trace', ''))"
        " WHERE id = %(id)s AND state = 'running'"
    ),
    "snooze": (
        "UPDATE river_job SET state = 'scheduled', attempt = attempt - 1, scheduled_at = now() + interval '1 hour',"
        " metadata = metadata || '{\"snoozes\": 1}' WHERE id = %(id)s AND state = 'running'"
    ),
    "schedule": (
        "UPDATE river_job SET state = 'available' WHERE id = %(id)s AND state IN ('retryable', 'scheduled')"
    ),
    "make due": "UPDATE river_job SET scheduled_at = now() - interval '1 second' WHERE id = %(id)s",
    "promote": "UPDATE river_job SET state = 'available' WHERE id = %(id)s AND state = 'pending'",
    "cancel": (
        "UPDATE river_job SET state = CASE WHEN state = 'running' THEN state ELSE 'cancelled' END,"
        " finalized_at = CASE WHEN state = 'running' THEN finalized_at ELSE now() END,"
        " metadata = jsonb_set(metadata, '{cancel_attempted_at}', to_jsonb(now()), true) WHERE id = %(id)s"
    ),
    "cancelled at work": (
        "UPDATE river_job SET state = 'cancelled', finalized_at = now() WHERE id = %(id)s AND state = 'running'"
    ),
    "retry": (
        "UPDATE river_job SET state = 'available', finalized_at = NULL, scheduled_at = now(),"
        " max_attempts = CASE WHEN attempt = max_attempts THEN max_attempts + 1 ELSE max_attempts END"
        " WHERE id = %(id)s AND state <> 'running'"
    ),
    "clean": "DELETE FROM river_job WHERE id = %(id)s AND finalized_at IS NOT NULL",
}

PLAY: Final = [
    Line("good", "insert", "created pending"),
    Line("good", "insert again", None),
    Line("good", "fetch", "started in_progress"),
    Line("good", "complete", "completed completed"),
    Line("later", "insert scheduled", "created scheduled"),
    Line("due", "insert scheduled", "created scheduled"),
    Line("due", "make due", "updated scheduled"),
    Line("due", "schedule", "updated pending"),
    Line("flow", "insert pending", "created pending"),
    Line("flow", "promote", None),
    Line("flaky", "insert", "created pending"),
    Line("flaky", "fetch", "started in_progress"),
    Line("flaky", "error", "updated scheduled"),
    Line("flaky", "make due", "updated scheduled"),
    Line("flaky", "schedule", "updated pending"),
    Line("flaky", "fetch", "started in_progress"),
    Line("flaky", "complete", "completed completed"),
    Line("soon", "insert", "created pending"),
    Line("soon", "fetch", "started in_progress"),
    Line("soon", "error, again soon", "updated scheduled"),
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
    Line("unwanted", "insert", "created pending"),
    Line("unwanted", "cancel", "updated cancelled"),
    Line("stopped", "insert", "created pending"),
    Line("stopped", "fetch", "started in_progress"),
    Line("stopped", "cancel", None),
    Line("stopped", "cancelled at work", "updated cancelled"),
    Line("old", "insert", "created pending"),
    Line("old", "fetch", "started in_progress"),
    Line("old", "complete", "completed completed"),
    Line("old", "clean", "deleted"),
]

FINALLY: Final = {
    "good": "completed", "later": "scheduled", "due": "pending", "flow": "pending", "flaky": "completed",
    "soon": "pending", "bad": "failed", "again": "pending", "snoozed": "scheduled", "unwanted": "cancelled",
    "stopped": "cancelled", "before": "in_progress",
}  # fmt: skip


async def test_every_job_is_on_the_board_in_order(
    database_url: str, connect: Connect, tmp_path: Path
) -> None:
    install(database_url, "river")
    play = Play(connect(), PARTS)
    play.act([Line("before", "insert", None), Line("before", "fetch", None)])
    async with adopted("river", database_url, tmp_path) as board:
        play.act(PLAY)
        await board.settled()
        assert {job: board.story(id_) for job, id_ in play.ids.items()} == {**play.told, "before": []}
        # What becomes available a little ahead of its time is pending from then on, by time alone.
        await board.until(lambda: board.counts.get("pending") == 4, "the job's time came")
        await agree(board, tmp_path, database_url, {str(play.ids[j]): s for j, s in FINALLY.items()})
        flaky = board.last(play.ids["flaky"]).job
        assert (flaky.kind, flaky.attempt, flaky.max_attempts, flaky.worker, flaky.error, flaky.tags) == (
            "flaky", 2, 25, "client-1", "no luck", ("a", "b")
        )  # fmt: skip
        assert json.loads(board.last(play.ids["good"]).line)["job"]["result"] == {"sum": 3}
