"""What one statement on many rows costs: its own time, and until all who watch have it.

    python tests/bench/bulk.py [--quick] [--full] [--rounds N] [--json PATH]

An UPDATE of 1,000, 10,000 or 100,000 rows (a million with --full), as one transaction, on an untriggered table, on
Tailboard's with a node that tells 20 subscribers, and on one with the usual trigger and its server with as many. What
counts is the ratio to the untriggered statement in the same round, that nobody's memory grows with the statement, and
that the server answers others meanwhile: the longest that a request took, of one after the other.
"""

import asyncio
import os
import statistics
import threading
from contextlib import AsyncExitStack
from time import monotonic
from typing import Any, Final

import httpx
import psycopg
from measuring import contenders, options, processes
from measuring.contenders import STARLETTE, TAILBOARD, Contender
from measuring.crowd import gather
from measuring.postgres import Place, postgres

ROWS: Final = (1000, 10_000, 100_000)
FULL: Final = 1_000_000
SUBSCRIBERS: Final = 20
LOOK_S: Final = 0.05
NONE: Final = TAILBOARD._replace(name="untriggered", table="bench_none.jobs")
CONTENDERS: Final = (NONE, TAILBOARD, STARLETTE)

_numbers = iter(range(1, 10**9))


def main() -> None:
    parser = options.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    sizes = ROWS[:2] if chosen.quick else (*ROWS, FULL) if chosen.full else ROWS
    rounds = 2 if chosen.quick else chosen.rounds
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    with postgres() as place:
        for contender in CONTENDERS:
            contenders.prepare(place.url, contender, sizes[-1])
        for turn in range(rounds):
            for contender in CONTENDERS if turn % 2 == 0 else reversed(CONTENDERS):
                for rows, figures in asyncio.run(_measure(place, contender, sizes)).items():
                    found.setdefault(str(rows), {}).setdefault(contender.name, []).append(figures)
    results = {
        rows: {name: _middle(figures, by["untriggered"]) for name, figures in by.items()}
        for rows, by in found.items()
    }
    _print(results)
    options.write(chosen, results)


async def _measure(place: Place, contender: Contender, sizes: tuple[int, ...]) -> dict[int, dict[str, float]]:
    """One contender, once: each size of the statement."""
    found = {}
    async with AsyncExitStack() as stack:
        server, crowd = None, None
        if contender is not NONE:
            server = stack.enter_context(contenders.served(contender, place))
            crowd = await stack.enter_async_context(gather(place.url, contender, server, jobs=sizes[-1]))
            await crowd.grow(SUBSCRIBERS)
        for rows in sizes:
            watching = None if server is None else asyncio.create_task(_peak(server.pid))
            over = threading.Event()
            asking = (
                None if server is None else asyncio.create_task(asyncio.to_thread(_longest, server.url, over))
            )
            before = 0.0 if server is None else processes.rss_kib(server.pid) / 1024
            began = monotonic()
            took = await _update(place.url, contender.table, rows)
            if crowd is not None:
                # The last change of all: whoever has it has everything before it.
                await crowd.watch(1, 1)
            figures = {"statement_s": took, "told_s": monotonic() - began}
            if watching is not None and asking is not None:
                over.set()
                watching.cancel()
                figures |= {
                    "rss_before_mib": before,
                    "rss_peak_mib": await watching,
                    "longest_ms": await asking,
                }
            found[rows] = figures
    return found


async def _update(url: str, table: str, rows: int) -> float:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(f"VACUUM {table}".encode())
        statement = f"UPDATE {table} SET phase = %s WHERE id <= %s".encode()
        began = monotonic()
        await connection.execute(statement, [f"step {next(_numbers)}", rows])
        return monotonic() - began


async def _peak(pid: int) -> float:
    """The most memory that a process has until this is cancelled, in MiB."""
    peak = 0.0
    try:
        while True:
            peak = max(peak, processes.rss_kib(pid) / 1024)
            await asyncio.sleep(LOOK_S)
    except asyncio.CancelledError:
        return peak


def _longest(url: str, over: threading.Event) -> float:
    """The longest that a request takes until it is over, in milliseconds."""
    longest = 0.0
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        client.get("/readyz")
        while not over.wait(0.01):
            began = monotonic()
            client.get("/readyz")
            longest = max(longest, monotonic() - began)
    return 1000 * longest


def _middle(figures: list[dict[str, float]], untriggered: list[dict[str, float]]) -> dict[str, Any]:
    ratios = [
        found["statement_s"] / alone["statement_s"] for found, alone in zip(figures, untriggered, strict=True)
    ]
    return {name: statistics.median(found[name] for found in figures) for name in figures[0]} | {
        "times_untriggered": statistics.median(ratios)
    }


def _print(results: dict[str, Any]) -> None:
    print(f"one UPDATE of many rows, {SUBSCRIBERS} subscribers, {os.cpu_count()} cores, fsync on")
    print(
        f"{'rows':>10} {'contender':<20}{'statement s':>12}{'of untriggered':>16}{'all told s':>12}"
        f"{'server MiB, peak':>20}{'longest request ms':>20}"
    )
    for rows, by_contender in results.items():
        for name, found in by_contender.items():
            line = f"{int(rows):>10,} {name:<20}{found['statement_s']:>12.2f}{found['times_untriggered']:>15.1f}x"
            if "rss_peak_mib" in found:
                line += (
                    f"{found['told_s']:>12.2f}{found['rss_before_mib']:>12.0f} {found['rss_peak_mib']:>7.0f}"
                    f"{found['longest_ms']:>20.0f}"
                )
            print(line)


if __name__ == "__main__":
    main()
