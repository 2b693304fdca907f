"""`as_of` over HTTP: the board as it stood, at a cursor and at a time."""

from typing import Any

import httpx
import psycopg

from adopted_tables import SHIPMENTS, SHIPMENTS_SQL, adopt
from fixtures.waiting import await_until
from tailboard.app import Node
from web_node import delivered

Worker = psycopg.AsyncConnection[Any]


async def test_a_life_is_seen_at_each_of_its_moments(
    client: httpx.AsyncClient, node: Node, worker: Worker
) -> None:
    await worker.execute("INSERT INTO tailboard.jobs (kind, payload) VALUES ('life', '{\"a\": 1}')")
    created = await delivered(node, worker)
    await worker.execute("UPDATE tailboard.jobs SET status = 'in_progress', worker = 'w'")
    started = await delivered(node, worker)
    at = await (await worker.execute("SELECT clock_timestamp()")).fetchone()
    assert at is not None
    await worker.execute("DELETE FROM tailboard.jobs")
    deleted = await delivered(node, worker)

    async def get(path: str, as_of: object) -> httpx.Response:
        return await client.get(httpx.URL(path).copy_merge_params({"as_of": str(as_of)}))

    job = (await get("/api/jobs/jobs/1", created)).json()
    assert job["job"]["status"] == "pending"
    assert job["job"]["payload"] == {"a": 1}
    assert job["cursor"] == str(created)
    assert (await get("/api/jobs/jobs/1", started)).json()["job"]["status"] == "in_progress"
    gone = await get("/api/jobs/jobs/1", deleted)
    assert gone.status_code == httpx.codes.NOT_FOUND
    assert "had been deleted" in gone.json()["detail"]

    by_time = (await get("/api/jobs", at[0].isoformat())).json()
    assert [job["status"] for job in by_time["jobs"]] == ["in_progress"]
    assert by_time["cursor"] == str(started)
    assert by_time["complete"]

    for cursor, counts in {created: (1, 0, 1), started: (0, 1, 1), deleted: (0, 0, 0)}.items():
        stats = (await get("/api/stats", cursor)).json()
        assert (stats["stats"]["pending"], stats["stats"]["in_progress"], stats["stats"]["total"]) == counts
        assert stats["cursor"] == str(cursor)
    minutes = (await get("/api/stats/history", created)).json()["minutes"]
    assert sum(minute["created"] for minute in minutes) == 1
    assert sum(minute["started"] for minute in minutes) == 0

    history = (await get("/api/jobs/jobs/1/events", started)).json()["events"]
    assert [event["type"] for event in history] == ["job_started", "job_created"]
    later = (await get("/api/jobs/jobs/1/events?before=999", started)).json()["events"]
    assert later == history, "a page that would begin later begins there"
    history = (await get("/api/jobs/jobs/1/events", deleted)).json()["events"]
    assert [event["type"] for event in history] == ["job_deleted", "job_started", "job_created"]


async def test_pages_of_a_time_are_all_of_one_moment(
    client: httpx.AsyncClient, node: Node, worker: Worker
) -> None:
    """Also where more is sealed with the same time in between: the second page goes on where the first one was."""
    await worker.execute("INSERT INTO tailboard.jobs (kind) SELECT 'k' FROM generate_series(1, 5)")
    await delivered(node, worker)
    row = await (await worker.execute("SELECT clock_timestamp()")).fetchone()
    assert row is not None
    as_of = row[0].isoformat()
    first = (await client.get("/api/jobs", params={"as_of": as_of, "limit": 3})).json()
    assert [job["id"] for job in first["jobs"]] == [5, 4, 3]
    await worker.execute("UPDATE tailboard.jobs SET status = 'failed'")
    await delivered(node, worker)
    await worker.execute("UPDATE tailboard.ticks SET at = %s WHERE first_position > 5", (as_of,))
    second = (
        await client.get("/api/jobs", params={"as_of": as_of, "limit": 3, "after": first["next"]})
    ).json()
    assert [(job["id"], job["status"]) for job in second["jobs"]] == [(2, "pending"), (1, "pending")]
    assert second["next"] is None
    other = await client.get("/api/jobs", params={"as_of": "1.5", "limit": 3, "after": first["next"]})
    assert (other.status_code, other.json()["code"]) == (400, "invalid_cursor")


