"""One job: what can be done to it, from which status, and what its history tells."""

import asyncio
from typing import Any

import httpx
import psycopg
import pytest

from tailboard.app import Node
from tailboard.core.action import ALLOWED, Action
from tailboard.core.job import STATUSES
from tailboard.db.verify.proof import verify
from web_node import delivered

Worker = psycopg.AsyncConnection[Any]

AFTER = {"retry": "pending", "cancel": "cancelled", "pause": "paused", "resume": "pending"}


@pytest.mark.parametrize("action", list(Action))
async def test_an_action_is_done_or_refused_by_the_status_alone(
    client: httpx.AsyncClient, worker: Worker, action: Action
) -> None:
    for status in STATUSES:
        row = await (
            await worker.execute(
                "INSERT INTO tailboard.jobs (kind, status) VALUES ('a', %s) RETURNING id", (status.value,)
            )
        ).fetchone()
        assert row is not None
        path = f"/api/jobs/jobs/{row[0]}"
        if action is Action.DELETE:
            response = await client.delete(path)
        else:
            response = await client.post(f"{path}/{action}")
        if status not in ALLOWED[action]:
            assert response.status_code == 409
            assert response.json()["code"] == "action_refused"
            assert status.replace("_", " ") in response.json()["detail"].replace("_", " ")
            assert (await client.get(path)).json()["job"]["status"] == status
        elif action is Action.DELETE:
            assert response.status_code == 204
            assert response.content == b""
            assert (await client.get(path)).status_code == 404
        else:
            assert response.status_code == 200
            assert response.json()["job"]["status"] == AFTER[action]


async def test_a_retried_job_is_as_new_and_has_an_attempt_left(
    client: httpx.AsyncClient, worker: Worker
) -> None:
    await worker.execute(
        "INSERT INTO tailboard.jobs "
        "(kind, status, attempt, max_attempts, error, progress, phase, worker, result, scheduled_at) "
        "VALUES ('a', 'failed', 3, 3, 'oh', 0.7, 'x', 'w1', '1', '2999-01-01')"
    )
    job = (await client.post("/api/jobs/jobs/1/retry")).json()["job"]
    emptied = ("error", "progress", "phase", "worker", "result", "started_at", "finished_at", "scheduled_at")
    assert {name: job[name] for name in emptied} == dict.fromkeys(emptied)
    assert (job["attempt"], job["max_attempts"]) == (3, 4)
    claimed = await worker.execute("SELECT id FROM tailboard.claim('w2')")
    assert await claimed.fetchall() == [(1,)]


async def test_resume_waits_for_its_time(client: httpx.AsyncClient) -> None:
    await client.post("/api/jobs", json={"kind": "a", "scheduled_at": "2999-01-01T00:00:00Z"})
    await client.post("/api/jobs/jobs/1/pause")
    assert (await client.post("/api/jobs/jobs/1/resume")).json()["job"]["status"] == "scheduled"


async def test_of_two_who_act_at_once_one_is_told_why_not(client: httpx.AsyncClient, worker: Worker) -> None:
    await worker.execute("INSERT INTO tailboard.jobs (kind, status) VALUES ('a', 'failed')")
    answers = await asyncio.gather(*[client.post("/api/jobs/jobs/1/retry") for _ in range(6)])
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5


async def test_an_action_with_an_old_version_does_nothing(client: httpx.AsyncClient, worker: Worker) -> None:
    created = await client.post("/api/jobs", json={"kind": "a"})
    assert (await client.get(created.url.join(created.headers["location"]))).json()["job"]["id"] == 1
    etag = created.headers["etag"]
    await worker.execute("UPDATE tailboard.jobs SET priority = 1")
    for request in (
        client.post("/api/jobs/jobs/1/cancel", headers={"If-Match": etag}),
        client.patch("/api/jobs/jobs/1", json={"priority": 9}, headers={"If-Match": etag}),
        client.delete("/api/jobs/jobs/1", headers={"If-Match": etag}),
    ):
        assert (await request).status_code == 412
    now = await client.get("/api/jobs/jobs/1")
    assert now.json()["job"]["priority"] == 1
    assert now.headers["etag"] != etag
    changed = await client.patch(
        "/api/jobs/jobs/1", json={"priority": 9}, headers={"If-Match": now.headers["etag"]}
    )
    assert changed.status_code == 200


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("{tag}", 200),
        ('"1"', 200),
        ('"1-0123"', 200),
        ("W/{tag}", 200),
        ('"0", {tag} ,"3"', 200),
        ('"of-another-server", W/"1"', 200),
        ("*", 200),
        ('"0", "2"', 412),
        ('"of-another-server"', 412),
        ('"11", "1x"', 412),
    ],
)
async def test_one_of_the_tags_that_are_named_has_to_be_the_jobs(
    client: httpx.AsyncClient, header: str, status: int
) -> None:
    tag = (await client.post("/api/jobs", json={"kind": "a"})).headers["etag"]
    told = {"If-Match": header.format(tag=tag)}
    changed = await client.patch("/api/jobs/jobs/1", json={"priority": 9}, headers=told)
    assert changed.status_code == status
    paused = await client.post("/api/jobs/jobs/1/pause", headers=told)
    assert paused.status_code == (200 if header == "*" else 412), "the job has changed by now"


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("{tag}", 304),
        ("W/{tag}", 304),
        ('"0", {tag}', 304),
        ("*", 304),
        ('"1"', 200),
        ('"other", "1-0"', 200),
    ],
)
async def test_a_job_that_is_as_the_client_has_it_is_not_sent_again(
    client: httpx.AsyncClient, header: str, status: int
) -> None:
    await client.post("/api/jobs", json={"kind": "a"})
    tag = (await client.get("/api/jobs/jobs/1")).headers["etag"]
    told = {"If-None-Match": header.format(tag=tag)}
    for method in ("HEAD", "GET"):
        asked = await client.request(method, "/api/jobs/jobs/1", headers=told)
        assert (asked.status_code, asked.headers["etag"]) == (status, tag)
        assert method == "HEAD" or (asked.content == b"") is (status == 304)


async def test_a_job_that_is_another_without_a_change_is_sent_again(
    client: httpx.AsyncClient, worker: Worker
) -> None:
    tag = (await client.post("/api/jobs", json={"kind": "a"})).headers["etag"]
    await worker.execute("ALTER TABLE tailboard.jobs ADD COLUMN region text")
    asked = await client.get("/api/jobs/jobs/1", headers={"If-None-Match": tag})
    assert (asked.status_code, asked.json()["job"]["version"], asked.json()["job"]["region"]) == (
        200,
        1,
        None,
    )


async def test_a_change_sets_what_is_named_and_nothing_else(client: httpx.AsyncClient) -> None:
    before = (await client.post("/api/jobs", json={"kind": "a", "payload": [1], "tags": ["x"]})).json()["job"]
    phases = [{"name": "fetch", "status": "running", "progress": 0.25}]
    changes: dict[str, Any] = {"status": "in_progress", "worker": "w1", "phases": phases, "payload": None}
    after = (await client.patch("/api/jobs/jobs/1", json=changes)).json()["job"]
    assert (after["status"], after["worker"], after["payload"]) == ("in_progress", "w1", None)
    assert after["phases"][0]["progress"] == 0.25
    assert after["attempt"] == 1, "the same follows from a status as when a worker writes SQL"
    assert after["started_at"] is not None
    touched = {*changes, "attempt", "started_at", "version"}
    assert {k: v for k, v in after.items() if k not in touched} == {
        k: v for k, v in before.items() if k not in touched
    }


async def test_the_history_says_what_each_event_changed(
    client: httpx.AsyncClient, node: Node, worker: Worker
) -> None:
    await worker.execute("INSERT INTO tailboard.jobs (kind, payload) VALUES ('a', '{\"n\": 1.50}')")
    await worker.execute("UPDATE tailboard.jobs SET status = 'in_progress', worker = 'w1'")
    await worker.execute("UPDATE tailboard.jobs SET progress = 0.5, payload = '{\"n\": 2}'")
    await worker.execute("DELETE FROM tailboard.jobs")
    await delivered(node, worker)
    history = (await client.get("/api/jobs/jobs/1/events")).json()
    assert history["next"] is None
    events = history["events"]
    assert [event["type"] for event in events] == ["job_deleted", "job_updated", "job_started", "job_created"]
    assert "changed" not in events[0]
    assert events[1]["changed"] == {"payload": [{"n": 1.5}, {"n": 2}], "progress": [None, 0.5]}
    assert events[2]["changed"]["worker"] == [None, "w1"]
    assert set(events[2]["changed"]) == {"status", "worker", "attempt", "started_at"}
    assert "changed" not in events[3]
    log = (await client.get("/api/events?after=1.0")).json()["events"]
    assert [event["cursor"] for event in log] == [event["cursor"] for event in reversed(events)]


