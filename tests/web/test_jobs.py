"""The list of jobs, enqueueing, and actions over all that match."""

from typing import Any

import httpx
import psycopg
import pytest

from tailboard.app import Node
from tailboard.db.jobs import actions

Worker = psycopg.AsyncConnection[Any]


async def ids(client: httpx.AsyncClient, query: str) -> list[int]:
    response = await client.get(f"/api/jobs?{query}")
    assert response.status_code == 200, response.text
    return [job["id"] for job in response.json()["jobs"]]


async def test_filters_mean_any_of_a_field_and_all_of_the_fields(
    client: httpx.AsyncClient, worker: Worker
) -> None:
    await worker.execute(
        "INSERT INTO tailboard.jobs (kind, queue, status, worker, tags) VALUES "
        "('mail', 'a', 'pending', NULL, '{x}'), ('mail', 'b', 'failed', 'w1', '{x,y}'), "
        "('pdf', 'a', 'failed', 'w2', '{}'), ('pdf', 'c', 'completed', 'w1', '{z}')"
    )
    assert await ids(client, "") == [4, 3, 2, 1]
    assert await ids(client, "sort=oldest") == [1, 2, 3, 4]
    assert await ids(client, "queue=a&queue=b") == [3, 2, 1]
    assert await ids(client, "queue=a&queue=b&status=failed") == [3, 2]
    assert await ids(client, "kind=pdf&worker=w1") == [4]
    assert await ids(client, "tags=x&tags=z") == [4, 2, 1]
    assert await ids(client, "tags=x&kind=pdf") == []
    assert await ids(client, "job=jobs/2&job=jobs/4&job=orders/1") == [4, 2]
    assert await ids(client, "job=orders/1") == []
    assert await ids(client, "source=jobs") == [4, 3, 2, 1]
    assert await ids(client, "source=orders") == []
    assert await ids(client, "q=PD") == [4, 3]
    assert await ids(client, "q=2") == [2] or await ids(client, "q=2") == [3, 2]
    assert await ids(client, "q=mail&status=failed") == [2]


async def test_following_next_gives_every_job_once_while_others_arrive(
    client: httpx.AsyncClient, worker: Worker
) -> None:
    await worker.execute("INSERT INTO tailboard.jobs (kind) SELECT 'a' FROM generate_series(1, 25)")
    found: list[int] = []
    after = ""
    while True:
        page = (await client.get(f"/api/jobs?limit=10{after}")).json()
        found += [job["id"] for job in page["jobs"]]
        await worker.execute("INSERT INTO tailboard.jobs (kind) VALUES ('later')")
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert found == list(range(25, 0, -1))


async def test_a_page_and_its_cursor_are_of_one_moment(
    client: httpx.AsyncClient, node: Node, worker: Worker
) -> None:
    """Events after the cursor, applied where their version is newer, lead from the page to the table."""
    await worker.execute("INSERT INTO tailboard.jobs (kind) SELECT 'a' FROM generate_series(1, 10)")
    page = (await client.get("/api/jobs?limit=100")).json()
    await worker.execute("UPDATE tailboard.jobs SET status = 'completed' WHERE id <= 5")
    await worker.execute("DELETE FROM tailboard.jobs WHERE id = 7")
    shown = {job["id"]: (job["version"], job["status"]) for job in page["jobs"]}
    cursor = page["cursor"]
    while len(shown) > 9 or sum(status == "completed" for _, status in shown.values()) < 5:
        events = (await client.get(f"/api/events?after={cursor}&limit=4")).json()
        cursor = events["cursor"]
        for event in events["events"]:
            job, version = event["job"]["id"], event["version"]
            if event["type"] == "job_deleted":
                shown.pop(job, None)
            elif job not in shown or version > shown[job][0]:
                shown[job] = (version, event["job"]["status"])
    rows = await (await worker.execute("SELECT id, status FROM tailboard.jobs")).fetchall()
    assert {job: status for job, (_, status) in shown.items()} == dict(rows)


async def test_numbers_in_a_payload_come_back_as_postgresql_wrote_them(client: httpx.AsyncClient) -> None:
    body = b'{"kind": "a", "payload": {"price": 1.10, "big": 123456789012345678901234567890}}'
    created = await client.post("/api/jobs", content=body, headers={"content-type": "application/json"})
    where = created.url.join(created.headers["location"])
    assert where.path == "/api/jobs/jobs/1"
    for answer in (created, await client.get(where), await client.get("/api/jobs")):
        assert '"big": 123456789012345678901234567890' in answer.text
        assert '"price": 1.10' in answer.text


