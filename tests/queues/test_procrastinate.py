"""The real Procrastinate: jobs of every fate, run by its own workers, with the board attached."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import procrastinate
from procrastinate import utils
from procrastinate.jobs import Job, Status

from queues.board import agree, board_of, schema_of, tailboard

Work = Callable[..., Awaitable[Any]]

MEANS: Final = {
    Status.TODO: "pending",
    Status.DOING: "in_progress",
    Status.SUCCEEDED: "completed",
    Status.FAILED: "failed",
    Status.CANCELLED: "cancelled",
    Status.ABORTED: "cancelled",
}


class Queue:
    """An application with tasks that do as they are told, and its own view of its jobs."""

    def __init__(self, url: str) -> None:
        self.app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url))
        self.holding: dict[int, asyncio.Event] = {}
        self.released = asyncio.Event()

        def task(name: str, **options: Any) -> Callable[[Work], Any]:
            made: Callable[[Work], Any] = self.app.task(name=name, pass_context=True, **options)
            return made

        @task("succeed")
        async def succeed(context: procrastinate.JobContext) -> str:
            return "done"

        async def fail(context: procrastinate.JobContext, times: int = 99) -> None:
            if context.job.attempts < times:
                raise ValueError("it did not work")

        self.fail = task("fail")(fail)
        self.retried = task("retried", retry=procrastinate.RetryStrategy(max_attempts=1))(fail)
        self.retried_later = task("later", retry=procrastinate.RetryStrategy(max_attempts=1, wait=1))(fail)
        self.succeed = succeed

        @task("hold")
        async def hold(context: procrastinate.JobContext) -> None:
            assert context.job.id is not None
            self.holding.setdefault(context.job.id, asyncio.Event()).set()
            await self.released.wait()

        self.hold = hold

    async def held(self, job: int) -> None:
        async with asyncio.timeout(30):
            await self.holding.setdefault(job, asyncio.Event()).wait()

    @asynccontextmanager
    async def working(self, **options: Any) -> AsyncIterator[None]:
        """A worker, which is then stopped cleanly."""
        worker = asyncio.create_task(
            self.app.run_worker_async(
                concurrency=4, install_signal_handlers=False, fetch_job_polling_interval=0.2, **options
            )
        )
        try:
            yield
        finally:
            worker.cancel()
            await asyncio.wait([worker])

    async def view(self) -> dict[str, str]:
        """What the queue itself says of its jobs, in the board's words."""

        def meant(job: Job) -> str:
            status = Status(job.status)
            waits = job.scheduled_at is not None and job.scheduled_at > utils.utcnow()
            return "scheduled" if waits and status is Status.TODO else MEANS[status]

        return {str(job.id): meant(job) for job in await self.app.job_manager.list_jobs_async()}


