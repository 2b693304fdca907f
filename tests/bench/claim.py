"""Claims a second while much is pending: `tailboard.claim`, and one ordered scan over its queues, which it was before.

    python tests/bench/claim.py [--quick] [--json PATH]

600,000 jobs in twenty queues; a quarter of them waits, in five queues, and the others have nothing to do. Four workers
claim a job at a time, from all queues, from one that is busy, from two, and from one in which nothing waits, and roll
back, so that all find the same. Both ways take from one table in turn, round after round, with the same indexes; what
counts is the median of each round's ratio. The scan is the function of schema version 0005, in 0006_claim.down.sql.
"""

import argparse
import statistics
from pathlib import Path
from typing import Final

import psycopg
from measuring import options, postgres
from measuring.postgres import Place

WORKERS: Final = 4
QUEUES: Final = {"all": "NULL", "a busy one": "'{q4}'", "two busy ones": "'{q4,q8}'", "an idle one": "'{q3}'"}
_BEFORE: Final = Path(__file__).resolve().parents[2] / "migrations" / "sql" / "0006_claim.down.sql"
_FILL: Final = """
INSERT INTO tailboard.jobs (kind, queue, status, priority)
SELECT 'k', 'q' || i % 20, (ARRAY['pending', 'completed', 'completed', 'failed'])[1 + i % 4], i / 20 % 5
  FROM generate_series(1, {jobs}) AS i
"""


def main(chosen: argparse.Namespace) -> None:
    rounds, seconds, jobs = (1, 2, 100_000) if chosen.quick else (5, 3, 600_000)
    with postgres.postgres() as place:
        _prepare(place, jobs)
        results = {name: _compare(place, queues, rounds, seconds) for name, queues in QUEUES.items()}
    print(f"{'from':<15}{'scan':>10}{'claim':>10}  ratio   claims a second, medians of {rounds}")
    for name, tps in results.items():
        ratio = statistics.median([new / old for new, old in zip(tps["claim"], tps["scan"], strict=True)])
        scan, claim = statistics.median(tps["scan"]), statistics.median(tps["claim"])
        print(f"{name:<15}{scan:>10,.0f}{claim:>10,.0f}  {ratio:.2f}")
    options.write(chosen, results)


def _prepare(place: Place, jobs: int) -> None:
    """Both ways side by side, and the jobs."""
    scan = (
        _BEFORE.read_text()
        .partition(";")[2]
        .replace("tailboard.claim", "public.scan")
        .replace("claim.", "scan.")
    )
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute(scan.encode())
        connection.execute(_FILL.format(jobs=jobs).encode())
        connection.execute("VACUUM ANALYZE tailboard.jobs")


def _compare(place: Place, queues: str, rounds: int, seconds: int) -> dict[str, list[float]]:
    tps: dict[str, list[float]] = {"scan": [], "claim": []}
    calls = {"scan": "public.scan", "claim": "tailboard.claim"}
    for turn in range(rounds):
        for name in calls if turn % 2 == 0 else reversed(calls):
            script = f"BEGIN;\nSELECT id FROM {calls[name]}('w', {queues}, 1);\nROLLBACK;"
            with postgres.pgbench(place, {script: 1}, clients=WORKERS, seconds=seconds) as process:
                tps[name].append(postgres.tps(process, seconds))
    return tps


if __name__ == "__main__":
    main(options.parser(__doc__).parse_args())
