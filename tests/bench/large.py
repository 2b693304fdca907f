"""What a large table and a long log cost: everything that should not depend on them, measured as they grow.

    python tests/bench/large.py [--quick] [--full] [--minutes M] [--json PATH]

A node runs while SQL adds jobs, each captured, and then rows of log: what the capture would write if each job were
updated again and again. Up to a million jobs and two million rows of log, or with --full ten million and a hundred
million. At each size: the writers' throughput of that on an untriggered table with as many jobs, the latency at 50
changes a second, a page of jobs over HTTP, a job's history, and a client 10,000 events behind.
Growing stops, and says so, when the minutes are over or the disk has 15 GiB left.
"""

import os
import shutil
import statistics
import time
from time import monotonic
from typing import Any, Final

import httpx
import psycopg
import uvloop
from catchup import resume
from latency import from_socket, probe, subscribed
from measuring import contenders, options, postgres
from measuring.contenders import TAILBOARD
from measuring.postgres import Place
from measuring.processes import Served

STAGES: Final = ((10_000, 20_000), (100_000, 300_000), (1_000_000, 2_000_000))
FULL: Final = (10_000_000, 100_000_000)
STEP: Final = 100_000
CLIENTS: Final = 16
ROUNDS: Final = 3
BEHIND: Final = 10_000
FREE_BYTES: Final = 15 * 2**30
REPEAT: Final = 9
NONE: Final = TAILBOARD._replace(name="untriggered", table="bench_none.jobs")
LOGGED: Final = """
    INSERT INTO tailboard.changes (seq, op, source, job_id, old_status, new_status,
                                   old_queue, old_kind, old_worker, old_tags, record)
    SELECT nextval('tailboard.changes_seq'), 'U', 'jobs', j.id::text, j.status, j.status,
           j.queue, j.kind, j.worker, j.tags, j
      FROM tailboard.jobs j WHERE j.id > %(after)s ORDER BY j.id LIMIT %(rows)s
"""
PAGES: Final = {
    "page_ms": "/api/jobs?limit=50",
    "filtered_page_ms": "/api/jobs?queue=q3&status=pending&limit=50",
    "history_ms": "/api/jobs/jobs/17/events",
    "stats_ms": "/api/stats",
}


def main() -> None:
    parser = options.parser(__doc__)
    parser.add_argument("--minutes", type=float, default=40, help="how long growing may take in all")
    chosen = parser.parse_args()
    stages = STAGES[:2] if chosen.quick else (*STAGES, FULL) if chosen.full else STAGES
    results: list[dict[str, Any]] = []
    deadline = monotonic() + chosen.minutes * 60
    with postgres.postgres(max_wal_size="4GB") as place:
        for contender in (TAILBOARD, NONE):
            contenders.prepare(place.url, contender, 0)
        with contenders.served(TAILBOARD, place) as server:
            for jobs, changes in stages:
                grown = _grow(place, jobs, changes, deadline)
                results.append(
                    {**grown, **_measure(place, server, grown["jobs"], seconds=2 if chosen.quick else 5)}
                )
                if grown["changes"] < changes:
                    print(
                        f"stopped at {grown['jobs']:,} jobs and {grown['changes']:,} changes: {grown['stopped']}"
                    )
                    break
    _print(results)
    options.write(chosen, {"stages": results})


def _grow(place: Place, jobs: int, changes: int, deadline: float) -> dict[str, Any]:
    """Insert jobs, then rows of log for one job after another, until there are as many as asked or time is over."""
    stopped = None
    after = 0
    began = monotonic()
    with psycopg.connect(place.url, autocommit=True) as connection:
        while (have := _counts(connection))["jobs"] < jobs or have["changes"] < changes:
            if monotonic() > deadline:
                stopped = "the time is over"
            elif shutil.disk_usage(place.home).free < FREE_BYTES:
                stopped = "the disk is nearly full"
            if stopped:
                break
            if have["jobs"] < jobs:
                for table in (TAILBOARD.table, NONE.table):
                    connection.execute(
                        f"INSERT INTO {table} (kind, queue, payload) SELECT 'kind-' || i % 20, 'q' || i % 9,"
                        f" jsonb_build_object('to', 'user' || i || '@example.com', 'template', 'welcome')"
                        f" FROM generate_series(1, {min(STEP, jobs - have['jobs'])}) AS i".encode()
                    )
            else:
                rows = min(STEP, changes - have["changes"], have["jobs"])
                after = 0 if after + rows > have["jobs"] else after
                connection.execute(LOGGED, {"after": after, "rows": rows})
                after += rows
        for table in (TAILBOARD.table, NONE.table):
            connection.execute(f"VACUUM ANALYZE {table}".encode())
        wrote = monotonic() - began
        have = _counts(connection)
    postgres.sealed(place.url, within=1800)
    return {**have, "stopped": stopped, "grew_s": wrote, "sealed_s": monotonic() - began - wrote}