async def test_every_job_is_on_the_board_in_order(database_url: str, tmp_path: Path) -> None:
    url = database_url
    queue = Queue(url)
    async with queue.app.open_async():
        await queue.app.schema_manager.apply_schema_async()
        before = schema_of(url)
        # These are there before the board.
        old = await queue.succeed.defer_async()
        old_scheduled = await queue.succeed.configure(schedule_in={"days": 1}).defer_async()
        old_cancelled = await queue.succeed.defer_async()
        await queue.app.job_manager.cancel_job_by_id_async(old_cancelled)

        tailboard(tmp_path, url, "attach", "procrastinate", "--yes")
        async with board_of("procrastinate", url, tmp_path) as board:
            await agree(board, tmp_path, url, await queue.view())

            manager = queue.app.job_manager
            tomorrow = await queue.succeed.configure(schedule_in={"days": 1}).defer_async()
            cancelled = await queue.succeed.configure(schedule_in={"days": 1}).defer_async()
            await manager.cancel_job_by_id_async(cancelled)
            erased = await queue.succeed.configure(schedule_in={"days": 1}).defer_async()
            await manager.cancel_job_by_id_async(erased, delete_job=True)
            good = await queue.succeed.defer_async()
            bad = await queue.fail.defer_async()
            flaky = await queue.retried.defer_async(times=1)
            doomed = await queue.retried_later.defer_async()
            soon = await queue.succeed.configure(schedule_in={"seconds": 1}).defer_async()
            aborted = await queue.hold.defer_async()
            async with queue.working():
                await queue.held(aborted)
                await manager.cancel_job_by_id_async(aborted, abort=True)
                await board.sees(aborted, "updated cancelled")
                await board.sees(bad, "failed failed")
                await manager.retry_job_by_id_async(bad, utils.utcnow())
                await board.sees(bad, "started in_progress", "failed failed")
                for job, end in [(good, "completed"), (flaky, "completed"), (doomed, "failed"),
                                 (soon, "completed"), (old, "completed")]:  # fmt: skip
                    await board.sees(job, f"{end} {end}")
            # The worker has stopped, which writes to every job it ran. Another deletes what succeeds.
            kept = await queue.fail.configure(queue="shred").defer_async()
            shred = await queue.succeed.configure(queue="shred").defer_async()
            async with queue.working(queues=["shred"], delete_jobs="successful"):
                await board.sees(shred, "completed completed")
                await board.sees(kept, "failed failed")
            await manager.delete_old_jobs(nb_hours=0, queue="shred", include_failed=True)
            await agree(board, tmp_path, url, await queue.view())

            run = ["created pending", "started in_progress"]
            assert {job: board.story(job) for job in map(int, await queue.view())} | {
                job: board.story(job) for job in (erased, shred, kept)
            } == {
                old: ["started in_progress", "completed completed"],
                old_scheduled: [],
                old_cancelled: [],
                tomorrow: ["created scheduled"],
                cancelled: ["created scheduled", "updated cancelled"],
                erased: ["created scheduled", "deleted cancelled"],
                good: [*run, "completed completed"],
                bad: [*run, "failed failed", "updated pending", "started in_progress", "failed failed"],
                flaky: [*run, "updated pending", "started in_progress", "completed completed"],
                doomed: [*run, "updated scheduled", "started in_progress", "failed failed"],
                soon: ["created scheduled", "started in_progress", "completed completed"],
                aborted: [*run, "updated cancelled"],
                shred: [*run, "completed completed"],
                kept: [*run, "failed failed", "deleted"],
            }
            card = board.last(doomed).job
            assert (card.queue, card.kind, card.attempt, card.worker) == ("default", "later", 2, None)
            assert card.created_at is not None
            assert card.started_at is not None
            assert card.finished_at is not None
            assert card.created_at < card.started_at <= card.finished_at
        assert await queue.app.check_connection_async()
        tailboard(tmp_path, url, "detach", "procrastinate")
        assert schema_of(url) == before


async def test_the_actions_are_the_queues_own(database_url: str, tmp_path: Path) -> None:
    url = database_url
    queue = Queue(url)
    async with queue.app.open_async():
        await queue.app.schema_manager.apply_schema_async()
        tailboard(tmp_path, url, "attach", "procrastinate", "--yes")
        async with board_of("procrastinate", url, tmp_path) as board:
            waiting = await queue.succeed.defer_async()
            unwanted = await queue.succeed.defer_async()
            await board.ask("POST", f"/jobs/procrastinate/{waiting}/cancel")
            await board.sees(waiting, "updated cancelled")
            await board.ask("DELETE", f"/jobs/procrastinate/{unwanted}")
            await board.sees(unwanted, "deleted cancelled")
            await board.ask("POST", f"/jobs/procrastinate/{waiting}/pause", 409)
            bad = await queue.fail.defer_async()
            held = await queue.hold.defer_async()
            async with queue.working():
                await board.sees(bad, "failed failed")
                await board.ask("POST", f"/jobs/procrastinate/{bad}/retry")
                await board.sees(bad, "updated pending", "started in_progress", "failed failed")
                await queue.held(held)
                await board.ask("POST", f"/jobs/procrastinate/{held}/retry", 409)
                await board.ask("POST", f"/jobs/procrastinate/{held}/cancel")
                await board.sees(held, "updated cancelled")
            assert await queue.view() == {
                str(waiting): "cancelled", str(bad): "failed", str(held): "cancelled"
            }  # fmt: skip
            await agree(board, tmp_path, url, await queue.view())


async def test_time_alone_makes_a_scheduled_job_pending(database_url: str, tmp_path: Path) -> None:
    url = database_url
    queue = Queue(url)
    async with queue.app.open_async():
        await queue.app.schema_manager.apply_schema_async()
        tailboard(tmp_path, url, "attach", "procrastinate", "--yes")
        async with board_of("procrastinate", url, tmp_path) as board:
            job = await queue.succeed.configure(schedule_in={"seconds": 2}).defer_async()
            await board.sees(job, "created scheduled")
            assert await board.statuses() == {str(job): "scheduled"}
            await board.until(lambda: board.counts.get("pending") == 1, "the counts moved by themselves")
            assert board.counts["scheduled"] == 0
            assert await board.statuses() == {str(job): "pending"} == await queue.view()
            assert board.story(job) == ["created scheduled"]
            await agree(board, tmp_path, url, await queue.view())
