"""How long a page of jobs takes with a million of them: every filter, common, rare and matching nothing.

    python tests/bench/lists.py [--quick] [--jobs N] [--json PATH]

Then the same with an adopted table of as many rows beside it, with uuid ids and indexes on its status and its creation.

A real `tailboard serve` on an embedded PostgreSQL, asked over HTTP; the figure is the median of 15 requests, after one
that warms the cache. Beside it the plain way: the same page and its total by `SELECT … OFFSET 0` and `count(*)`.
"""

import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Final

import httpx
import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from measuring import options

from cli import rig
from tailboard.db.adopting.attaching import attach
from tailboard.db.embedded.server import EmbeddedServer
from tailboard.db.schema import migrate
from tailboard.db.session import connect
from tailboard.sources.parsing import parse

REPEAT: Final = 15
FILTERS: Final = {
    "no filter": "",
    "status, common": "status=completed",
    "status, rare": "status=failed",
    "queue, half of all": "queue=mail",
    "queue, rare": "queue=rare",
    "queue, none": "queue=nowhere",
    "kind": "kind=kind-7",
    "worker": "worker=worker-3",
    "tag": "tags=vip",
    "queue and status": "queue=mail&status=failed",
    "kind and queue, disjoint": "kind=kind-1&queue=mail",
    "search, an id": "q=777777",
    "search, nothing": "q=zzzz",
    "500 a page": "limit=500",
    "stats": None,
}


BOTH: Final = {
    "both, no filter": "",
    "both, oldest first": "sort=oldest",
    "both, status, common": "status=completed",
    "both, status, rare": "status=failed",
    "both, status, none": "status=paused&source=exports",
    "both, queue, half of all": "queue=mail",
    "both, by priority": "sort=priority",
    "both, search, nothing": "q=zzzz",
    "adopted, no filter": "source=exports",
    "adopted, queue, none": "source=exports&queue=nowhere",
}

_EXPORTS: Final = """
[sources.exports]
table = "public.exports"
id = "id"
queue = "region"
kind = "format"
created_at = "made"
payload = "body"
status = { column = "state", map = { new = "pending", busy = "in_progress", ok = "completed", err = "failed" } }
"""


def main() -> None:
    parser = options.parser(__doc__)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    chosen = parser.parse_args()
    jobs = 100_000 if chosen.quick else chosen.jobs
    with tempfile.TemporaryDirectory(prefix="tailboard-bench-") as home:
        Path(home).chmod(0o755)
        server = EmbeddedServer(Path(home), settings={"max_wal_size": "8GB"})
        url = server.start()
        try:
            migrate(url)
            _fill(url, jobs)
            plain = _plain(url)
            _fill_adopted(url, jobs)
            with rig.Process(Path(home), "serve", DATABASE_URL=url, PORT="0") as process:
                board = process.url()
                figures = {name: _measure(board, query) for name, query in FILTERS.items()}
                _attach(url)
                both = {name: _measure(board, query) for name, query in BOTH.items()}
                process.end()
        finally:
            server.stop()
    print(f"{jobs:,} jobs; milliseconds over HTTP, median of {REPEAT}")
    for name, took in figures.items():
        print(f"  {name:<26} {took:7.1f}")
    print("  beside an adopted table:")
    for name, took in both.items():
        print(f"  {name:<26} {took:7.1f}")
    print(f"  plain page and count(*)    {plain:7.1f}   (in SQL alone)")
    print(f"  slowest {max(figures.values()):.1f}, target 50")
    options.write(chosen, {"jobs": jobs, "ms": figures, "both_ms": both, "plain_ms": plain})


def _fill(url: str, jobs: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER TABLE tailboard.jobs DISABLE TRIGGER USER")
        connection.execute(
            """
            INSERT INTO tailboard.jobs (kind, queue, status, worker, tags, created_at, finished_at, payload)
            SELECT 'kind-' || i %% 20,
                   CASE WHEN i %% 2 = 0 THEN 'mail' WHEN i %% 10007 = 1 THEN 'rare' ELSE 'queue-' || i %% 9 END,
                   CASE WHEN i %% 1009 = 0 THEN 'failed' WHEN i > %(n)s - 500 THEN 'pending' ELSE 'completed' END,
                   'worker-' || i %% 8, CASE WHEN i %% 5003 = 0 THEN '{vip}'::text[] ELSE '{}' END,
                   now() - make_interval(secs => %(n)s - i), now(), jsonb_build_object('n', i)
              FROM generate_series(1, %(n)s::int) AS i
            """,
            {"n": jobs},
        )
        connection.execute(
            "DO $$ DECLARE name name; BEGIN FOR name IN SELECT tgname FROM pg_trigger"
            " WHERE tgrelid = 'tailboard.jobs'::regclass AND NOT tgisinternal LOOP"
            " EXECUTE format('ALTER TABLE tailboard.jobs ENABLE ALWAYS TRIGGER %I', name); END LOOP; END $$"
        )
        connection.execute("VACUUM ANALYZE tailboard.jobs")


def _fill_adopted(url: str, jobs: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE TYPE public.state AS ENUM ('new', 'busy', 'ok', 'err');"
            "CREATE TABLE public.exports (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), region text NOT NULL,"
            " format text NOT NULL DEFAULT 'csv', state public.state NOT NULL, made timestamptz NOT NULL, body json)"
        )
        connection.execute(
            """
            INSERT INTO public.exports (region, state, made, body)
            SELECT CASE WHEN i %% 2 = 0 THEN 'mail' ELSE 'region-' || i %% 9 END,
                   (CASE WHEN i %% 1009 = 0 THEN 'err' WHEN i > %(n)s - 500 THEN 'new' ELSE 'ok' END)::public.state,
                   now() - make_interval(secs => %(n)s - i), json_build_object('n', i)
              FROM generate_series(1, %(n)s::int) AS i
            """,
            {"n": jobs},
        )
        connection.execute("CREATE INDEX ON public.exports (state)")
        connection.execute("CREATE INDEX ON public.exports (made)")
        connection.execute("VACUUM ANALYZE public.exports")


def _attach(url: str) -> None:
    (source,) = parse(_EXPORTS)
    with closing(connect(url, "attach")) as connection:
        attach(connection, source)


def _measure(board: str, query: str | None) -> float:
    path = f"{board}/api/stats" if query is None else f"{board}/api/jobs?{query}"
    took = []
    with httpx.Client(trust_env=False, timeout=30) as client:
        for _ in range(REPEAT + 1):
            began = time.perf_counter()
            client.get(path).raise_for_status()
            took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took[1:])


def _plain(url: str) -> float:
    with psycopg.connect(url, autocommit=True) as connection:
        took = []
        for _ in range(4):
            began = time.perf_counter()
            connection.execute(
                "SELECT * FROM tailboard.jobs WHERE queue = 'mail' ORDER BY id DESC LIMIT 50"
            ).fetchall()
            connection.execute("SELECT count(*) FROM tailboard.jobs WHERE queue = 'mail'").fetchall()
            took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took[1:])


if __name__ == "__main__":
    main()
