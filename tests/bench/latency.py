"""How long a committed change takes to a WebSocket frame, by rate, beside named alternatives and a bare LISTEN loop.

    python tests/bench/latency.py [--quick] [--json PATH]

One process writes and receives, so that one clock measures: it notes the time when a commit has returned, and the
time when the frame with that change has arrived. Each contender's server runs in a process of its own, on one
embedded PostgreSQL with fsync on, for twenty clients, one of whom is measured. The bare loop is the least that
anybody could do: the usual trigger and one connection that listens in the writer's process, without server, log, order
or resumption.

    20, 50, 200, 800    changes a second and nothing else
    saturated           16 pgbench clients updating as fast as they can, and 50 probes a second among them
"""

import argparse
import asyncio
import contextlib
import itertools
import os
import statistics
from collections.abc import AsyncIterator, Callable
from time import monotonic
from typing import Any, Final

import psycopg
import uvloop
from measuring import contenders, options, postgres
from measuring.contenders import SERVERS, STARLETTE, Contender
from measuring.crowd import gather
from measuring.crowd_client import CHANGE
from measuring.postgres import Place
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

JOBS: Final = 20_000
PROBES: Final = 100
OTHERS: Final = 19
"""Who also gets every change."""
CLIENTS: Final = 16
RATES: Final = {"20": 20, "50": 50, "200": 200, "800": 800, "saturated": 50}
SECONDS: Final = {"20": 6.0, "50": 6.0, "200": 4.0, "800": 3.0, "saturated": 6.0}
QUICK: Final = ("50", "saturated")
TARGETS: Final = {"50": (4.0, 15.0), "saturated": (None, 60.0)}
BARE: Final = STARLETTE._replace(name="bare LISTEN", table="bare.jobs")
WARM_UP_S: Final = 0.5
LAST_S: Final = 5.0
"""How long the last changes may take before they count as lost."""

Times = dict[int, float]

_numbers = itertools.count()


def main() -> None:
    chosen = options.parser(__doc__).parse_args()
    with postgres.postgres() as place:
        for contender in (*SERVERS, BARE):
            contenders.prepare(place.url, contender, JOBS)
        results = uvloop.run(_measure(place, chosen))
    _print(results)
    options.write(chosen, results)


async def _measure(place: Place, chosen: argparse.Namespace) -> dict[str, Any]:
    results: dict[str, Any] = {}
    for name in QUICK if chosen.quick else RATES:
        lasts = SECONDS[name] / (2 if chosen.quick else 1)
        for contender in (*SERVERS, BARE):
            async with contextlib.AsyncExitStack() as stack:
                if contender is BARE:
                    receiver = _from_channel(place.url)
                else:
                    server = stack.enter_context(contenders.served(contender, place))
                    crowd = await stack.enter_async_context(gather(place.url, contender, server, jobs=JOBS))
                    await crowd.grow(OTHERS)
                    receiver = from_socket(
                        await stack.enter_async_context(subscribed(contender, server.port))
                    )
                writers = None
                if name == "saturated":
                    seconds = lasts + LAST_S
                    writers = stack.enter_context(
                        postgres.pgbench(place, _saturating(contender), clients=CLIENTS, seconds=seconds)
                    )
                found = await probe(place.url, contender.table, RATES[name], lasts, receiver)
                if writers is not None:
                    found["writers_tps"] = await asyncio.to_thread(postgres.tps, writers, lasts + LAST_S)
            results.setdefault(name, {})[contender.name] = found
    return results


def _saturating(contender: Contender) -> dict[str, int]:
    return {
        f"\\set id random({PROBES + 1}, {JOBS})\n\\set p random(0, 1000)\n"
        f"UPDATE {contender.table} SET progress = :p / 1000.0, phase = 'step ' || :p / 250 WHERE id = :id;": 1
    }