def _counts(connection: psycopg.Connection[Any]) -> dict[str, int]:
    """Nothing is deleted or rolled back here, so the sequences count."""
    row = connection.execute(
        "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('tailboard.jobs', 'id')::regclass), 0),"
        " coalesce(pg_sequence_last_value('tailboard.changes_seq'), 0)"
    ).fetchone()
    assert row is not None
    return {"jobs": row[0], "changes": row[1]}


def _measure(place: Place, server: Served, jobs: int, seconds: int) -> dict[str, Any]:
    ratios = []
    for _ in range(ROUNDS):
        tps = {}
        for contender in (NONE, TAILBOARD):
            script = (
                f"\\set id random(1, {jobs})\n\\set p random(0, 1000)\n"
                f"UPDATE {contender.table} SET progress = :p / 1000.0, phase = 'step ' || :p WHERE id = :id;"
            )
            with postgres.pgbench(place, {script: 1}, clients=CLIENTS, seconds=seconds) as process:
                tps[contender.name] = postgres.tps(process, seconds)
        ratios.append(tps[TAILBOARD.name] / tps[NONE.name])
    postgres.sealed(place.url)
    latency = uvloop.run(_latency(place, server, seconds))
    epoch, _, position = postgres.sealed(place.url).partition(".")
    behind = uvloop.run(resume(server, f"{epoch}.{int(position) - BEHIND}", BEHIND))
    return {
        "of_untriggered": statistics.median(ratios),
        "p50_ms": latency["p50_ms"],
        "p99_ms": latency["p99_ms"],
        "resume_s": behind["seconds"],
        **{name: _request(server.url.rstrip("/") + path) for name, path in PAGES.items()},
        "database_gib": postgres.one(place.url, "SELECT pg_database_size(current_database())")[0] / 2**30,
    }


async def _latency(place: Place, server: Served, seconds: int) -> dict[str, float]:
    async with subscribed(TAILBOARD, server.port) as socket:
        return await probe(place.url, TAILBOARD.table, 50, seconds, from_socket(socket))


def _request(url: str) -> float:
    took = []
    with httpx.Client(trust_env=False, timeout=60) as client:
        for _ in range(REPEAT + 1):
            began = time.perf_counter()
            client.get(url).raise_for_status()
            took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took[1:])


def _print(results: list[dict[str, Any]]) -> None:
    print(
        f"as the table and the log grow, {os.cpu_count()} cores, fsync on; milliseconds where nothing else is said"
    )
    print(
        f"{'jobs':>11}{'log':>13}{'GiB':>7}{'writers':>9}{'p50':>7}{'p99':>7}{'page':>7}{'filtered':>9}"
        f"{'history':>8}{'stats':>7}{'10,000 behind s':>17}{'grown in s':>11}"
    )
    for found in results:
        print(
            f"{found['jobs']:>11,}{found['changes']:>13,}{found['database_gib']:>7.1f}{found['of_untriggered']:>9.2f}"
            f"{found['p50_ms']:>7.1f}{found['p99_ms']:>7.1f}{found['page_ms']:>7.1f}{found['filtered_page_ms']:>9.1f}"
            f"{found['history_ms']:>8.1f}{found['stats_ms']:>7.1f}{found['resume_s']:>17.2f}"
            f"{found['grew_s'] + found['sealed_s']:>11.0f}"
        )


if __name__ == "__main__":
    main()
