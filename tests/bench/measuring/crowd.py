"""A crowd of subscribers over loopback, and the changes that they are to be told of."""

import asyncio
import json
import resource
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg

from measuring import processes
from measuring.contenders import Contender, address
from measuring.processes import Served

_PROCESSES: Final = 2
_SETTLE_S: Final = 0.5
"""For those that say they are subscribed before they are."""

# The change's number is the job's phase; job n of q queues is in queue n modulo q, so that change n is, too.
_WRITE: Final = """
CREATE OR REPLACE PROCEDURE public.write(first integer, changes integer, burst integer, rows integer)
LANGUAGE plpgsql AS $$
BEGIN
    FOR start IN 0..changes - 1 BY burst LOOP
        FOR n IN first + start..first + start + burst - 1 LOOP
            UPDATE {table} SET phase = 'change ' || n, progress = (n %% 100) / 100.0
             WHERE id = (n - 1) %% write.rows + 1;
        END LOOP;
        COMMIT;
    END LOOP;
END $$
"""


class Sight(NamedTuple):
    """What it took a server to tell a crowd of some changes."""

    changes: int
    deliveries: int
    cpu_s: float
    wall_s: float
    missing: int
    unwanted: int

    def figures(self) -> dict[str, float]:
        return {
            **self._asdict(),
            "per_cpu_s": self.deliveries / self.cpu_s,
            "us_per_change": self.cpu_s / self.changes * 1e6,
        }


class Crowd:
    """Subscribers in processes of their own, all of one server; see `gather`."""

    def __init__(self, url: str, contender: Contender, server: Served, jobs: int) -> None:
        self._url = url
        self._contender = contender
        self._server = server
        self._jobs = jobs
        self._next = 1
        self._parts: list[asyncio.subprocess.Process] = []
        self.size = 0

    async def start(self, queues: int) -> None:
        path = address(self._contender, "QUEUE" if queues else None)
        live = self._contender.live
        way = [
            self._server.port,
            path,
            self._contender.subprotocol,
            self._contender.hello,
            None if live is None else live.decode(),
        ]
        program = Path(__file__).with_name("crowd_client.py")
        for _ in range(_PROCESSES):
            self._parts.append(
                await asyncio.create_subprocess_exec(
                    sys.executable,
                    program,
                    json.dumps({"way": way, "queues": queues}),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
            )

    async def grow(self, size: int) -> float:
        """Add subscribers until there are so many; KiB of the server's memory that each of the new ones took."""
        before = processes.rss_kib(self._server.pid)
        new = range(self.size, size)
        await asyncio.gather(
            *(
                self._ask(part, "connect", [number for number in new if number % _PROCESSES == share])
                for share, part in enumerate(self._parts)
            )
        )
        await asyncio.sleep(_SETTLE_S)
        self.size = size
        return (processes.rss_kib(self._server.pid) - before) / max(1, len(new))

    async def watch(self, changes: int, burst: int) -> Sight:
        """Write so many changes, one writer without a pause, `burst` a transaction; wait until all have them."""
        first, self._next = self._next, self._next + changes
        await asyncio.gather(*(self._ask(part, "expect", first, changes) for part in self._parts))
        loop = asyncio.get_running_loop()
        used, began = processes.cpu_s(self._server.pid), loop.time()
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
            await connection.execute(_WRITE.replace("%%", "%").format(table=self._contender.table).encode())
            await connection.execute(
                b"CALL public.write(%d, %d, %d, %d)" % (first, changes, burst, self._jobs)
            )
        tallies = await asyncio.gather(*(self._ask(part, "tally", first, changes) for part in self._parts))
        wall, cpu = loop.time() - began, processes.cpu_s(self._server.pid) - used
        received, missing, unwanted = (
            sum(tally[name] for tally in tallies) for name in ("received", "missing", "unwanted")
        )
        return Sight(changes, received, cpu, wall, missing, unwanted)

    async def stop(self) -> None:
        for part in self._parts:
            part.terminate()
            await part.wait()

    async def _ask(self, part: asyncio.subprocess.Process, *command: object) -> Any:
        assert part.stdin is not None
        assert part.stdout is not None
        part.stdin.write(json.dumps(command).encode() + b"\n")
        await part.stdin.drain()
        line = await part.stdout.readline()
        if not line:
            raise RuntimeError(f"a client process of {self._contender.name} ended")
        return json.loads(line)


@asynccontextmanager
async def gather(
    url: str, contender: Contender, server: Served, *, jobs: int, queues: int = 0
) -> AsyncIterator[Crowd]:
    """An empty crowd. `queues`: how many queues the subscribers are spread over; 0 to follow everything."""
    crowd = Crowd(url, contender, server, jobs)
    await crowd.start(queues)
    try:
        yield crowd
    finally:
        await crowd.stop()


def raise_file_limit() -> int:
    """Allow this process and those it starts as many open files as the system lets it; how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 65_536) if hard != resource.RLIM_INFINITY else 65_536
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted
