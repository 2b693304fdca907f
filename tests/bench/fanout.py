"""How many deliveries a server makes for a second of its CPU, and what an idle connection costs.

    python tests/bench/fanout.py [--quick] [--subscribers N] [--json PATH]

Each contender is a server process of its own, under uvicorn with the same settings, to which two client
processes hold all connections over loopback. The server makes up changes: one by one, or in bursts of 20
as one tick, each event about 700 bytes. Every client must get every event exactly once. CPU is the server
process's own (user and system, from getrusage); the network stack's work for a send is in it.

The rival `naive` does what a first version does: a list of connections, and for each change and each
connection `json.dumps` and an awaited send. It is given the job as a dict, ready; Tailboard gets it as the
card's JSON, as PostgreSQL gives it.
"""

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

from fanout_client import Tally, collect

ROOT: Final = Path(__file__).resolve().parents[1]

CLIENTS: Final = 2
BURST: Final = 20


class Contender(NamedTuple):
    name: str
    server: str
    subprotocol: str | None


CONTENDERS: Final = (
    Contender("naive", "naive", None),
    Contender("plain", "wire", None),
    Contender("tailboard.v1", "wire", "tailboard.v1"),
    Contender("tailboard.v1 over ASGI", "asgi", "tailboard.v1"),
)


class Round(NamedTuple):
    """One contender in one pattern of changes."""

    name: str
    pattern: str
    events: int
    deliveries: int
    cpu_s: float
    wall_s: float
    per_cpu_s: float
    missing: int
    repeated: int
    idle_kib: float


class Server:
    """A server process, spoken to on its standard input and output, one JSON line at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, kind: str) -> "Server":
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(ROOT / "bench" / "fanout_server.py"),
            kind,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        return cls(process)

    async def ask(self, **command: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        await self._process.stdin.drain()
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("the server process ended")
        found: dict[str, Any] = json.loads(line)
        return found

    async def stop(self) -> None:
        self._process.terminate()
        await self._process.wait()


async def measure(contender: Contender, subscribers: int, events: dict[str, int]) -> list[Round]:
    """Start a server and its clients, run every pattern, and check what arrived."""
    server = await Server.start(contender.server)
    rounds: list[Round] = []
    try:
        port = (await server.ask(do="port"))["port"]
        await server.ask(do="warm")
        before = await server.ask(do="usage")
        share = [subscribers // CLIENTS + (n < subscribers % CLIENTS) for n in range(CLIENTS)]
        clients = [
            await asyncio.create_subprocess_exec(
                sys.executable,
                str(ROOT / "bench" / "fanout_client.py"),
                str(port),
                str(count),
                contender.subprotocol or "-",
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            for count in share
        ]
        await asyncio.gather(*(collect(client, "connected") for client in clients))
        await asyncio.sleep(1)
        idle = ((await server.ask(do="usage"))["rss_kib"] - before["rss_kib"]) / subscribers
        for pattern, size in (("one by one", 1), (f"bursts of {BURST}", BURST)):
            total = events[pattern]
            start = await server.ask(do="usage")
            loop = asyncio.get_running_loop()
            began = loop.time()
            waiting = [asyncio.ensure_future(collect(client, "tally", total)) for client in clients]
            await server.ask(do="publish", events=total, burst=size)
            tallies = [Tally(**found) for found in await asyncio.gather(*waiting)]
            wall = loop.time() - began
            end = await server.ask(do="usage")
            cpu = end["cpu_s"] - start["cpu_s"]
            deliveries = sum(tally.received for tally in tallies)
            rounds.append(
                Round(
                    contender.name,
                    pattern,
                    total,
                    deliveries,
                    round(cpu, 3),
                    round(wall, 3),
                    round(deliveries / cpu),
                    sum(tally.missing for tally in tallies),
                    sum(tally.repeated for tally in tallies),
                    round(idle, 1),
                )
            )
        for client in clients:
            client.terminate()
            await client.wait()
    finally:
        await server.stop()
    return rounds


def show(rounds: list[Round], subscribers: int) -> None:
    naive = {found.pattern: found.per_cpu_s for found in rounds if found.name == "naive"}
    print(f"{subscribers} subscribers on loopback, Python {sys.version.split()[0]}, {os.cpu_count()} cores")
    print(
        f"{'server':<24}{'changes':<15}{'deliveries/CPU-s':>17}{'of naive':>10}"
        f"{'KiB/idle':>10}{'wall s':>8}  exact"
    )
    for found in rounds:
        exact = (
            "yes"
            if not found.missing and not found.repeated
            else f"{found.missing} missing, {found.repeated} twice"
        )
        ratio = found.per_cpu_s / naive[found.pattern]
        print(
            f"{found.name:<24}{found.pattern:<15}{found.per_cpu_s:>17,}{ratio:>9.1f}x"
            f"{found.idle_kib:>10.1f}{found.wall_s:>8.1f}  {exact}"
        )


async def run(subscribers: int, scale: float) -> list[Round]:
    rounds: list[Round] = []
    for contender in CONTENDERS:
        naive = contender.name == "naive"
        events = {
            "one by one": int((150 if naive else 300) * scale),
            f"bursts of {BURST}": int((200 if naive else 2000) * scale) // BURST * BURST,
        }
        rounds.extend(await measure(contender, subscribers, events))
    return rounds


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer changes; for a look, not for a record")
    parser.add_argument("--subscribers", type=int, default=1000)
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    options = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 65_536)), hard))
    rounds = asyncio.run(run(options.subscribers, 0.3 if options.quick else 1))
    show(rounds, options.subscribers)
    if options.json:
        figures = [found._asdict() for found in rounds]
        options.json.write_text(json.dumps({"subscribers": options.subscribers, "rounds": figures}, indent=2))
    return 0 if all(not found.missing and not found.repeated for found in rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
