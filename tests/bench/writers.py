"""What capture costs the writers: pgbench, and who watches the same table, by the number of clients, in one run.

    python tests/bench/writers.py [--quick] [--rounds N] [--seconds S] [--clients N] [--contenders A,B] [--json PATH]

    none        no trigger at all
    checked     no trigger either, and what a job may be written as one writes it, in three CHECK constraints
    least       the least that could be a log, and no server (`measuring.contenders.least`)
    tailboard   Tailboard's capture, with a live sealer and tailer beside the writers, as in production
    before      the same with the three CHECK constraints that the built-in table had before they became one call
    watched     as `tailboard` while a board is open: every event is read, and made into the frames of one subscriber
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
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Final

import psycopg
from measuring import options, postgres
from measuring.contenders import STARLETTE, TAILBOARD, least, prepare
from measuring.postgres import Place

from tailboard.core.filter import EVERYTHING
from tailboard.core.frames import Form, Parcel
from tailboard.db.log import Log
from tailboard.db.pool import Database
from tailboard.live.hub import Hub
from tailboard.live.projector import Projector
from tailboard.live.sealer import Sealer
from tailboard.live.subscription import Ending, Peer
from tailboard.live.tailer import Tailer

JOBS: Final = 20_000
CONTENDERS: Final = {
    "none": TAILBOARD._replace(name="none", table="bench_none.jobs"),
    "checked": TAILBOARD._replace(name="checked", table="bench_checked.jobs"),
    "least": TAILBOARD._replace(name="least", table="bench_least.jobs"),
    "tailboard": TAILBOARD,
    "before": TAILBOARD,
    "watched": TAILBOARD,
    "usual": STARLETTE._replace(name="usual", table="bench_usual.jobs"),
}
_UNTRIGGERED: Final = frozenset({"none", "checked", "least"})
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
THREE_CHECKS: Final = """
ALTER TABLE {table}
    DROP CONSTRAINT job_fits,
    ADD CONSTRAINT status_fits
        CHECK (status IN ('scheduled', 'pending', 'in_progress', 'paused', 'completed', 'failed', 'cancelled')),
    ADD CONSTRAINT progress_fits CHECK (progress BETWEEN 0 AND 1),
    ADD CONSTRAINT phases_fit CHECK (jsonb_typeof(phases) = 'array');
"""
ONE_CHECK: Final = """
ALTER TABLE {table}
    DROP CONSTRAINT status_fits, DROP CONSTRAINT progress_fits, DROP CONSTRAINT phases_fit,
    ADD CONSTRAINT job_fits CHECK (tailboard.job_fits(status, progress, phases));
"""
POINTS: Final = (
    ("lifecycle", 16),
    ("progress", 16),
    ("lifecycle", 1),
    ("lifecycle", 4),
    ("lifecycle", 32),
    ("lifecycle", 64),
)
"""The first two are what the promise is about and get every round; the others make the curve."""

Tps = dict[str, list[float]]


def main(chosen: argparse.Namespace) -> None:
    results: dict[str, dict[str, Tps]] = {}
    with postgres.postgres() as place:
        for name, contender in CONTENDERS.items():
            if contender is not TAILBOARD or name == "tailboard":
                prepare(place.url, contender, JOBS)
            if name in _UNTRIGGERED:
                _without_trigger(place.url, contender.table)
        postgres.execute(place.url, least(CONTENDERS["least"].table, "bigint"))
        postgres.execute(place.url, THREE_CHECKS.format(table=CONTENDERS["checked"].table))
        for workload, clients in POINTS:
            if chosen.clients not in {None, clients}:
                continue
            rounds = chosen.rounds if clients == 16 else max(2, chosen.rounds // 2)
            seconds = chosen.seconds if clients == 16 else max(2, chosen.seconds - 2)
            results.setdefault(workload, {})[str(clients)] = _compare(
                place, chosen.contenders, workload, clients=clients, rounds=rounds, seconds=seconds
            )
        checked = _check(place.url)
    _print(results, checked)
    options.write(chosen, {"tps": results, "checked": checked})


def _without_trigger(url: str, table: str) -> None:
    """The copy has none; say so if that ever changes."""
    found = postgres.one(
        url, f"SELECT count(*) FROM pg_trigger WHERE tgrelid = '{table}'::regclass AND NOT tgisinternal"
    )
    assert found == (0,), f"{table} has triggers"


def _compare(
    place: Place, names: Sequence[str], workload: str, *, clients: int, rounds: int, seconds: int
) -> Tps:
    """Transactions per second of each contender, round by round."""
    tps: Tps = {name: [] for name in names}
    for turn in range(rounds):
        for name in names if turn % 2 == 0 else reversed(names):
            table = CONTENDERS[name].table
            with (
                _constrained(place.url, name),
                _watching(place.url, name),
                psycopg.connect(place.url, autocommit=True) as connection,
            ):
                # No CHECKPOINT: the full pages that follow one belong to minutes of writing, not to these seconds.
                connection.execute(f"VACUUM {table}".encode())
                scripts = {
                    DRAW + STEPS[step].format(t=table): weight for step, weight in WORKLOADS[workload].items()
                }
                with postgres.pgbench(place, scripts, clients=clients, seconds=seconds) as process:
                    tps[name].append(postgres.tps(process, seconds))
    return tps


@contextlib.contextmanager
def _constrained(url: str, name: str) -> Iterator[None]:
    """The constraints that a contender's table has."""
    if name != "before":
        yield
        return
    postgres.execute(url, THREE_CHECKS.format(table=TAILBOARD.table))
    try:
        yield
    finally:
        postgres.execute(url, ONE_CHECK.format(table=TAILBOARD.table))


