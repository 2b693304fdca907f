"""The real Graphile Worker, driven from Node: a table without a status, whose jobs are deleted when they succeed."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from queues.board import agree, board_of, schema_of, tailboard
from queues.node_queue import NodeQueue, node_queue


def view(url: str) -> dict[str, str]:
    """What the queue's own public view says of its jobs, in the board's words."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT id, locked_at IS NOT NULL, attempts >= max_attempts, run_at > now() FROM graphile_worker.jobs"
        ).fetchall()
    return {
        str(job): "in_progress" if locked else "failed" if exhausted else "scheduled" if waits else "pending"
        for job, locked, exhausted, waits in rows
    }


async def add(queue: NodeQueue, task: str, do: str, *, failures: int | None = None, **spec: Any) -> str:
    payload = {"do": do} if failures is None else {"do": do, "failures": failures}
    return str(await queue.call("addJob", task, payload, spec))


def in_future(**wait: float) -> str:
    return (datetime.now(UTC) + timedelta(**wait)).isoformat()


async def test_every_job_is_on_the_board_in_order(database_url: str, tmp_path: Path) -> None:
    url = database_url
    async with node_queue("graphile.mjs", url) as queue:
        await queue.call("migrate")
        before = schema_of(url)
        old = await add(queue, "mail", "succeed")
        old_failed = await add(queue, "report", "succeed")
        await queue.call("permanentlyFailJobs", [old_failed], "no")

        tailboard(tmp_path, url, "attach", "graphile-worker", "--yes")
        async with board_of("graphile-worker", url, tmp_path) as board:
            await agree(board, tmp_path, url, view(url))

            good = await add(queue, "mail", "succeed", queueName="letters", flags=["vip"])
            doomed = await add(queue, "mail", "fail", maxAttempts=1)
            flaky = await add(queue, "report", "fail", failures=1)
            soon = await add(queue, "mail", "succeed", runAt=in_future(seconds=1))
            tomorrow = await add(queue, "mail", "succeed", runAt=in_future(days=1))
            dropped = await add(queue, "mail", "succeed", runAt=in_future(days=1))
            await queue.call("completeJobs", [dropped])
            failed = await add(queue, "mail", "succeed", runAt=in_future(days=1))
            await queue.call("permanentlyFailJobs", [failed], "nobody wants it")
            keyed = await add(queue, "mail", "succeed", jobKey="one", runAt=in_future(days=1))
            assert keyed == await add(queue, "mail", "succeed", jobKey="one", runAt=in_future(days=2))
            held = await add(queue, "report", "hold")
            await queue.call("work")
            await queue.holding(held)
            await board.sees(held, "created pending", "started in_progress")
            await queue.call("release", held)
            # It would be tried again in some seconds; sooner than that it is asked for.
            await board.sees(flaky, "updated scheduled")
            await queue.call("rescheduleJobs", [flaky], {"runAt": datetime.now(UTC).isoformat()})
            for job in (old, good, soon, held, flaky):
                await board.sees(job, "completed completed")
            await board.sees(doomed, "failed failed")
            await queue.call("rescheduleJobs", [doomed], {"maxAttempts": 5})
            await board.sees(doomed, "updated scheduled")
            await queue.call("stopWork")
            await queue.call("cleanup", ["DELETE_PERMAFAILED_JOBS", "GC_TASK_IDENTIFIERS", "GC_JOB_QUEUES"])
            await board.sees(failed, "deleted cancelled")
            await agree(board, tmp_path, url, view(url))

            run = ["created pending", "started in_progress"]
            again = ["started in_progress", "completed completed"]
            assert {job: board.story(job) for job in (
                old, old_failed, good, doomed, flaky, soon, tomorrow, dropped, failed, keyed, held,
            )} == {
                old: again,
                old_failed: ["deleted cancelled"],
                good: [*run, "completed completed"],
                doomed: [*run, "failed failed", "updated scheduled"],
                flaky: [*run, "updated scheduled", "updated pending", *again],
                soon: ["created scheduled", *again],
                tomorrow: ["created scheduled"],
                dropped: ["created scheduled", "deleted cancelled"],
                failed: ["created scheduled", "failed failed", "deleted cancelled"],
                keyed: ["created scheduled", "updated scheduled"],
                held: [*run, "completed completed"],
            }  # fmt: skip
            card = board.last(good).job
            assert (card.queue, card.kind, card.tags, card.attempt) == ("letters", "mail", ("vip",), 1)
            assert json.loads(board.last(good).line)["job"]["payload"] == {"do": "succeed"}
            assert board.last(doomed).job.error == "it did not work"
        # Its own migration finds nothing to do, and changes nothing.
        attached = schema_of(url)
        await queue.call("migrate")
        assert schema_of(url) == attached
        assert not queue.errors
        tailboard(tmp_path, url, "detach", "graphile-worker")
        assert schema_of(url) == before


async def test_the_actions_are_the_queues_own(database_url: str, tmp_path: Path) -> None:
    url = database_url
    async with node_queue("graphile.mjs", url) as queue:
        await queue.call("migrate")
        tailboard(tmp_path, url, "attach", "graphile-worker", "--yes")
        async with board_of("graphile-worker", url, tmp_path) as board:
            job = await add(queue, "mail", "succeed", runAt=in_future(days=1))
            other = await add(queue, "mail", "succeed")
            await board.ask("POST", f"/jobs/graphile-worker/{job}/cancel")
            await board.sees(job, "failed failed")
            await board.ask("POST", f"/jobs/graphile-worker/{job}/retry")
            await board.sees(job, "updated pending")
            await board.ask("DELETE", f"/jobs/graphile-worker/{other}")
            await board.sees(other, "deleted cancelled")
            held = await add(queue, "report", "hold")
            await queue.call("work")
            await queue.holding(held)
            # The queue refuses to touch what is locked.
            for action in ("retry", "cancel"):
                await board.ask("POST", f"/jobs/graphile-worker/{held}/{action}", 409)
            await board.ask("DELETE", f"/jobs/graphile-worker/{held}", 409)
            await queue.call("release", held)
            for done in (job, held):
                await board.sees(done, "completed completed")
            await agree(board, tmp_path, url, view(url))
