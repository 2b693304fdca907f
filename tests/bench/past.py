"""How long the past takes to show, with a million changes in the log: pages, filters, one job, counts.

    python tests/bench/past.py [--quick] [--changes N] [--json PATH]

A real `tailboard serve` on an embedded PostgreSQL, asked over HTTP with `as_of`; each figure is the median and the
worst over moments spread evenly over the log. Five changes a job, a few jobs a transaction; one job in a hundred fails.
A filter that a page's share of the log does not fill is followed by `next`, for a few pages.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from measuring import options

from cli import rig
from tailboard.db.embedded.server import EmbeddedServer
from tailboard.db.schema import migrate

MOMENTS: Final = 12
PAGES: Final = 5
TARGET_MS: Final = 200
QUERIES: Final = {
    "50 newest": "/api/jobs?limit=50",
    "200 newest": "/api/jobs?limit=200",
    "in progress": "/api/jobs?status=in_progress&limit=50",
    "failed, one in a hundred": "/api/jobs?status=failed&limit=50",
    "a queue and a kind": "/api/jobs?queue=q3&kind=kind-1&limit=50",
    "matches nothing": "/api/jobs?queue=nowhere&limit=50",
    "search, nothing": "/api/jobs?q=zzzz&limit=50",
    "by priority": "/api/jobs?sort=priority&limit=50",
    "one job": "/api/jobs/jobs/17?",
    "counts": "/api/stats?",
    "minutes": "/api/stats/history?",
}
LIFE: Final = """
CREATE PROCEDURE pg_temp.live(rounds integer) LANGUAGE plpgsql AS $$
DECLARE made bigint[]; first bigint := coalesce((SELECT max(id) FROM tailboard.jobs), 0);
BEGIN
    FOR n IN 1..rounds LOOP
        INSERT INTO tailboard.jobs (kind, queue, priority, payload)
        SELECT 'kind-' || i % 20, 'q' || i % 7, i % 3, jsonb_build_object('n', i, 'who', repeat('x', 40))
          FROM generate_series(1, 20) i;
        COMMIT;
        UPDATE tailboard.jobs SET status = 'in_progress', worker = 'w-' || id % 8
         WHERE id BETWEEN first + 20 * (n - 3) + 1 AND first + 20 * (n - 2) AND status = 'pending';
        COMMIT;
        UPDATE tailboard.jobs SET progress = 0.3, phase = 'collect'
         WHERE id BETWEEN first + 20 * (n - 4) + 1 AND first + 20 * (n - 3);
        UPDATE tailboard.jobs SET progress = 0.8, phase = 'render'
         WHERE id BETWEEN first + 20 * (n - 4) + 1 AND first + 20 * (n - 3);
        COMMIT;
        UPDATE tailboard.jobs SET status = CASE WHEN id % 100 = 0 THEN 'failed' ELSE 'completed' END
         WHERE id BETWEEN first + 20 * (n - 5) + 1 AND first + 20 * (n - 4) AND status = 'in_progress';
        COMMIT;
    END LOOP;
END $$
"""


def main() -> None:
    parser = options.parser(__doc__)
    parser.add_argument("--changes", type=int, default=1_000_000)
    chosen = parser.parse_args()
    changes = 100_000 if chosen.quick else chosen.changes
    with tempfile.TemporaryDirectory(prefix="tailboard-bench-") as home:
        Path(home).chmod(0o755)
        server = EmbeddedServer(Path(home), settings={"max_wal_size": "8GB"})
        url = server.start()
        try:
            migrate(url)
            with rig.Process(Path(home), "serve", DATABASE_URL=url, PORT="0") as process:
                board = process.url()
                last = _fill(url, changes)
                _follow(board, last)
                figures = {name: _measure(board, path, last) for name, path in QUERIES.items()}
                kept = _kept(url)
                process.end()
        finally:
            server.stop()
    print(
        f"{last:,} changes in the log; milliseconds over HTTP at {MOMENTS} moments: median, worst, pages asked for"
    )
    for name, took in figures.items():
        print(f"  {name:<26} {took['median']:7.1f} {took['worst']:7.1f} {took['pages']:5.1f}")
    print(
        f"  folds kept for the past: {kept[0]}, {kept[1] / 1024:.0f} KiB in all, at most {kept[2]:,} changes apart"
    )
    print(f"  slowest answer {max(took['worst'] for took in figures.values()):.0f}, target {TARGET_MS}")
    options.write(chosen, {"changes": last, "ms": figures, "kept": kept})


def _fill(url: str, changes: int) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(LIFE)
        connection.execute(b"CALL pg_temp.live(%d)" % (changes // 100))
        row = connection.execute("SELECT count(*) FROM tailboard.changes").fetchone()
    assert row is not None
    return int(row[0])


def _follow(board: str, last: int) -> None:
    """Return when the server has sealed and folded everything."""
    with httpx.Client(trust_env=False, timeout=30) as client:
        while int(client.get(f"{board}/api/stats").json()["cursor"].partition(".")[2]) < last:
            time.sleep(0.2)


def _measure(board: str, path: str, last: int) -> dict[str, float]:
    took, pages = [], []
    with httpx.Client(trust_env=False, timeout=30) as client:
        for n in range(MOMENTS + 1):
            position = max(1000, last * n // MOMENTS)
            asked, found, onward = 0, 0, ""
            while asked == 0 or (onward and found < 50 and asked < PAGES):
                began = time.perf_counter()
                answer = client.get(f"{board}{path}&as_of=1.{position}{onward}")
                took.append((time.perf_counter() - began) * 1000)
                document: dict[str, Any] = answer.raise_for_status().json()
                asked += 1
                found += len(document.get("jobs", ()))
                onward = f"&after={document['next']}" if document.get("next") else ""
            pages.append(asked)
    return {"median": statistics.median(took), "worst": max(took[1:]), "pages": statistics.mean(pages)}


def _kept(url: str) -> tuple[int, int, int]:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT count(*), sum(pg_column_size(state)), max(gap) FROM (SELECT state, position - lag(position)"
            " OVER (ORDER BY position) AS gap FROM tailboard.checkpoints WHERE projection = 'past') kept"
        ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1]), int(row[2] or 0)


if __name__ == "__main__":
    main()
