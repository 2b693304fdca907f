"""The real pg-boss 12, driven from Node: a failure is a DELETE and an INSERT of one id, on a partition."""

from pathlib import Path
from typing import Any, Final

from queues.board import agree, board_of, schema_of, tailboard
from queues.node_queue import NodeQueue, node_queue

MEANS: Final = {
    "created": "pending", "retry": "pending", "active": "in_progress",
    "completed": "completed", "cancelled": "cancelled", "failed": "failed",
}  # fmt: skip


async def view(boss: NodeQueue, *queues: str) -> dict[str, str]:
    """What pg-boss itself says of its jobs, in the board's words. No test waits so long that the times matter."""
    found: dict[str, str] = {}
    for queue in queues:
        for job in await boss.call("findJobs", queue):
            waits = job["state"] in {"created", "retry"} and job["startAfter"] > job["createdOn"]
            found[job["id"]] = "scheduled" if waits else MEANS[job["state"]]
    return found


async def send(boss: NodeQueue, queue: str, do: str, *, failures: int | None = None, **options: Any) -> str:
    data = {"do": do} if failures is None else {"do": do, "failures": failures}
    return str(await boss.call("send", queue, data, options))


async def test_every_job_is_on_the_board_in_order(database_url: str, tmp_path: Path) -> None:
    url = database_url
    async with node_queue("pgboss.mjs", url) as boss:
        await boss.call("start")
        await boss.call("createQueue", "dead")
        await boss.call("createQueue", "mail", {"retryLimit": 0})
        await boss.call("createQueue", "report", {"partition": True, "retryLimit": 0, "deadLetter": "dead"})
        before = schema_of(url)
        old = await send(boss, "mail", "succeed")
        old_cancelled = await send(boss, "mail", "succeed")
        await boss.call("cancel", "mail", old_cancelled)

        tailboard(tmp_path, url, "attach", "pg-boss", "--yes")
        async with board_of("pg-boss", url, tmp_path) as board:
            await agree(board, tmp_path, url, await view(boss, "mail", "report", "dead"))

            good = await send(boss, "mail", "succeed")
            bad = await send(boss, "mail", "fail")
            flaky = await send(boss, "mail", "fail", failures=1, retryLimit=1)
            doomed = await send(boss, "mail", "fail", retryLimit=1, retryDelay=1)
            soon = await send(boss, "mail", "succeed", startAfter=1)
            tomorrow = await send(boss, "mail", "succeed", startAfter=86400)
            cancelled = await send(boss, "mail", "succeed", startAfter=86400)
            await boss.call("cancel", "mail", cancelled)
            resumed = await send(boss, "mail", "succeed")
            await boss.call("cancel", "mail", resumed)
            await boss.call("resume", "mail", resumed)
            erased = await send(boss, "mail", "succeed")
            await boss.call("deleteJob", "mail", erased)
            on_partition = await send(boss, "report", "succeed")
            dead = await send(boss, "report", "fail")
            # A partition made while the board is attached.
            await boss.call("createQueue", "late", {"partition": True, "retryLimit": 0})
            late = await send(boss, "late", "fail")
            stopped = await send(boss, "report", "hold", priority=-1)
            for queue in ("mail", "report", "late"):
                await boss.call("work", queue)
            await boss.holding(stopped)
            await boss.call("cancel", "report", stopped)
            await board.sees(stopped, "updated cancelled")
            await boss.call("release", stopped)
            await board.sees(bad, "failed failed")
            await boss.call("retry", "mail", bad)
            await board.sees(bad, "updated pending", "started in_progress", "failed failed")
            for job in (old, good, flaky, soon, resumed, on_partition):
                await board.sees(job, "completed completed")
            for job in (doomed, dead, late):
                await board.sees(job, "failed failed")
            for queue in ("mail", "report", "late"):
                await boss.call("stopWork", queue)

            own = await view(boss, "mail", "report", "dead", "late")
            assert own.pop(soon) == "completed"
            await agree(board, tmp_path, url, {**own, soon: "completed"})
            (letter,) = await view(boss, "dead")
            run = ["created pending", "started in_progress"]
            again = ["started in_progress", "completed completed"]
            assert board.stories() == board.stories() | {
                f"pg-boss/{job}": story
                for job, story in {
                    old: again,
                    good: [*run, "completed completed"],
                    bad: [*run, "failed failed", "updated pending", "started in_progress", "failed failed"],
                    flaky: [*run, "updated pending", *again],
                    doomed: [*run, "updated scheduled", "started in_progress", "failed failed"],
                    soon: ["created scheduled", *again],
                    tomorrow: ["created scheduled"],
                    cancelled: ["created scheduled", "updated cancelled"],
                    resumed: ["created pending", "updated cancelled", "updated pending", *again],
                    erased: ["created pending", "deleted"],
                    on_partition: [*run, "completed completed"],
                    dead: [*run, "failed failed"],
                    letter: ["created pending"],
                    late: [*run, "failed failed"],
                    stopped: [*run, "updated cancelled"],
                }.items()
            }
            assert board.story(old_cancelled) == []
            card = board.last(doomed).job
            assert (card.queue, card.attempt, card.max_attempts) == ("mail", 2, 2)
            assert card.error == "it did not work"

            # The queue is deleted with its partition.
            await boss.call("deleteQueue", "late")
            own.pop(late)
            tailboard(tmp_path, url, "sources")
        assert not boss.errors
        assert (await boss.call("detectSchemaDrift"))["ok"]
        tailboard(tmp_path, url, "detach", "pg-boss")
        assert schema_of(url) == before
