"""Ten hours in ten minutes: whether anything grows that should not, while changes, readers and partitions come and go.

    python tests/bench/soak.py [--quick] [--full] [--json PATH]

Ten hours of a board with 100 changes a second are 3,600,000 changes. They are made here as fast as ten minutes need
(--full), or for 90 seconds at the same pace, with the log kept for one minute, so that its oldest partitions are
dropped again and again; meanwhile clients connect, follow, leave, and come back with their cursors. The memory of the
server and the size of the database are looked at every few seconds. Flat means: over the second half of the run, the
line through the memory rises by less than a twentieth.
"""

import asyncio
import os
import random
import statistics
from contextlib import suppress
from time import monotonic
from typing import Any, Final

import psycopg
from latency import subscribed
from measuring import contenders, options, postgres, processes
from measuring.contenders import TAILBOARD
from measuring.postgres import Place
from measuring.processes import Served
from websockets.exceptions import ConnectionClosed

JOBS: Final = 20_000
WRITERS: Final = 4
PACE: Final = 6000
"""Changes a second; the machine may not make as many beside everything else."""
CLIENTS: Final = 50
STAY_S: Final = (0.5, 15.0)
LEAF: Final = 50_000
"""Rows a partition of the log, so that partitions come and go as often as in ten hours with the usual million."""
SECONDS: Final = {"quick": 30, "standard": 90, "full": 600}
FLAT: Final = 0.05


def main() -> None:
    chosen = options.parser(__doc__).parse_args()
    seconds = SECONDS["quick" if chosen.quick else "full" if chosen.full else "standard"]
    with postgres.postgres() as place:
        contenders.prepare(place.url, TAILBOARD, JOBS)
        postgres.execute(place.url, f"UPDATE tailboard.settings SET value = '{LEAF}' WHERE key = 'leaf_rows'")
        with contenders.served(TAILBOARD, place, retention="1m") as server:
            results = asyncio.run(_soak(place, server, seconds))
    _print(results)
    options.write(chosen, results)


async def _soak(place: Place, server: Served, seconds: int) -> dict[str, Any]:
    script = (
        f"\\set id random(1, {JOBS})\n\\set p random(0, 1000)\n"
        "UPDATE tailboard.jobs SET progress = :p / 1000.0, phase = 'change ' || :p WHERE id = :id;"
    )
    counts = {"connections": 0, "resumed": 0, "resets": 0}
    with postgres.pgbench(
        place, {script: 1}, clients=WRITERS, seconds=seconds, options=["-R", str(PACE)]
    ) as writers:
        clients = [asyncio.create_task(_come_and_go(server, counts, seed)) for seed in range(CLIENTS)]
        samples = await _sample(place.url, server, seconds)
        tps = await asyncio.to_thread(postgres.tps, writers, seconds)
        for client in clients:
            client.cancel()
        gathered = await asyncio.gather(*clients, return_exceptions=True)
    failures = [found for found in gathered if not isinstance(found, asyncio.CancelledError)]
    assert not failures, failures
    await asyncio.to_thread(postgres.sealed, place.url)
    half = [sample for sample in samples if sample["at_s"] >= seconds / 2]
    return {
        "seconds": seconds,
        "tps": tps,
        "changes": round(tps * seconds),
        **counts,
        "samples": samples,
        "rise": {name: _rise(half, name) for name in ("rss_mib", "database_mib")},
    }


async def _come_and_go(server: Served, counts: dict[str, int], seed: int) -> None:
    """Follow for some seconds, leave in the middle of things, and come back where it was; now and then from now."""
    chance = random.Random(seed)
    cursor: str | None = None
    while True:
        counts["connections"] += 1
        counts["resumed"] += cursor is not None
        query = "" if cursor is None else f"&cursor={cursor}"
        with suppress(ConnectionClosed, TimeoutError):
            async with (
                subscribed(TAILBOARD, server.port, query) as socket,
                asyncio.timeout(chance.uniform(*STAY_S)),
            ):
                while True:
                    frame = await socket.recv(decode=False)
                    counts["resets"] += frame.count(b'{"type":"reset"')
                    cursor = frame.rpartition(b'"cursor":"')[2].partition(b'"')[0].decode()
        if chance.random() < 0.3:
            cursor = None
        await asyncio.sleep(chance.uniform(0, 1))


async def _sample(url: str, server: Served, seconds: int) -> list[dict[str, float]]:
    """The server's memory, the database's size, and the log's partitions, until the time is over."""
    samples = []
    every = max(1.0, seconds / 120)
    began = monotonic()
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        while (at := monotonic() - began) < seconds:
            row = await (
                await connection.execute(
                    "SELECT pg_database_size(current_database()), (SELECT count(*) FROM pg_inherits"
                    " WHERE inhparent = 'tailboard.changes'::regclass)"
                )
            ).fetchone()
            assert row is not None
            samples.append(
                {
                    "at_s": round(at, 1),
                    "rss_mib": processes.rss_kib(server.pid) / 1024,
                    "database_mib": row[0] / 2**20,
                    "partitions": row[1],
                }
            )
            await asyncio.sleep(every)
    return samples


def _rise(samples: list[dict[str, float]], name: str) -> float:
    """By what part of its mean the straight line through the samples rises from the first to the last."""
    times = [sample["at_s"] for sample in samples]
    values = [sample[name] for sample in samples]
    slope = statistics.linear_regression(times, values).slope
    return slope * (times[-1] - times[0]) / statistics.mean(values)


def _print(results: dict[str, Any]) -> None:
    first, last = results["samples"][0], results["samples"][-1]
    rise = results["rise"]["rss_mib"]
    print(
        f"{results['seconds']} s, {results['changes']:,} changes ({results['tps']:,.0f}/s), {CLIENTS} clients,"
        f" {results['connections']:,} connections, {results['resumed']:,} resumed, {results['resets']:,} told to"
        f" load afresh; {os.cpu_count()} cores"
    )
    print(
        f"server {first['rss_mib']:.0f} MiB at first, {last['rss_mib']:.0f} at last; over the second half"
        f" {rise:+.1%}: {'flat' if rise < FLAT else 'NOT FLAT'}"
    )
    print(
        f"database {first['database_mib']:.0f} MiB at first, {last['database_mib']:.0f} at last; over the second half"
        f" {results['rise']['database_mib']:+.1%}; partitions {first['partitions']:.0f} and {last['partitions']:.0f}"
    )


if __name__ == "__main__":
    main()