async def test_the_history_tells_no_change_where_only_the_writing_differs(
    client: httpx.AsyncClient, node: Node, worker: Worker
) -> None:
    """A job is logged as a row or, where it is large, as JSON, which PostgreSQL writes with other spaces."""
    await worker.execute("INSERT INTO tailboard.jobs (kind, tags) VALUES ('a', '{x,\"y, z\"}')")
    await worker.execute(
        "UPDATE tailboard.jobs SET payload = to_jsonb(repeat('large', 1000)), progress = 0.1"
    )
    await worker.execute("UPDATE tailboard.jobs SET payload = NULL, tags = '{x,\"y,  z\"}'")
    await delivered(node, worker)
    events = (await client.get("/api/jobs/jobs/1/events")).json()["events"]
    assert [set(event.get("changed", ())) for event in events] == [{"tags"}, {"progress"}, set()]


async def test_what_is_long_is_cut_but_in_the_job_itself(
    client: httpx.AsyncClient, node: Node, worker: Worker, database_url: str
) -> None:
    await worker.execute("INSERT INTO tailboard.jobs (kind) VALUES ('a')")
    await worker.execute(
        "UPDATE tailboard.jobs SET status = 'failed', error = repeat('\u00e4', 20000), phase = repeat('b', 20000),"
        " (phases, tags) = (SELECT jsonb_agg(jsonb_build_object('name', md5(i::text))), array_agg(md5(i::text))"
        " FROM generate_series(1, 2000) AS i)"
    )
    cursor = await delivered(node, worker)
    then = f"?as_of={cursor}"
    told = [
        *(await client.get("/api/jobs")).json()["jobs"],
        *(await client.get(f"/api/jobs{then}")).json()["jobs"],
    ]
    told.append((await client.get(f"/api/jobs/jobs/1{then}")).json()["job"])
    for job in told:
        assert (job["error"], job["phase"]) == ("\u00e4" * 16_384, "b" * 16_384)
        assert (job["phases"], job["tags"]) == ([], [])
        assert job["omitted"] == ["phases", "error", "phase", "tags"]
    assert len(told) == 3
    (event,) = (await client.get("/api/jobs/jobs/1/events?limit=1")).json()["events"]
    assert event["changed"]["error"] == [None, "\u00e4" * 16_384]
    assert event["changed"]["phase"] == [None, "b" * 16_384]
    assert not {"phases", "tags"} & set(event["changed"])
    whole = (await client.get("/api/jobs/jobs/1")).json()["job"]
    assert [len(whole[key]) for key in ("error", "phase", "phases", "tags")] == [20_000, 20_000, 2_000, 2_000]
    assert "omitted" not in whole
    assert (await asyncio.to_thread(verify, database_url)).differences == []


async def test_a_job_nested_a_thousand_deep_keeps_nobody_from_the_others(
    client: httpx.AsyncClient, node: Node, worker: Worker
) -> None:
    deep = "[" * 1500 + "]" * 1500
    await worker.execute("INSERT INTO tailboard.jobs (kind, phases) VALUES ('deep', %s)", (deep,))
    await worker.execute("UPDATE tailboard.jobs SET progress = 0.5")
    await worker.execute("INSERT INTO tailboard.jobs (kind) VALUES ('after')")
    await delivered(node, worker)
    told = (await client.get("/api/events?after=1.0")).json()
    assert [event["job"]["kind"] for event in told["events"]] == ["deep", "deep", "after"]
    assert (told["events"][1]["job"]["phases"], told["events"][1]["job"]["omitted"]) == ([], ["phases"])
    for path in ("/api/jobs", f"/api/jobs?as_of={told['cursor']}"):
        assert [job["phases"] for job in (await client.get(path)).json()["jobs"]] == [[], []]
    history = (await client.get("/api/jobs/jobs/1/events")).json()["events"]
    assert history[0]["changed"] == {"progress": [None, 0.5]}
    whole = await client.get("/api/jobs/jobs/1")
    assert (whole.status_code, deep in whole.text) == (200, True)


async def test_the_history_goes_on_page_by_page(client: httpx.AsyncClient, worker: Worker) -> None:
    await worker.execute("INSERT INTO tailboard.jobs (kind) VALUES ('a')")
    for progress in range(1, 8):
        await worker.execute("UPDATE tailboard.jobs SET progress = %s", (progress / 10,))
    seen: list[Any] = []
    before = ""
    while True:
        page = (await client.get(f"/api/jobs/jobs/1/events?limit=3{before}")).json()
        seen += [event.get("changed", {}).get("progress") for event in page["events"]]
        if page["next"] is None:
            break
        before = f"&before={page['next']}"
    assert seen == [[None if n == 1 else (n - 1) / 10, n / 10] for n in range(7, 0, -1)] + [None]
