"""Which rows the table has, and what of the benchmarks' results each says."""

import statistics
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

Results = dict[str, Any]


class Row(NamedTuple):
    measured: str
    tailboard: str
    beside: str
    aim: str = ""


def _writers(found: Results) -> Iterator[Row]:
    titles = {"lifecycle": "a job's life cycle", "progress": "bare progress updates"}
    for workload, by_clients in found["tps"].items():
        tps = by_clients["16"]

        def share(name: str, tps: dict[str, list[float]] = tps) -> str:
            ratios = [a / b for a, b in zip(tps[name], tps["none"], strict=True)]
            return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"

        yield Row(
            f"writers' throughput of untriggered, 16 clients, {titles[workload]}; median and range of rounds",
            share("tailboard") + (f"; while a board is open {share('watched')}" if "watched" in tps else ""),
            f"{share('usual')} with `pg_notify(row_to_json(NEW))`"
            + (f"; {share('least')} with the least log, and no server" if "least" in tps else "")
            + (
                f"; with three CHECK constraints instead of one call {share('checked')} without a trigger"
                if "checked" in tps
                else ""
            )
            + (f", {share('before')} with Tailboard" if "before" in tps else ""),
            "0.65, and 3 times the other",
        )


def _latency(found: Results) -> Iterator[Row]:
    for rate, by_name in found.items():
        others = {name: figures for name, figures in by_name.items() if name != "Tailboard"}
        saturated = rate == "saturated"

        def times(figures: dict[str, float], saturated: bool = saturated) -> str:
            tps = f" at {figures['writers_tps']:,.0f} writes/s" if saturated else ""
            return f"{figures['p50_ms']:.1f} / {figures['p99_ms']:.1f}{tps}"

        yield Row(
            "commit to WebSocket frame, p50 / p99 ms, "
            + ("16 writers at saturation" if saturated else f"{rate} changes/s"),
            times(by_name["Tailboard"]),
            "; ".join(f"{name} {times(figures)}" for name, figures in others.items()),
            {"50": "4 / 15", "saturated": "p99 60"}.get(rate, ""),
        )


def _fanout(found: Results) -> Iterator[Row]:
    by_name = found["contenders"]
    ours = by_name["Tailboard"]["sizes"]
    others = {name: figures["sizes"] for name, figures in by_name.items() if name != "Tailboard"}
    for size in list(ours)[-2:]:
        for pattern, title in (("bursts", "20 changes a transaction"), ("one by one", "one a transaction")):
            rate = ours[size][pattern]["per_cpu_s"]
            yield Row(
                f"deliveries per CPU-second to {int(size):,} subscribers, {title}",
                f"{rate:,.0f}",
                "; ".join(
                    f"{name} {sizes[size][pattern]['per_cpu_s']:,.0f}"
                    f" ({rate / sizes[size][pattern]['per_cpu_s']:.1f} times)"
                    for name, sizes in others.items()
                ),
                "10 times" if pattern == "bursts" else "",
            )
    yield Row(
        f"memory of each of {found['idle_subscribers']:,} idle connections",
        f"{by_name['Tailboard']['idle_kib']:.0f} KiB",
        "; ".join(f"{name} {by_name[name]['idle_kib']:.0f} KiB" for name in others),
        "28 KiB",
    )


def _filters(found: Results) -> Iterator[Row]:
    by_name = found["contenders"]
    most = list(by_name["Tailboard"])[-1]
    yield Row(
        f"CPU time for a change, {found['subscribers']:,} subscribers with {int(most):,} different filters",
        f"{by_name['Tailboard'][most]['us_per_change']:,.0f} µs",
        "; ".join(
            f"{name} {by[most]['us_per_change']:,.0f} µs"
            for name, by in by_name.items()
            if name != "Tailboard" and most in by
        ),
    )


def _catchup(found: Results) -> Iterator[Row]:
    for distance, figures in list(found.items())[-2:]:
        yield Row(
            f"{int(distance):,} events behind, until caught up",
            f"{figures['seconds']:.2f} s, memory {figures['rss_before_mib']:.0f} to {figures['rss_peak_mib']:.0f} MiB",
            f"the same rows read in SQL {figures['sql_s']:.2f} s; the alternatives cannot",
            "2 s" if distance == "100000" else "",
        )


def _pages(found: Results) -> Iterator[Row]:
    count, by_name = list(found.items())[-1]

    def said(figures: dict[str, float]) -> str:
        return (
            f"{figures['p50_ms']:,.0f} / {figures['p99_ms']:,.0f},"
            f" {figures['server_cpu']:.0%} + {figures['database_cpu']:.0%}"
        )

    yield Row(
        f"{count} live pages, 10 changes/s: until shown p50 / p99 ms, CPU of server + database",
        said(by_name["Tailboard"]),
        f"PgQueuer's dashboard {said(by_name['PgQueuer'])}",
    )