@contextlib.contextmanager
def _watching(url: str, name: str) -> Iterator[None]:
    """The readers that belong to a contender, in a process of their own."""
    if name in _UNTRIGGERED:
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
            process.wait(60)


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
    sealer = Sealer(database, folds=projector.folds, watched=lambda: hub.reads_events)
    hub = Hub(Log(database), stats=projector.counts, lag_ms=lambda: tailer.lag_ms)
    tailer = Tailer(database, projector, [hub])
    await sealer.start()
    await tailer.start()
    if name == "watched":
        await hub.follow(hub.open(_Page(), Peer()), EVERYTHING, None)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    # let the sealer take what was committed last, so that the check at the end is exact
    await asyncio.to_thread(postgres.sealed, url, 50)
    await tailer.stop()
    await sealer.stop()
    await database.close()


class _Page:
    """A subscriber that takes everything at once: what a socket would be given, without the socket."""

    form = Form.LINES

    def write(self, parcel: Parcel) -> bool:
        parcel.rendered(self.form)
        return True

    async def drain(self) -> None:
        """It is never full."""

    def finish(self, ending: Ending) -> None:
        """Nothing is open."""


def _check(url: str) -> dict[str, int]:
    captured, sealed, distinct = postgres.one(
        url,
        "SELECT (SELECT count(*) FROM tailboard.changes), (SELECT count(*) FROM tailboard.events),"
        " (SELECT count(DISTINCT version) FROM tailboard.events)",
    )
    assert captured == sealed == distinct, f"captured {captured}, sealed {sealed}, distinct {distinct}"
    return {"captured": captured, "sealed": sealed}


def _print(results: dict[str, dict[str, Tps]], checked: dict[str, int]) -> None:
    print(f"pgbench, single-row UPDATEs, {os.cpu_count()} cores, fsync on")
    print(
        f"{'workload':<10}{'clients':>8} {'contender':<10} {'tps (median)':>13} {'of none':>8} {'of usual':>9}"
        "   ratios to none"
    )
    for workload, by_clients in results.items():
        for clients, tps in sorted(by_clients.items(), key=lambda item: int(item[0])):
            for name, values in tps.items():
                of_none = [a / b for a, b in zip(values, tps["none"], strict=True)]
                of_usual = (
                    [a / b for a, b in zip(values, tps["usual"], strict=True)]
                    if "usual" in tps
                    else [float("nan")]
                )
                print(
                    f"{workload:<10}{clients:>8} {name:<10} {statistics.median(values):>13,.0f}"
                    f" {statistics.median(of_none):>8.2f} {statistics.median(of_usual):>9.2f}"
                    f"   {' '.join(f'{ratio:.2f}' for ratio in of_none)}"
                )
    print(f"changes captured {checked['captured']:,}, sealed {checked['sealed']:,}: each once")


def _options() -> argparse.Namespace:
    parser = options.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--clients", type=int, help="only with so many")
    parser.add_argument(
        "--contenders",
        type=lambda names: ["none", *(name for name in names.split(",") if name != "none")],
        default=list(CONTENDERS),
        help="only these, beside none",
    )
    parser.add_argument("--watch", nargs=2, metavar=("CONTENDER", "URL"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if unknown := set(chosen.contenders) - set(CONTENDERS):
        parser.error(f"no such contender: {', '.join(sorted(unknown))}; there are {', '.join(CONTENDERS)}")
    if chosen.quick:
        chosen.rounds, chosen.seconds = 2, 2
    return chosen


if __name__ == "__main__":
    asked = _options()
    if asked.watch:
        import uvloop

        uvloop.run(_watch(*asked.watch))
    else:
        main(asked)
