"""Which plots there are, and what of the benchmarks' results each shows."""

import statistics
from collections.abc import Callable
from typing import Any, Final

from figures.chart import Axis, Series, line_chart

Results = dict[str, Any]


def _writers(found: Results) -> str:
    curve = sorted(found["tps"]["lifecycle"].items(), key=lambda item: int(item[0]))

    def share(name: str) -> list[tuple[float, float]]:
        return [
            (int(clients), statistics.median(a / b for a, b in zip(tps[name], tps["none"], strict=True)))
            for clients, tps in curve
        ]

    return line_chart(
        "Writers' throughput, of an untriggered table",
        Axis(
            "writers at once (a job's life cycle, single-row UPDATEs)",
            names=[clients for clients, _ in curve],
        ),
        Axis("of untriggered", low=0),
        [
            Series(title, [(float(place), point[1]) for place, point in enumerate(share(name))])
            for title, name in (
                ("Tailboard", "tailboard"),
                ("Tailboard, a board open", "watched"),
                ("pg_notify(row_to_json(NEW))", "usual"),
                ("the least log, no server", "least"),
            )
            if all(name in tps for _, tps in curve)
        ],
    )


def _latency(found: Results) -> str:
    rates = list(found)
    return line_chart(
        "Commit to WebSocket frame, p99",
        Axis("changes a second", names=rates),
        Axis("ms", log=True),
        [
            Series(
                name,
                [(float(place), max(0.1, found[rate][name]["p99_ms"])) for place, rate in enumerate(rates)],
            )
            for name in found[rates[0]]
        ],
    )


def _fanout(found: Results) -> str:
    return line_chart(
        "Deliveries per second of the server's CPU",
        Axis("subscribers (20 changes a transaction, 700 bytes each)", log=True),
        Axis("deliveries", log=True),
        [
            Series(name, [(float(size), by["bursts"]["per_cpu_s"]) for size, by in figures["sizes"].items()])
            for name, figures in found["contenders"].items()
        ],
    )


def _filters(found: Results) -> str:
    return line_chart(
        f"A server's CPU time for a change, {found['subscribers']:,} subscribers with filters",
        Axis("different filters among them", log=True),
        Axis("µs a change", log=True),
        [
            Series(name, [(float(queues), figures["us_per_change"]) for queues, figures in by_queues.items()])
            for name, by_queues in found["contenders"].items()
        ],
    )


def _catchup(found: Results) -> str:
    return line_chart(
        "Coming back: until a client has caught up",
        Axis("events behind", log=True),
        Axis("seconds", log=True),
        [
            Series(title, [(float(distance), figures[name]) for distance, figures in found.items()])
            for title, name in (
                ("Tailboard, over WebSocket", "seconds"),
                ("the same rows read in SQL", "sql_s"),
            )
        ],
    )


def _soak(found: Results) -> str:
    return line_chart(
        f"The server's memory over {found['changes']:,} changes and {found['connections']:,} connections",
        Axis("seconds", low=0),
        Axis("MiB", low=0),
        [Series("resident memory", [(sample["at_s"], sample["rss_mib"]) for sample in found["samples"]])],
    )


PLOTS: Final[dict[str, Callable[[Results], str]]] = {
    "writers": _writers,
    "latency": _latency,
    "fanout": _fanout,
    "filters": _filters,
    "catchup": _catchup,
    "soak": _soak,
}
"""By the benchmark whose results they show."""
