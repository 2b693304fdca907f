"""What watching costs a real queue: the real Procrastinate and pg-boss, with and without Tailboard, in one run.

    python tests/bench/attached.py [--quick] [--rounds N] [--jobs N] [--json PATH]

    alone      the queue by itself
    least      the least that could be a log, and no server (`measuring.contenders.least`)
    watched    `tailboard attach`, and a node that serves the board from the same database, on the same machine

A turn puts jobs that do nothing into the queue, one by one from eight producers, and has one worker process work
them off; its jobs per second are over both. Before it, a fourth as many warm up what every connection prepares once,
and the queue's tables are analysed: else a plan for tables that were empty, which autovacuum mends at some time
within the turn or after it, decides more than the contender does.
`busy` is a worker with eight jobs at once, which saturates a machine of two cores by itself: the hardest case.
`usual` is a worker as Procrastinate starts it, with one job at a time. The contenders alternate within a round
and change their order from one to the next, and what counts is the median of each round's ratio: the machine's
speed drifts, the ratio does not. The log is checked at the end of each watched turn: every job's events are there.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final, Protocol

import procrastinate
import psycopg
from measuring import options
from measuring.contenders import least
from measuring.postgres import execute, one, postgres
from psycopg.sql import SQL

sys.path.insert(0, str(Path(__file__).parents[1]))

from fixtures.waiting import await_until
from queues.node_queue import NodeQueue, node_queue
from tailboard.db import session
from tailboard.db.adopting import attaching
from tailboard.sources import presets

PRODUCERS: Final = 8
FASTER: Final = 4
"""So many times the jobs for pg-boss, so that a turn takes about as long."""
CONTENDERS: Final = ("alone", "least", "watched")


class Queue(Protocol):
    preset: str
    table: str
    id_type: str

    async def install(self) -> None: ...
    async def fill(self, jobs: int) -> None: ...
    async def drain(self) -> None: ...
    def empty(self) -> str: ...
    def analyze(self) -> str: ...


class Procrastinate:
    preset = "procrastinate"
    table = "procrastinate_jobs"
    id_type = "bigint"

    def __init__(self, url: str) -> None:
        self.concurrency = 8
        self.app = procrastinate.App(
            connector=procrastinate.PsycopgConnector(conninfo=url, max_size=PRODUCERS)
        )

        @self.app.task(name="nothing")
        async def nothing() -> None:
            pass

        self.nothing = nothing

    async def install(self) -> None:
        await self.app.schema_manager.apply_schema_async()

    async def fill(self, jobs: int) -> None:
        async def produce() -> None:
            for _ in range(jobs // PRODUCERS):
                await self.nothing.defer_async()

        await asyncio.gather(*(produce() for _ in range(PRODUCERS)))

    async def drain(self) -> None:
        await self.app.run_worker_async(
            wait=False, concurrency=self.concurrency, install_signal_handlers=False
        )

    def empty(self) -> str:
        return "TRUNCATE procrastinate_jobs, procrastinate_events, procrastinate_periodic_defers"

    def analyze(self) -> str:
        return "ANALYZE procrastinate_jobs, procrastinate_events"


class PgBoss:
    preset = "pg-boss"
    table = "pgboss.job"
    id_type = "uuid"

    def __init__(self, node: NodeQueue) -> None:
        self.node = node
        self.filled = 0

    async def install(self) -> None:
        await self.node.call("start")
        await self.node.call("createQueue", "nothing")

    async def fill(self, jobs: int) -> None:
        self.filled = jobs
        await self.node.call("fill", "nothing", jobs, PRODUCERS)

    async def drain(self) -> None:
        await self.node.call("drain", "nothing", self.filled)

    def empty(self) -> str:
        return "TRUNCATE pgboss.job"

    def analyze(self) -> str:
        return "ANALYZE pgboss.job"


def main() -> None:
    parser = options.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--jobs", type=int, default=1920, help="of Procrastinate; pg-boss gets four times as many"
    )
    chosen = parser.parse_args()
    rounds, jobs = (2, 320) if chosen.quick else (chosen.rounds, chosen.jobs)
    jobs -= jobs % (4 * PRODUCERS)
    with postgres() as place:
        results = asyncio.run(_measure(place.url, rounds, jobs))
    _print(results, rounds, jobs)
    options.write(chosen, results)


async def _measure(url: str, rounds: int, jobs: int) -> dict[str, dict[str, list[float]]]:
    async with AsyncExitStack() as stack:
        one = Procrastinate(url)
        await stack.enter_async_context(one.app.open_async())
        other = PgBoss(await stack.enter_async_context(node_queue("pgboss.mjs", url)))
        for queue in (one, other):
            await queue.install()
        results = {"procrastinate, busy": await _compare(one, url, rounds, jobs)}
        one.concurrency = 1
        results["procrastinate, usual"] = await _compare(one, url, rounds, jobs)
        results["pg-boss, busy"] = await _compare(other, url, rounds, jobs * FASTER)
        return results


async def _compare(queue: Queue, url: str, rounds: int, jobs: int) -> dict[str, list[float]]:
    """Jobs per second of each contender, round by round; the first, which warms everything up, is not kept."""
    rates: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    with psycopg.connect(url, autocommit=True) as connection:
        for turn in range(rounds + 1):
            for name in CONTENDERS if turn % 2 else reversed(CONTENDERS):
                connection.execute(SQL(queue.empty()))  # of the classes above
                async with _contending(name, queue, url):
                    newest = _newest(connection)
                    await queue.fill(jobs // 4)
                    await queue.drain()
                    connection.execute(SQL(queue.analyze()))
                    began = time.perf_counter()
                    await queue.fill(jobs)
                    await queue.drain()
                    rate = jobs / (time.perf_counter() - began)
                    if name == "watched":
                        _check(connection, queue.preset, newest, jobs + jobs // 4)
                if turn:
                    rates[name].append(rate)
    return rates


@asynccontextmanager
async def _contending(name: str, queue: Queue, url: str) -> AsyncIterator[None]:
    if name == "watched":
        async with _watching(queue.preset, url):
            yield
    elif name == "least":
        execute(url, least(queue.table, queue.id_type))
        yield
        assert one(url, "SELECT last_value > 1 FROM bench_least.seq") == (True,), "the least log is empty"
        execute(url, "DROP SCHEMA bench_least CASCADE")
    else:
        yield


@asynccontextmanager
async def _watching(preset: str, url: str) -> AsyncIterator[None]:
    """The table attached, and a node that has counted it."""
    environment = {**os.environ, "TAILBOARD_DATABASE_URL": url, "PYTHONUNBUFFERED": "1"}
    with session.connect(url, "attach") as connection:
        attaching.attach(connection, presets.load(preset))
    node = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tailboard", "serve", "--port", "0", env=environment, stdout=subprocess.PIPE
    )
    assert node.stdout is not None
    while b"Tailboard is ready" not in (line := await node.stdout.readline()):
        assert line, "the node ended before it was ready"
    with psycopg.connect(url, autocommit=True) as connection:
        synced = "SELECT FROM tailboard.sources WHERE name = %s AND synced"
        await await_until(lambda: connection.execute(synced, [preset]).rowcount == 1, 30)
    try:
        yield
    finally:
        node.terminate()
        await node.wait()
        with session.connect(url, "attach") as connection:
            attaching.detach(connection, preset)


def _newest(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT coalesce(max(seq), 0) FROM tailboard.changes").fetchone()
    assert row is not None
    return int(row[0])


def _check(connection: psycopg.Connection[Any], preset: str, after: int, jobs: int) -> None:
    """Each job was recorded as made and as completed, once."""
    row = connection.execute(
        "SELECT count(*) FILTER (WHERE op = 'I'), count(*) FILTER (WHERE new_status = 'completed')"
        " FROM tailboard.changes WHERE source = %s AND seq > %s",
        [preset, after],
    ).fetchone()
    assert row == (jobs, jobs), f"{preset}: recorded {row} of {jobs} jobs"


def _print(results: dict[str, dict[str, list[float]]], rounds: int, jobs: int) -> None:
    print(
        f"{rounds} rounds of {jobs} jobs, {FASTER} times as many for pg-boss;"
        f" {PRODUCERS} producers, one worker process, {os.cpu_count()} cores, fsync on"
    )
    print(f"{'queue':<21} {'contender':<10} {'jobs/s':>7} {'of alone':>9}   of each round")
    for queue, rates in results.items():
        for name, values in rates.items():
            ratios = [value / alone for value, alone in zip(values, rates["alone"], strict=True)]
            print(
                f"{queue:<21} {name:<10} {statistics.median(values):>7,.0f} {statistics.median(ratios):>9.2f}"
                f"   {' '.join(f'{ratio:.2f}' for ratio in ratios)}"
            )


if __name__ == "__main__":
    main()