async def test_enqueue_takes_what_a_job_may_have(client: httpx.AsyncClient) -> None:
    job = {
        "kind": "mail.send",
        "queue": "mail",
        "priority": 7,
        "max_attempts": 5,
        "tags": ["x"],
        "payload": {"to": "someone@example.org"},
        "scheduled_at": "2999-01-01T00:00:00Z",
    }
    created = (await client.post("/api/jobs", json=job)).json()["job"]
    assert created["status"] == "scheduled"
    assert {name: created[name] for name in job} == {**job, "scheduled_at": "2999-01-01T00:00:00+00:00"}
    due = await client.post("/api/jobs", json={"kind": "a", "scheduled_at": "2001-01-01T00:00:00+01:00"})
    assert due.json()["job"]["status"] == "pending"


async def test_bulk_counts_first_and_acts_only_where_the_status_allows(
    client: httpx.AsyncClient, worker: Worker
) -> None:
    await worker.execute(
        "INSERT INTO tailboard.jobs (kind, queue, status) "
        "SELECT 'a', 'q' || g % 2, CASE WHEN g % 3 = 0 THEN 'completed' ELSE 'pending' END "
        "FROM generate_series(1, 30) g"
    )
    request = {"action": "cancel", "filter": {"queue": ["q1"]}, "dry_run": True}
    counted = (await client.post("/api/jobs/bulk", json=request)).json()
    assert (counted["matched"], counted["changed"]) == (10, 0)
    done = (await client.post("/api/jobs/bulk", json=request | {"dry_run": False})).json()
    assert (done["matched"], done["changed"], done["more"]) == (10, 10, False)
    rows = await worker.execute(
        "SELECT queue, status, count(*) FROM tailboard.jobs GROUP BY 1, 2 ORDER BY 1, 2"
    )
    assert await rows.fetchall() == [
        ("q0", "completed", 5),
        ("q0", "pending", 10),
        ("q1", "cancelled", 10),
        ("q1", "completed", 5),
    ]


@pytest.mark.parametrize("name", ["", "x" * 500], ids=["none", "long"])
async def test_what_a_list_filters_by_bulk_does_too(
    client: httpx.AsyncClient, worker: Worker, name: str
) -> None:
    row = (name or "a", name, name)
    await worker.execute(
        "INSERT INTO tailboard.jobs (kind, queue, worker) VALUES (%s, %s, %s), ('b', 'b', 'b')", row
    )
    for field in ("queue", "worker"):
        page = await client.get("/api/jobs", params={field: name})
        assert [job["queue"] for job in page.json()["jobs"]] == [name]
        request = {"action": "cancel", "filter": {field: [name]}, "dry_run": True}
        assert (await client.post("/api/jobs/bulk", json=request)).json()["matched"] == 1


async def test_bulk_stops_at_its_limit_and_says_that_there_are_more(
    client: httpx.AsyncClient, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "BULK_LIMIT", 20)
    monkeypatch.setattr(actions, "BATCH", 10)
    await worker.execute("INSERT INTO tailboard.jobs (kind) SELECT 'a' FROM generate_series(1, 45)")
    said = []
    for _ in range(3):
        done = (await client.post("/api/jobs/bulk", json={"action": "delete", "filter": {}})).json()
        said.append((done["matched"], done["changed"], done["more"]))
    assert said == [(45, 20, True), (25, 20, True), (5, 5, False)]


async def test_bulk_leaves_alone_what_another_has_locked(client: httpx.AsyncClient, worker: Worker) -> None:
    await worker.execute("INSERT INTO tailboard.jobs (kind) SELECT 'a' FROM generate_series(1, 3)")
    async with worker.transaction():
        await worker.execute("SELECT FROM tailboard.jobs WHERE id = 2 FOR UPDATE")
        done = (await client.post("/api/jobs/bulk", json={"action": "pause", "filter": {}})).json()
    assert done["changed"] == 2
    assert await ids(client, "status=pending") == [2]


async def test_bulk_acts_on_what_a_search_finds(client: httpx.AsyncClient, worker: Worker) -> None:
    await worker.execute(
        "INSERT INTO tailboard.jobs (kind, status, error) VALUES "
        "('a', 'failed', 'timeout'), ('a', 'failed', 'refused'), ('timeouts', 'failed', NULL)"
    )
    request = {"action": "retry", "filter": {"q": "timeout", "queue": []}}
    done = (await client.post("/api/jobs/bulk", json=request)).json()
    assert (done["matched"], done["changed"], done["complete"]) == (2, 2, True)
    assert await ids(client, "status=pending") == [3, 1]
