"""The promise: every committed change reaches every reader exactly once, in one order, whatever happens meanwhile.

Random transactions of many kinds run against two real server processes, one of which is always the sealer and
which are killed in turn; readers of every interface come and go at random cursors. What the writers know to have
committed is the oracle; the log is not asked what it thinks.
"""

import asyncio
import contextlib
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from cli import rig
from live import readers
from live.ledger import Ledger, Writer
from live.readers import Reader, Seen

SEED = int(os.environ.get("TAILBOARD_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
WRITERS = 6
TRANSACTIONS = 40
KILLS = 3
CATCH_UP_S = 30
"""After the last commit; a lost event is one that does not come within this time."""


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("notify", [True, False], ids=["bell", "no bell"])
async def test_every_reader_sees_every_committed_change_once_and_in_one_order(
    database_url: str, tmp_path: Path, notify: bool
) -> None:
    rng = random.Random(SEED)
    ledger = Ledger()
    crowd = [
        Reader(f"{kind} {number}", stream, random.Random(rng.random()))
        for number in range(2)
        for kind, stream in {
            "tailboard.v1": readers.websocket_v1,
            "plain": readers.websocket_plain,
            "SSE": readers.server_sent,
            "REST": readers.rest,
            "SQL": readers.sql(database_url),
        }.items()
    ]
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute("UPDATE tailboard.settings SET value = to_jsonb(%s) WHERE key = 'notify'", [notify])
        # Something to write to from the first transaction on, and enough for ticks of several chunks.
        admin.execute(
            "INSERT INTO tailboard.jobs (kind, phase) SELECT 'k', 'seed' FROM generate_series(1, 1200)"
        )
        ledger.rows["seed"] = 1200
    goal: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    async with _nodes(database_url, tmp_path) as nodes, asyncio.TaskGroup() as reading:
        reads = [reading.create_task(reader.read(lambda: rng.choice(nodes.urls), goal)) for reader in crowd]
        async with asyncio.TaskGroup() as writing:
            writing.create_task(_open_throughout(database_url, ledger, writing_ends := asyncio.Event()))
            chaos = writing.create_task(nodes.kill_in_turn(KILLS))
            writers = [
                writing.create_task(
                    Writer(f"w{n}", database_url, ledger, random.Random(rng.random())).work(TRANSACTIONS)
                )
                for n in range(WRITERS)
            ]
            await asyncio.gather(*writers, chaos)
            writing_ends.set()
        goal.set_result(sum(ledger.rows.values()) + sum(ledger.deleted.values()))
        _, late = await asyncio.wait(reads, timeout=CATCH_UP_S)
        got = {reader.name: len(reader.seen) for reader in crowd}
        assert not late, f"seed {SEED}: of {goal.result()} events committed, readers have {got}"
    _compare(crowd, ledger, goal.result())


def _compare(crowd: list[Reader], ledger: Ledger, total: int) -> None:
    print(
        f"seed {SEED}: {total} events, {len(crowd)} readers, "
        f"{sum(reader.connections for reader in crowd)} connections, {dict(ledger.kinds)}"
    )
    first = crowd[0].seen
    assert sorted(first) == list(range(1, total + 1)), f"seed {SEED}"
    for reader in crowd[1:]:
        assert reader.seen == first, f"seed {SEED}: {reader.name} differs from {crowd[0].name}"
    told: list[Seen] = [first[position] for position in range(1, total + 1)]
    assert Counter(seen.mark for seen in told if seen.type != "job_deleted") == ledger.rows, f"seed {SEED}"
    assert Counter(seen.job for seen in told if seen.type == "job_deleted") == ledger.deleted, f"seed {SEED}"
    assert ledger.kinds["commit"] > WRITERS * 10, f"seed {SEED}: hardly anything was tested"


async def _open_throughout(url: str, ledger: Ledger, until: asyncio.Event) -> None:
    """A transaction that is open all the time delays only its own changes."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute("INSERT INTO tailboard.jobs (kind, phase) VALUES ('k', 'throughout')")
        await until.wait()
        await connection.execute("INSERT INTO tailboard.jobs (kind, phase) VALUES ('k', 'throughout')")
        await connection.commit()
    ledger.rows["throughout"] = 2


class _Nodes:
    """Two server processes on one database."""

    def __init__(self, database_url: str, home: Path) -> None:
        self.urls: list[str] = []
        self._database_url = database_url
        self._home = home
        self._processes: list[rig.Process] = []

    async def start(self) -> None:
        for _ in range(2):
            process, url = await asyncio.to_thread(self._launch)
            self._processes.append(process)
            self.urls.append(url)

    async def kill_in_turn(self, times: int) -> None:
        for number in range(times):
            await asyncio.sleep(1.0)
            which = number % 2
            self._processes[which].popen.kill()
            await asyncio.to_thread(self._processes[which].__exit__)
            self._processes[which], self.urls[which] = await asyncio.to_thread(self._launch)

    def stop(self) -> None:
        for process in self._processes:
            process.popen.kill()
            process.__exit__()

    def _launch(self) -> tuple[rig.Process, str]:
        process = rig.Process(self._home, "serve", DATABASE_URL=self._database_url, PORT="0")
        return process, process.url()


@contextlib.asynccontextmanager
async def _nodes(database_url: str, home: Path) -> AsyncIterator[_Nodes]:
    nodes = _Nodes(database_url, home)
    try:
        await nodes.start()
        yield nodes
    finally:
        await asyncio.to_thread(nodes.stop)