async def probe(
    url: str, table: str, rate: int, seconds: float, receiver: Callable[[Times], Any]
) -> dict[str, float]:
    """Write `rate` probes a second, and compare when each was committed with when it arrived."""
    committed: Times = {}
    arrived: Times = {}
    receiving = asyncio.ensure_future(receiver(arrived))
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as writer:
        statement = f"UPDATE {table} SET phase = %s WHERE id = %s".encode()
        await asyncio.sleep(WARM_UP_S)
        began = monotonic()
        total = int((seconds - WARM_UP_S) * rate)
        for turn in range(total):
            await asyncio.sleep(max(0.0, began + turn / rate - monotonic()))
            number = next(_numbers)  # never the same twice: an update that changes nothing is no change
            await writer.execute(statement, [f"change {number}", 1 + turn % PROBES])
            committed[number] = monotonic()
        wrote = monotonic() - began
    deadline = monotonic() + LAST_S
    while arrived.keys() < committed.keys() and monotonic() < deadline and not receiving.done():  # noqa: ASYNC110  # bounded, and off the path that is measured
        await asyncio.sleep(0.01)
    receiving.cancel()
    await asyncio.wait([receiving])
    # A frame can be here before the answer to the commit is.
    times = sorted(max(0.0, (arrived[n] - committed[n]) * 1000) for n in committed if n in arrived)
    return {
        "probes": total,
        "rate": total / wrote,
        "lost": total - len(times),
        "p50_ms": statistics.median(times) if times else float("inf"),
        "p99_ms": times[min(len(times) - 1, int(len(times) * 0.99))] if times else float("inf"),
        "max_ms": times[-1] if times else float("inf"),
    }


@contextlib.asynccontextmanager
async def subscribed(contender: Contender, port: int, query: str = "") -> AsyncIterator[ClientConnection]:
    """A client of a contender that is told of every change from here on; with Tailboard, `query` may say more."""
    async with connect(
        f"ws://127.0.0.1:{port}{contenders.address(contender)}{query}",
        subprotocols=[Subprotocol(contender.subprotocol)] if contender.subprotocol else None,
        max_size=None,
        max_queue=64,
        compression=None,
        close_timeout=1,
        proxy=None,
    ) as socket:
        if contender.hello is not None:
            await socket.send(contender.hello)
        if not query and contender.live is not None:
            while contender.live not in await socket.recv(decode=False):
                pass
        yield socket


def from_socket(socket: ClientConnection) -> Callable[[Times], Any]:
    async def receive(arrived: Times) -> None:
        while True:
            frame = await socket.recv(decode=False)
            now = monotonic()
            for match in CHANGE.finditer(frame):
                arrived[int(match[1])] = now

    return receive


def _from_channel(url: str) -> Callable[[Times], Any]:
    async def receive(arrived: Times) -> None:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            await connection.execute("LISTEN jobs")
            async for notice in connection.notifies():
                match = CHANGE.search(notice.payload.encode())
                if match is not None:
                    arrived[int(match[1])] = monotonic()

    return receive


def _print(results: dict[str, Any]) -> None:
    print(f"commit to arrival in ms, {OTHERS + 1} clients, {os.cpu_count()} cores, fsync on")
    print(
        f"{'changes/s':<10} {'contender':<20} {'p50':>8} {'p99':>8} {'max':>8} {'probes':>7} {'lost':>5}   target"
    )
    for name, by_contender in results.items():
        for contender, found in by_contender.items():
            target = ""
            if contender == "Tailboard" and name in TARGETS:
                p50, p99 = TARGETS[name]
                met = (p50 is None or found["p50_ms"] <= p50) and found["p99_ms"] <= p99
                target = f"{f'p50 <= {p50:g}, ' if p50 else ''}p99 <= {p99:g}: {'met' if met else 'MISSED'}"
            if "writers_tps" in found:
                target += f"  (writers: {found['writers_tps']:,.0f} tps)"
            print(
                f"{name:<10} {contender:<20} {found['p50_ms']:>8.2f} {found['p99_ms']:>8.2f} {found['max_ms']:>8.2f}"
                f" {found['probes']:>7} {found['lost']:>5}   {target}"
            )


if __name__ == "__main__":
    main()
