"""What a server needs to tell many subscribers, and what a connection costs it, by the number of subscribers.

    python tests/bench/fanout.py [--quick] [--rounds N] [--most N] [--json PATH]

The real thing from end to end: a writer commits changes to one table, each contender's own server learns of them as it
does and tells all subscribers, who are connected over loopback and must get every change exactly once.

    one by one      a change a transaction, one writer without a pause
    bursts          20 changes a transaction

The figure is deliveries per second of the server's CPU, reading the database included; beside it the memory that a
connection takes. The contenders run in turn, round after round, each with a crowd that grows from 1 to 10,000.
"""

import asyncio
import os
import statistics
from typing import Any, Final

from measuring import contenders, options
from measuring.contenders import SERVERS, Contender
from measuring.crowd import gather, raise_file_limit
from measuring.postgres import Place, postgres

SIZES: Final = (1, 10, 100, 1000, 10_000)
JOBS: Final = 1000
PADDING: Final = 330
BURST: Final = 20
PATTERNS: Final = {"one by one": 1, "bursts": BURST}
DELIVERIES: Final = 200_000
"""About so many in each measurement, within the bounds of changes."""
CHANGES: Final = (40, 2000)
WARM: Final = 20
IDLE: Final = 1000
"""Connections whose memory is measured, after some that are not."""

Rounds = dict[str, list[dict[str, Any]]]


def main() -> None:
    parser = options.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--most", type=int, default=SIZES[-1], help="subscribers")
    chosen = parser.parse_args()
    most, rounds = (100, 1) if chosen.quick else (chosen.most, chosen.rounds)
    most = min(most, raise_file_limit() - 200)
    sizes = [size for size in SIZES if size <= most]
    found: Rounds = {contender.name: [] for contender in SERVERS}
    with postgres() as place:
        for contender in SERVERS:
            contenders.prepare(place.url, contender, JOBS, padding=PADDING)
        for turn in range(rounds):
            for contender in SERVERS if turn % 2 == 0 else reversed(SERVERS):
                found[contender.name].append(asyncio.run(_measure(place, contender, sizes)))
    results = {
        "idle_subscribers": min(most, IDLE),
        "contenders": {name: _middle(measured, sizes) for name, measured in found.items()},
    }
    _print(results, rounds)
    options.write(chosen, results)


async def _measure(place: Place, contender: Contender, sizes: list[int]) -> dict[str, Any]:
    """One contender, once: for each size of the crowd, a figure for each pattern."""
    found: dict[str, Any] = {}
    # Memory first and apart: a server that has told of changes keeps some, which new connections then need not take.
    with contenders.served(contender, place) as server:
        async with gather(place.url, contender, server, jobs=JOBS) as crowd:
            await crowd.grow(WARM)
            found["idle_kib"] = await crowd.grow(WARM + min(sizes[-1], IDLE))
    with contenders.served(contender, place) as server:
        async with gather(place.url, contender, server, jobs=JOBS) as crowd:
            await crowd.grow(1)
            await crowd.watch(CHANGES[0], BURST)  # so that imports and caches are not counted
            for size in sizes:
                await crowd.grow(size)
                changes = min(CHANGES[1], max(CHANGES[0], DELIVERIES // size // BURST * BURST))
                sights = {name: await crowd.watch(changes, burst) for name, burst in PATTERNS.items()}
                found[str(size)] = {name: sight.figures() for name, sight in sights.items()}
    return found


def _middle(rounds: list[dict[str, Any]], sizes: list[int]) -> dict[str, Any]:
    """The median of the rounds; what went missing or came unwanted is summed."""
    return {
        "idle_kib": statistics.median(found["idle_kib"] for found in rounds),
        "sizes": {
            str(size): {
                pattern: _middle_of([found[str(size)][pattern] for found in rounds]) for pattern in PATTERNS
            }
            for size in sizes
        },
    }


def _middle_of(sights: list[dict[str, float]]) -> dict[str, Any]:
    return {
        **{name: statistics.median(sight[name] for sight in sights) for name in ("per_cpu_s", "wall_s")},
        **{name: sum(sight[name] for sight in sights) for name in ("missing", "unwanted")},
        "rounds": [round(sight["per_cpu_s"]) for sight in sights],
    }


def _print(results: dict[str, Any], rounds: int) -> None:
    print(f"deliveries per second of the server's CPU, median of {rounds}; {os.cpu_count()} cores")
    print(f"{'server':<20}{'subscribers':>12}{'one by one':>12}{'bursts':>12}  exact")
    for name, found in results["contenders"].items():
        for size, by_pattern in found["sizes"].items():
            wrong = sum(
                by_pattern[pattern]["missing"] + by_pattern[pattern]["unwanted"] for pattern in PATTERNS
            )
            print(
                f"{name:<20}{int(size):>12,}"
                + "".join(f"{by_pattern[pattern]['per_cpu_s']:>12,.0f}" for pattern in PATTERNS)
                + f"  {'yes' if not wrong else f'{wrong:,} wrong'}"
            )
    print(f"KiB that each of {results['idle_subscribers']:,} idle connections takes of the server:")
    for name, found in results["contenders"].items():
        print(f"{name:<20}{found['idle_kib']:>12.1f}")


if __name__ == "__main__":
    main()
