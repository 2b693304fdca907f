"""How long the feed stands still when the node that seals goes, in each of the ways in which it can.

    python tests/bench/failover.py [--quick] [--json PATH]

Three `tailboard serve` on one PostgreSQL, each behind a proxy. A writer commits a job every 10 ms; a WebSocket client
of a node that does not lead receives them. Measured is the longest silence that this client sees around the fault, less
what it sees without one: from the last event before the leader went to the first that another has sealed.

    killed          kill -9 of its process
    stopped         SIGTERM, as a deployment does it
    disconnected    its backend is terminated; the same node may lead again
    frozen          SIGSTOP: its connections stay, and nobody answers on them
    half-open       its connections to PostgreSQL fall silent in both directions
"""

import asyncio
import shutil
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Final

import psycopg
from measuring import options
from websockets.asyncio.client import connect

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


from faults.node import Node
from faults.postgres import Postgres
from fixtures.waiting import await_until
from tailboard.db.schema import migrate

NODES: Final = 3
INTERVAL_S: Final = 0.01
AIM_S: Final = 2.0
TRIALS: Final = 5
"""For each fault, on nodes of its own: followers grow patient where more leaders than that fall silent in a minute."""
FAULTS: Final = ("killed", "stopped", "disconnected", "frozen", "half-open")


class Cluster:
    """The nodes, and who leads them."""

    def __init__(self, server: Postgres, nodes: list[Node]) -> None:
        self.server = server
        self.nodes = nodes

    async def leader(self) -> Node:
        async def leading() -> Node | None:
            for node in self.nodes:
                if (said := await node.ready()) and said["leader"]:
                    return node
            return None

        return await await_until(leading, 60)

    async def all_ready(self) -> None:
        async def ready() -> bool:
            return all([await node.ready() for node in self.nodes])

        await await_until(ready, 60)

    async def terminate(self, _: Node) -> None:
        with self.server.connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = 1"
            )

    async def freeze(self, node: Node) -> None:
        node.freeze()

    async def part(self, node: Node) -> None:
        node.to_database.half_open()

    def fault(self, name: str) -> Callable[[Node], Awaitable[None]]:
        """How a node is made to fail, by the names above."""
        return {
            "killed": Node.kill,
            "stopped": Node.stop,
            "disconnected": self.terminate,
            "frozen": self.freeze,
            "half-open": self.part,
        }[name]


async def silence(cluster: Cluster, fault: Callable[[Node], Awaitable[None]]) -> float:
    """The longest pause between two events that a client of another node sees around the fault, in seconds."""
    leader = await cluster.leader()
    other = next(node for node in cluster.nodes if node is not leader)
    pauses: list[float] = []
    async with connect(f"{other.url.replace('http', 'ws')}/api/ws/jobs", proxy=None) as client:

        async def receive() -> None:
            last = monotonic()
            async for message in client:
                if '"job_created"' in str(message):
                    pauses.append(monotonic() - last)
                    last = monotonic()

        receiving = asyncio.create_task(receive())
        await await_until(lambda: len(pauses) > 50, 30)
        before = len(pauses)
        usual = statistics.median(pauses[10:])
        await fault(leader)
        await await_until(lambda: len(pauses) > before + 50, 60)
        receiving.cancel()
        with suppress(asyncio.CancelledError):
            await receiving
    return max(pauses[before:]) - usual


async def measure(*, quick: bool) -> dict[str, list[float]]:
    results: dict[str, list[float]] = {}
    for name in FAULTS:
        results[name] = []
        async with _cluster() as cluster:
            for _ in range(1 if quick else TRIALS):
                leader = await cluster.leader()
                results[name].append(await silence(cluster, cluster.fault(name)))
                print(f"{name}: {results[name][-1]:.2f} s", flush=True)
                if name == "frozen":
                    leader.thaw()
                if not leader.serving:
                    await leader.start()
                await cluster.all_ready()
    return results


@asynccontextmanager
async def _cluster() -> AsyncIterator[Cluster]:
    folder = await asyncio.to_thread(_folder)
    server = Postgres(folder / "pg")
    nodes = [Node(number, folder, server.port) for number in range(NODES)]
    try:
        await asyncio.to_thread(server.create)
        await asyncio.to_thread(server.start)
        with server.connect("postgres") as connection:
            connection.execute("CREATE DATABASE tailboard")
        await asyncio.to_thread(migrate, server.url)
        for node in nodes:
            await node.open()
            await node.start()
        writing = asyncio.create_task(_write(server.url))
        try:
            yield Cluster(server, nodes)
        finally:
            writing.cancel()
            with suppress(asyncio.CancelledError):
                await writing
    finally:
        for node in nodes:
            await node.close()
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(shutil.rmtree, folder)


def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="tailboard-bench-"))
    folder.chmod(0o755)
    return folder


async def _write(url: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        while True:
            await connection.execute("INSERT INTO tailboard.jobs (kind) VALUES ('k')")
            await asyncio.sleep(INTERVAL_S)


def main() -> None:
    chosen = options.parser(__doc__).parse_args()
    results = asyncio.run(measure(quick=chosen.quick))
    print(f"Failover of the sealer, {NODES} nodes: the feed's silence in seconds")
    for name, found in results.items():
        print(
            f"  {name:13} p50 {statistics.median(found):5.2f}   longest {max(found):5.2f}"
            f"   ({len(found)} trials, aim {AIM_S:.0f})"
        )
    options.write(chosen, results)


if __name__ == "__main__":
    main()
