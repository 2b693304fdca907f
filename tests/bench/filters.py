"""What many different filters cost: a thousand subscribers who follow 1, 10, 100 or 1,000 queues among them.

    python tests/bench/filters.py [--quick] [--rounds N] [--json PATH]

Every change concerns one queue, and so one subscriber in 1, 10, 100 or 1,000. Tailboard filters by its index;
Starlette's loop compares the row's queue with each subscriber's; Litestar gets a channel and Socket.IO a room a queue,
named by their triggers. The figure is the server's CPU time for a change. Litestar is left out where its connection
that LISTENs would be stopped and started a thousand times while the clients come: a tenth of a second each.
"""

import asyncio
import os
import statistics
from typing import Any, Final

from measuring import contenders, options
from measuring.contenders import LITESTAR, SERVERS, Contender
from measuring.crowd import gather, raise_file_limit
from measuring.postgres import Place, postgres

SUBSCRIBERS: Final = 1000
QUEUES: Final = (1, 10, 100, 1000)
BURST: Final = 20
DELIVERIES: Final = 100_000
CHANGES: Final = (100, 2000)
MOST_CHANNELS: Final = 100


def main() -> None:
    parser = options.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    chosen = parser.parse_args()
    subscribers, rounds = (100, 1) if chosen.quick else (SUBSCRIBERS, chosen.rounds)
    raise_file_limit()
    found: dict[str, dict[str, list[dict[str, Any]]]] = {contender.name: {} for contender in SERVERS}
    for queues in (count for count in QUEUES if count <= subscribers):
        with postgres() as place:
            for contender in SERVERS:
                contenders.prepare(
                    place.url, contender, max(QUEUES), queues=queues, padding=330, by_queue=True
                )
            for turn in range(rounds):
                for contender in SERVERS if turn % 2 == 0 else reversed(SERVERS):
                    if contender is not LITESTAR or queues <= MOST_CHANNELS:
                        sight = asyncio.run(_measure(place, contender, subscribers, queues))
                        found[contender.name].setdefault(str(queues), []).append(sight)
    results = {name: {queues: _middle(sights) for queues, sights in by.items()} for name, by in found.items()}
    _print(results, subscribers, rounds)
    options.write(chosen, {"subscribers": subscribers, "contenders": results})


async def _measure(place: Place, contender: Contender, subscribers: int, queues: int) -> dict[str, Any]:
    with contenders.served(contender, place) as server:
        async with gather(place.url, contender, server, jobs=max(QUEUES), queues=queues) as crowd:
            await crowd.grow(subscribers)
            await crowd.watch(CHANGES[0], BURST)
            each = subscribers // queues
            changes = min(CHANGES[1], max(CHANGES[0], DELIVERIES // each // BURST * BURST))
            return (await crowd.watch(changes, BURST)).figures()


def _middle(sights: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "us_per_change": statistics.median(sight["us_per_change"] for sight in sights),
        "rounds": [round(sight["us_per_change"], 1) for sight in sights],
        "per_cpu_s": statistics.median(sight["per_cpu_s"] for sight in sights),
        "missing": sum(sight["missing"] for sight in sights),
        "unwanted": sum(sight["unwanted"] for sight in sights),
    }


def _print(results: dict[str, Any], subscribers: int, rounds: int) -> None:
    print(
        f"{subscribers} subscribers, {BURST} changes a transaction, median of {rounds}; {os.cpu_count()} cores;"
        " microseconds of the server's CPU for a change"
    )
    print(f"{'server':<20}{'queues':>8}{'us/change':>12}{'deliveries/CPU-s':>18}  exact")
    for name, by_queues in results.items():
        for queues, found in by_queues.items():
            wrong = found["missing"] + found["unwanted"]
            print(
                f"{name:<20}{int(queues):>8,}{found['us_per_change']:>12,.1f}{found['per_cpu_s']:>18,.0f}"
                f"  {'yes' if not wrong else f'{wrong:,} wrong'}"
            )


if __name__ == "__main__":
    main()
