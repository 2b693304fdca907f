"""What a worker wrote may be strange: whoever asks about other jobs is answered all the same, about this one too."""

from typing import Any

import httpx
import psycopg
import pytest

from adopted_tables import EXPORTS, EXPORTS_SQL, adopt
from fixtures.waiting import await_until
from tailboard.app import Node
from web_node import delivered

STRANGE_JOBS = """
INSERT INTO tailboard.jobs (id, kind, status, created_at, scheduled_at, started_at, finished_at) VALUES
    (1, 'a', 'completed', now(), NULL, '-infinity', 'infinity'),
    (2, 'a', 'completed', 'infinity', NULL, 'infinity', '-infinity'),
    (3, 'a', 'in_progress', '-infinity', NULL, '0044-03-15 BC', NULL),
    (4, 'a', 'completed', '0044-03-15 BC', NULL, '12000-01-01', '294276-12-31'),
    (5, 'a', 'scheduled', now(), 'infinity', NULL, NULL);
INSERT INTO tailboard.jobs (id, kind, queue, worker, status, tags, phases) VALUES
    (6, '', '', '', 'in_progress', '{{a,b},{c,d}}', '[null, 1, "x", {}, []]'),
    (7, 'a', 'q', 'w', 'in_progress', '{a,NULL}', '[{"name": null, "progress": "half"}]');
INSERT INTO tailboard.workers (name, info, started_at, seen_at) VALUES
    ('', '[]', '-infinity', 'infinity'), ('w', 'null', '0044-03-15 BC', '294276-12-31'), ('v', '"x"', now(), now());
"""
STRANGE_EXPORTS = """
INSERT INTO shop.exports (made, begun, not_before) VALUES
    ('infinity', '-infinity', 'infinity'), ('-infinity', 'infinity', '-infinity'),
    ('0044-03-15 BC', '294276-12-31', '294276-12-31'), (now(), NULL, '0044-03-15 BC');
"""
LISTS = [
    "/api/jobs?limit=3&sort=newest",
    "/api/jobs?limit=3&sort=oldest",
    "/api/jobs?limit=3&sort=priority",
    "/api/jobs?limit=3&sort=started",
    "/api/jobs?limit=3&sort=finished",
]
JOBS = 11
ONES = [
    *[f"/api/jobs/jobs/{n}" for n in range(1, 8)],
    *[f"/api/jobs/jobs/{n}/events" for n in range(1, 8)],
    "/api/jobs?q=a",
    "/api/stats",
    "/api/stats/history?minutes=60",
]


@pytest.mark.parametrize("past", [False, True], ids=["now", "in the past"])
async def test_every_question_is_answered(
    client: httpx.AsyncClient,
    node: Node,
    worker: psycopg.AsyncConnection[Any],
    database_url: str,
    past: bool,
) -> None:
    await worker.execute(EXPORTS_SQL.encode())
    adopt(database_url, EXPORTS)
    # What was written before a table is counted has no past of its own.
    await await_until(lambda: node.caretaker.counted == 1)
    await worker.execute(STRANGE_JOBS)
    await worker.execute(STRANGE_EXPORTS)
    cursor = await delivered(node, worker)
    moment = {"as_of": str(cursor)} if past else {}

    async def get(path: str, **more: str) -> Any:
        answer = await client.get(path, params=httpx.URL(path).params.merge(moment | more))
        assert answer.status_code == httpx.codes.OK, f"{path}: {answer.text}"
        return answer.json()

    for path in LISTS:
        page = await get(path)
        found = [f"{job['source']}/{job['id']}" for job in page["jobs"]]
        while page["next"] is not None:
            page = await get(path, after=page["next"])
            found += [f"{job['source']}/{job['id']}" for job in page["jobs"]]
        assert len(found) == len(set(found)) == JOBS, path
    for path in ONES:
        await get(path)

    async def counted() -> bool:
        return bool((await client.get("/api/stats")).json()["stats"]["total"] == JOBS)

    await await_until(counted)
    for path in ("/api/workers", "/api/sources", "/api/events?after=1.0", "/readyz"):
        answer = await client.get(path)
        assert answer.status_code == httpx.codes.OK, f"{path}: {answer.text}"
    assert (await client.get("/metrics")).status_code == httpx.codes.OK


async def test_a_job_with_the_largest_id_keeps_nothing_from_being_listed(
    client: httpx.AsyncClient, worker: psycopg.AsyncConnection[Any]
) -> None:
    await worker.execute("INSERT INTO tailboard.jobs (id, kind) VALUES (1, 'a'), (9223372036854775807, 'a')")
    for query in ("q=a", "sort=priority", "sort=newest", "sort=oldest"):
        answer = await client.get(f"/api/jobs?{query}")
        assert answer.status_code == 200, query
        assert 1 in [job["id"] for job in answer.json()["jobs"]], query
