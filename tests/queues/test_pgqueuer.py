"""The real PgQueuer: what became of a job that leaves its table is in the row of its log."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import psycopg
from pgqueuer import PgQueuer
from pgqueuer.adapters.drivers.psycopg import PsycopgDriver
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.types import JobId
from pgqueuer.errors import RetryRequested
from pgqueuer.models import Context, Job

from queues.board import agree, board_of, schema_of, tailboard

MEANS: Final = {"queued": "pending", "picked": "in_progress", "failed": "failed"}


class Queue:
    """PgQueuer's own client, workers, and its own view of its jobs."""

    def __init__(self, url: str, connection: psycopg.AsyncConnection) -> None:
        self.url = url
        self.connection = connection
        self.queries = Queries(PsycopgDriver(connection))
        self.holding: dict[int, asyncio.Event] = {}

    async def enqueue(
        self, entrypoint: str, *, payload: bytes = b"", after: timedelta | None = None
    ) -> JobId:
        (job,) = await self.queries.enqueue(entrypoint, payload, execute_after=after)
        return job

    async def held(self, job: JobId) -> None:
        async with asyncio.timeout(30):
            await self.holding.setdefault(job, asyncio.Event()).wait()

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """A worker, which is then stopped cleanly."""
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as connection:
            worker = PgQueuer(PsycopgDriver(connection))

            @worker.entrypoint("succeed")
            async def succeed(job: Job) -> None:
                pass

            @worker.entrypoint("fail")
            async def fail(job: Job) -> None:
                raise ValueError("it did not work")

            @worker.entrypoint("park", on_failure="hold")
            async def park(job: Job) -> None:
                raise ValueError("it did not work")

            @worker.entrypoint("retry")
            async def retry(job: Job) -> None:
                if job.attempts == 0:
                    raise RetryRequested(delay=timedelta(seconds=float(job.payload or b"0")))

            @worker.entrypoint("hold")
            async def hold(job: Job, context: Context) -> None:
                with context.cancellation:
                    self.holding.setdefault(job.id, asyncio.Event()).set()
                    await asyncio.Event().wait()

            running = asyncio.create_task(worker.run(dequeue_timeout=timedelta(seconds=0.3)))
            try:
                yield
            finally:
                worker.shutdown.set()
                async with asyncio.timeout(20):
                    await running

    async def view(self) -> dict[str, str]:
        def meant(job: Job) -> str:
            waits = job.status == "queued" and job.execute_after > datetime.now(UTC)
            return "scheduled" if waits else MEANS[job.status]

        cursor = await self.connection.execute("SELECT id FROM pgqueuer ORDER BY id")
        ids = [row[0] for row in await cursor.fetchall()]
        jobs = [await self.queries.queue_job_by_id(job) for job in ids]
        return {str(job.id): meant(job) for job in jobs if job is not None}


@asynccontextmanager
async def queue_in(url: str) -> AsyncIterator[Queue]:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        queue = Queue(url, connection)
        await queue.queries.install()
        yield queue


async def test_every_job_is_on_the_board_in_order(database_url: str, tmp_path: Path) -> None:
    url = database_url
    async with queue_in(url) as queue:
        before = schema_of(url)
        old = await queue.enqueue("succeed")
        old_scheduled = await queue.enqueue("succeed", after=timedelta(days=1))
        tailboard(tmp_path, url, "attach", "pgqueuer", "--yes")
        async with board_of("pgqueuer", url, tmp_path) as board:
            await agree(board, tmp_path, url, await queue.view())

            good = await queue.enqueue("succeed", payload="grüße \\ \0".encode())
            bad = await queue.enqueue("fail")
            parked = await queue.enqueue("park")
            flaky = await queue.enqueue("retry")
            flaky_later = await queue.enqueue("retry", payload=b"1")
            soon = await queue.enqueue("succeed", after=timedelta(seconds=1))
            tomorrow = await queue.enqueue("succeed", after=timedelta(days=1))
            cancelled = await queue.enqueue("nobody")
            await queue.queries.mark_job_as_cancelled([cancelled])
            cleared = await queue.enqueue("cleared")
            await queue.queries.clear_queue("cleared")
            by_hand = await queue.enqueue("nobody")
            await queue.connection.execute("DELETE FROM pgqueuer WHERE id = %s", [by_hand])
            stopped = await queue.enqueue("hold")
            async with queue.working():
                await queue.held(stopped)
                await board.sees(stopped, "started in_progress")
                # What a worker does all the time, and no event.
                await queue.queries.update_heartbeat([stopped])
                await queue.queries.mark_job_as_cancelled([stopped])
                await board.sees(stopped, "deleted cancelled")
                await board.sees(parked, "failed failed")
                await queue.queries.requeue_jobs([parked])
                await board.sees(parked, "updated pending", "started in_progress", "failed failed")
                for job in (old, good, flaky, flaky_later, soon):
                    await board.sees(job, "completed completed")
                await board.sees(bad, "failed failed")
            await agree(board, tmp_path, url, await queue.view())

            run = ["created pending", "started in_progress"]
            again = ["started in_progress", "completed completed"]
            assert {job: board.story(job) for job in (
                old, old_scheduled, good, bad, parked, flaky, flaky_later, soon, tomorrow, cancelled, cleared,
                by_hand, stopped,
            )} == {
                old: again,
                old_scheduled: [],
                good: [*run, "completed completed"],
                bad: [*run, "failed failed"],
                parked: [*run, "failed failed", "updated pending", "started in_progress", "failed failed"],
                flaky: [*run, "updated pending", *again],
                flaky_later: [*run, "updated scheduled", *again],
                soon: ["created scheduled", *again],
                tomorrow: ["created scheduled"],
                cancelled: ["created pending", "deleted cancelled"],
                cleared: ["created pending", "deleted cancelled"],
                by_hand: ["created pending", "deleted"],
                stopped: [*run, "deleted cancelled"],
            }  # fmt: skip
            failed = board.last(bad).job
            assert (failed.kind, failed.attempt, failed.error) == ("fail", 1, "ValueError: it did not work")
        plan = await queue.queries.plan_upgrade()
        assert not plan.statements
        assert not plan.notes
        tailboard(tmp_path, url, "detach", "pgqueuer")
        assert schema_of(url) == before


async def test_the_actions_are_the_queues_own(database_url: str, tmp_path: Path) -> None:
    url = database_url
    async with queue_in(url) as queue:
        tailboard(tmp_path, url, "attach", "pgqueuer", "--yes")
        async with board_of("pgqueuer", url, tmp_path) as board, queue.working():
            parked = await queue.enqueue("park")
            await board.sees(parked, "failed failed")
            await board.ask("POST", f"/jobs/pgqueuer/{parked}/retry")
            await board.sees(parked, "updated pending", "started in_progress", "failed failed")
            held = await queue.enqueue("hold")
            await queue.held(held)
            await board.ask("POST", f"/jobs/pgqueuer/{held}/retry", 409)
            await board.ask("POST", f"/jobs/pgqueuer/{held}/cancel")
            # Its worker heard of it: it takes the job for cancelled, and can end.
            await board.sees(held, "deleted cancelled")
            await board.ask("DELETE", f"/jobs/pgqueuer/{parked}", 409)
            log = await (
                await queue.connection.execute(
                    "SELECT status::text FROM pgqueuer_log WHERE job_id = %s ORDER BY id", [held]
                )
            ).fetchall()
            assert [row[0] for row in log] == ["queued", "picked", "canceled"]
        await asyncio.to_thread(tailboard, tmp_path, url, "verify")
