"""What coming back costs, by how far a client is behind.

    python tests/bench/catchup.py [--quick] [--full] [--json PATH]

A WebSocket client gives a cursor that is 1,000, 10,000 or 100,000 events old (a million with --full). Measured: the
time to `caught_up`, the server's memory at its peak, and beside it the same events read as rows in SQL by one
`tailboard.read()` after another, which is the least that reading them can take. The alternatives keep no log: after an
interruption their clients load everything again and cannot know what they missed.
"""

import os
from time import monotonic
from typing import Any, Final

import psycopg
import uvloop
from latency import subscribed
from measuring import contenders, options, postgres, processes
from measuring.contenders import TAILBOARD
from measuring.processes import Served

JOBS: Final = 20_000
DISTANCES: Final = (1000, 10_000, 100_000)
FULL: Final = 1_000_000
TARGET_S: Final = 2.0
PAGE: Final = 1000


def main() -> None:
    chosen = options.parser(__doc__).parse_args()
    distances = DISTANCES[:2] if chosen.quick else (*DISTANCES, FULL) if chosen.full else DISTANCES
    results: dict[str, Any] = {}
    with postgres.postgres() as place:
        contenders.prepare(place.url, TAILBOARD, JOBS)
        with contenders.served(TAILBOARD, place) as server:
            end = _lengthen(place.url, distances[-1])
            for distance in distances:
                before = f"{end.partition('.')[0]}.{int(end.partition('.')[2]) - distance}"
                results[str(distance)] = {
                    "sql_s": _rows(place.url, before, distance),
                    **uvloop.run(resume(server, before, distance)),
                }
    print(f"resuming, {os.cpu_count()} cores")
    print(
        f"{'behind':>10}{'caught up s':>13}{'rows in SQL s':>15}{'MiB of frames':>15}{'server MiB, peak':>18}"
    )
    for name, found in results.items():
        print(
            f"{int(name):>10,}{found['seconds']:>13.2f}{found['sql_s']:>15.2f}{found['mib']:>15.1f}"
            f"{found['rss_before_mib']:>9.0f} {found['rss_peak_mib']:>8.0f}"
        )
    if "100000" in results:
        met = results["100000"]["seconds"] < TARGET_S
        print(f"100,000 events in under {TARGET_S:g} s: {'met' if met else 'MISSED'}")
    options.write(chosen, results)


def _lengthen(url: str, changes: int) -> str:
    """Make so many changes and wait until they are sealed; where the log ends then."""
    with psycopg.connect(url, autocommit=True) as connection:
        for start in range(0, changes, JOBS):
            connection.execute(
                "UPDATE tailboard.jobs SET progress = random() WHERE id <= %s", [min(JOBS, changes - start)]
            )
    return postgres.sealed(url)


def _rows(url: str, cursor: str, distance: int) -> float:
    began, read = monotonic(), 0
    with psycopg.connect(url, autocommit=True) as connection:
        while rows := connection.execute("SELECT * FROM tailboard.read(%s, %s)", [cursor, PAGE]).fetchall():
            read += len(rows)
            cursor = str(rows[-1][0])
    assert read == distance, f"{read} rows of {distance} came"
    return monotonic() - began


async def resume(server: Served, cursor: str, distance: int) -> dict[str, float]:
    before = peak = processes.rss_kib(server.pid)
    events = size = 0
    began = monotonic()
    async with subscribed(TAILBOARD, server.port, f"&cursor={cursor}") as socket:
        frame = b""
        while b'"caught_up"' not in frame:
            frame = await socket.recv(decode=False)
            events += frame.count(b'{"type":"job_')
            size += len(frame)
            peak = max(peak, processes.rss_kib(server.pid))
        took = monotonic() - began
    assert events == distance, f"{events} events of {distance} came"
    return {
        "seconds": took,
        "mib": size / 2**20,
        "rss_before_mib": before / 1024,
        "rss_peak_mib": peak / 1024,
    }


if __name__ == "__main__":
    main()