async def test_the_span_says_from_where_to_where(
    client: httpx.AsyncClient, node: Node, worker: Worker
) -> None:
    await worker.execute("INSERT INTO tailboard.jobs (kind) VALUES ('k')")
    head = await delivered(node, worker)
    span = (await client.get("/api/past")).json()
    assert span["first"]["cursor"] == "1.0"
    assert span["last"]["cursor"] == str(head)
    assert span["whole"]
    assert span["first"]["at"] <= span["last"]["at"] <= span["now"]
    for end in ("first", "last"):
        for as_of in span[end].values():
            assert (await client.get("/api/jobs", params={"as_of": as_of})).status_code == httpx.codes.OK


async def test_a_filter_reaches_what_was_and_not_what_is(
    client: httpx.AsyncClient, node: Node, worker: Worker
) -> None:
    await worker.execute(
        "INSERT INTO tailboard.jobs (kind, queue, tags) VALUES ('a', 'q1', '{x}'), ('b', 'q2', '{}'), ('c', 'q1', '{}')"
    )
    then = await delivered(node, worker)
    await worker.execute("UPDATE tailboard.jobs SET queue = 'elsewhere', status = 'completed', tags = '{}'")
    await delivered(node, worker)
    for query, kinds in {
        "queue=q1": ["c", "a"],
        "queue=q1&queue=q2": ["c", "b", "a"],
        "status=pending&tags=x": ["a"],
        "queue=elsewhere": [],
        "status=completed": [],
        "q=q2": ["b"],
        "job=jobs/3&job=jobs/1": ["c", "a"],
        "job=jobs/3&job=jobs/1&queue=q1&kind=a": ["a"],
        "source=jobs&sort=oldest": ["a", "b", "c"],
        "source=none": [],
    }.items():
        found = (await client.get(f"/api/jobs?{query}&as_of={then}")).json()
        assert [job["kind"] for job in found["jobs"]] == kinds, query


async def test_adopted_tables_have_a_past_from_their_baseline_on(
    client: httpx.AsyncClient, node: Node, worker: Worker, database_url: str
) -> None:
    """Jobs that were there before the table was attached are counted, and known once they change."""
    await worker.execute(SHIPMENTS_SQL.encode())
    await worker.execute("INSERT INTO public.shipments (done) SELECT false FROM generate_series(1, 3)")
    await worker.execute("INSERT INTO tailboard.jobs (kind) VALUES ('ours')")
    before = await delivered(node, worker)
    adopt(database_url, SHIPMENTS)

    async def counted(as_of: object) -> dict[str, int]:
        answer = await client.get("/api/stats", params={"as_of": str(as_of)})
        return {each["source"]: each["stats"]["total"] for each in answer.json()["by_source"]}

    async def has_baseline() -> bool:
        return (await counted((await client.get("/api/past")).json()["last"]["cursor"])).get("shipments") == 3

    await await_until(has_baseline, 20.0)
    baseline = await delivered(node, worker)
    await worker.execute("UPDATE public.shipments SET done = true WHERE id = 2")
    changed = await delivered(node, worker)
    await worker.execute("DELETE FROM public.shipments")
    await delivered(node, worker)

    async def listed(as_of: object) -> tuple[set[str], bool]:
        answer = (await client.get("/api/jobs", params={"as_of": str(as_of)})).json()
        return {f"{job['source']}/{job['id']}" for job in answer["jobs"]}, answer["complete"]

    assert await listed(before) == ({"jobs/1"}, True)
    assert await counted(before) == {"jobs": 1}
    assert await listed(baseline) == ({"jobs/1"}, False)
    assert await counted(baseline) == {"jobs": 1, "shipments": 3}
    assert await listed(changed) == ({"jobs/1", "shipments/2"}, False)
    one = (await client.get("/api/jobs/shipments/2", params={"as_of": str(changed)})).json()["job"]
    assert (one["id"], one["status"]) == (2, "completed")
    unknown = await client.get("/api/jobs/shipments/1", params={"as_of": str(changed)})
    assert unknown.status_code == httpx.codes.NOT_FOUND
    assert "it may have stood unchanged" in unknown.json()["detail"]