def _bulk(found: Results) -> Iterator[Row]:
    rows, by_name = list(found.items())[-1]
    ours, usual = by_name["Tailboard"], by_name["Starlette + LISTEN"]
    yield Row(
        f"one UPDATE of {int(rows):,} rows, of untriggered; until 20 subscribers are told; the server's peak;"
        " the longest that a request took meanwhile",
        f"{ours['times_untriggered']:.1f} times, {ours['told_s']:.1f} s, {ours['rss_peak_mib']:.0f} MiB,"
        f" {ours['longest_ms']:.0f} ms",
        f"Starlette + LISTEN {usual['times_untriggered']:.1f} times, {usual['told_s']:.1f} s,"
        f" {usual['rss_peak_mib']:.0f} MiB, {usual['longest_ms']:.0f} ms",
    )


def _large(found: Results) -> Iterator[Row]:
    first, last = found["stages"][0], found["stages"][-1]

    def said(stage: dict[str, float]) -> str:
        return (
            f"{stage['of_untriggered']:.2f} of untriggered, {stage['p50_ms']:.1f} / {stage['p99_ms']:.1f} ms,"
            f" page {stage['page_ms']:.0f} ms, 10,000 events behind {stage['resume_s']:.2f} s"
        )

    yield Row(
        f"with {last['jobs']:,} jobs and {last['changes']:,} rows of log",
        said(last),
        f"with {first['jobs']:,} and {first['changes']:,}: {said(first)}",
    )


def _lists(found: Results) -> Iterator[Row]:
    yield Row(
        f"a page of {found['jobs']:,} jobs, any filter",
        f"{min(found['ms'].values()):.0f} to {max(found['ms'].values()):.0f} ms",
        f"the page and `count(*)` in SQL {found['plain_ms']:.0f} ms",
        "50 ms",
    )


def _past(found: Results) -> Iterator[Row]:
    worst = max(took["worst"] for took in found["ms"].values())
    yield Row(
        f"the past of {found['changes']:,} changes, the slowest answer", f"{worst:.0f} ms", "", "200 ms"
    )


def _failover(found: Results) -> Iterator[Row]:
    for ways in (("killed", "stopped", "disconnected"), ("frozen", "half-open")):
        silences = [silence for way in ways for silence in found[way]]
        yield Row(
            f"the feed's silence when the node that seals is {', '.join(ways[:-1])} or {ways[-1]}; median, longest",
            f"{statistics.median(silences):.2f} s, {max(silences):.2f} s",
            "",
            "2 s",
        )


def _attached(found: Results) -> Iterator[Row]:
    for name, rates in found.items():

        def share(contender: str, rates: dict[str, list[float]] = rates) -> str:
            ratios = [a / b for a, b in zip(rates[contender], rates["alone"], strict=True)]
            return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"

        yield Row(
            f"jobs per second of {name} while it is watched, of the queue alone; median and range of rounds",
            share("watched"),
            f"{statistics.median(rates['alone']):,.0f} jobs/s alone;"
            f" {share('least')} with the least log, and no server",
            "0.85",
        )


def _soak(found: Results) -> Iterator[Row]:
    yield Row(
        f"{found['changes']:,} changes in {found['seconds']} s, {found['connections']:,} connections that come and go:"
        " the server's memory over the second half",
        f"{found['rise']['rss_mib']:+.1%}, {found['samples'][-1]['rss_mib']:.0f} MiB at the end",
        "",
        "flat",
    )


def _smoothness(found: Results) -> Iterator[Row]:
    yield Row(
        f"the page with {found['rows']:,} jobs in its list, {found['changes'] / found['seconds']:,.0f} changes/s:"
        " longest task, heap",
        f"{found['longest_ms']:.0f} ms, {found['before']:.0f} to {found['after']:.0f} MB",
        "",
        "100 ms, flat",
    )


ROWS: Final[dict[str, Callable[[Results], Iterator[Row]]]] = {
    "writers": _writers,
    "attached": _attached,
    "bulk": _bulk,
    "latency": _latency,
    "pages": _pages,
    "fanout": _fanout,
    "filters": _filters,
    "catchup": _catchup,
    "failover": _failover,
    "lists": _lists,
    "past": _past,
    "large": _large,
    "soak": _soak,
    "smoothness": _smoothness,
}
"""By the benchmark whose results they say, in the order of the table."""


def table(results: dict[str, Results]) -> str:
    """The rows of those benchmarks that there are results of, in Markdown."""
    lines = ["| measured | Tailboard | beside it, in the same run | aim |", "| --- | --- | --- | --- |"]
    for name, rows in ROWS.items():
        if name in results:
            lines += [
                f"| {row.measured} (`{name}`) | {row.tailboard} | {row.beside} | {row.aim} |"
                for row in rows(results[name])
            ]
    return "\n".join(lines)
