"""What is done to jobs of several sources over REST: by each queue's own SQL, one by one and many at once."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import psycopg
import pytest

from adopted_tables import adopt
from fixtures.database import Connect
from fixtures.waiting import WAITING_FOR_LOCKS, await_until
from tailboard.db.jobs import actions
from web_node import meanwhile

Client = httpx.AsyncClient


async def test_a_write_waits_briefly_for_a_table_or_a_job_that_is_locked(
    client: Client, owner: psycopg.Connection[Any]
) -> None:
    await meanwhile(owner.execute, "SELECT tailboard.enqueue('a')")
    with owner.transaction():
        await meanwhile(owner.execute, "SELECT FROM tailboard.jobs WHERE id = 1 FOR UPDATE")
        said = [await client.post("/api/jobs/jobs/1/cancel")]
    with owner.transaction():
        await meanwhile(owner.execute, "LOCK TABLE tailboard.jobs IN ACCESS EXCLUSIVE MODE")
        said += await asyncio.gather(
            client.post("/api/jobs", json={"kind": "b"}),
            client.patch("/api/jobs/jobs/1", json={"priority": 3}),
            client.post("/api/jobs/jobs/1/cancel"),
        )
        bulk = (await client.post("/api/jobs/bulk", json={"action": "cancel", "filter": {}})).json()
    assert [(one.status_code, one.json()["code"]) for one in said] == [(503, "source_locked")] * 4
    assert [(one["source"], one["code"]) for one in bulk["failing"]] == [("jobs", "source_locked")]
    assert (await client.post("/api/jobs/jobs/1/cancel")).status_code == 200


async def test_actions_are_the_queues_own_and_refusals_in_its_words(
    client: Client, owner: psycopg.Connection[Any], export: Callable[..., str]
) -> None:
    async def act(path: str, action: str, **headers: str) -> tuple[int, str, str]:
        response = await client.post(f"/api/jobs/{path}/{action}", headers=headers)
        answer = response.json()
        return response.status_code, answer.get("code", ""), answer.get("detail", "")

    failed, cursed = export(state="err"), export(state="err", host="cursed")
    assert (await act(f"exports/{failed}", "retry"))[0] == 200
    assert (await client.get(f"/api/jobs/exports/{failed}")).json()["job"]["status"] == "pending"
    status, code, detail = await act(f"exports/{failed}", "retry")
    assert (status, code) == (409, "action_refused")
    assert "pending" in detail
    status, code, detail = await act(f"exports/{cursed}", "retry")
    assert (status, code) == (409, "action_refused")
    assert "exports of cursed hosts stay dead" in detail
    busy = export(state="busy")
    status, code, detail = await act(f"exports/{busy}", "cancel")
    assert (status, code) == (409, "action_refused"), "the queue's UPDATE changed no row"
    assert "left job" in detail
    status, code, detail = await act(f"exports/{busy}", "pause")
    assert (status, code) == (409, "action_unsupported")
    assert "retry, cancel" in detail
    assert (await act("shipments/1", "cancel"))[:2] == (409, "action_unsupported")
    assert (await act("exports/none", "retry"))[:2] == (404, "job_not_found")
    assert (await act("nowhere/1", "retry"))[:2] == (404, "source_not_found")
    for tags in ('"700700"', '"700700", "700701"'):
        refused = await act(f"exports/{export()}", "cancel", **{"If-Match": tags})
        assert refused[:2] == (412, "version_mismatch")
    change = await client.patch(f"/api/jobs/exports/{busy}", json={"priority": 1})
    assert (change.status_code, change.json()["code"]) == (409, "action_unsupported")
    assert (await client.patch("/api/jobs/nowhere/1", json={"priority": 1})).status_code == 404


@pytest.mark.parametrize("answer", ["NULL::text", "false", "1 WHERE false"])
async def test_a_queue_may_refuse_by_what_its_function_answers(
    client: Client, owner: psycopg.Connection[Any], database_url: str, answer: str
) -> None:
    owner.execute("CREATE TABLE public.boxes (id int PRIMARY KEY); INSERT INTO public.boxes VALUES (1)")
    statement = (
        answer.replace("1", "1 FROM (SELECT $1::int) AS job") if "1" in answer else f"{answer}, $1::int"
    )
    boxes = '[sources.boxes]\ntable = "public.boxes"\nid = "id"\nstatus = "\'pending\'"\n'
    await asyncio.to_thread(adopt, database_url, f'{boxes}actions.cancel = "SELECT {statement}"')
    answered = await client.post("/api/jobs/boxes/1/cancel")
    assert (answered.status_code, answered.json()["code"]) == (409, "action_refused")
    assert "left job 1 as it was" in answered.json()["detail"]


async def test_an_action_finds_what_is_beside_its_table_and_waits_briefly_for_a_job_that_is_locked(
    client: Client, owner: psycopg.Connection[Any], export: Callable[..., str]
) -> None:
    again = "UPDATE exports SET state = 'new' WHERE id = job RETURNING id"
    await meanwhile(
        owner.execute,
        "CREATE OR REPLACE FUNCTION shop.again(job uuid) RETURNS uuid LANGUAGE plpgsql AS"
        f" $$ DECLARE found uuid; BEGIN {again} INTO found; RETURN found; END $$",
    )
    failed = export(state="err")
    with owner.transaction():
        await meanwhile(owner.execute, "SELECT FROM shop.exports FOR UPDATE")
        async with asyncio.timeout(10):
            answer = await client.post(f"/api/jobs/exports/{failed}/retry")
    assert (answer.status_code, answer.json()["code"]) == (503, "source_locked")
    answer = await client.post(f"/api/jobs/exports/{failed}/retry")
    assert (answer.status_code, answer.json()["job"]["status"]) == (200, "pending")


async def test_an_action_waits_for_who_is_just_changing_the_job(
    client: Client, owner: psycopg.Connection[Any], export: Callable[..., str], connect: Connect
) -> None:
    job = export(state="err")
    other = connect(autocommit=False)
    other.execute("UPDATE shop.exports SET state = 'busy' WHERE id = %s", [job])
    retrying = asyncio.create_task(client.post(f"/api/jobs/exports/{job}/retry"))
    await await_until(lambda: owner.execute(WAITING_FOR_LOCKS).fetchone() == (1,))
    await meanwhile(other.commit)
    answer = await retrying
    assert (answer.status_code, answer.json()["code"]) == (409, "action_refused")
    assert "is in progress" in answer.json()["detail"], "as it stands now"


async def test_if_match_sees_what_another_is_just_changing(
    client: Client, owner: psycopg.Connection[Any], export: Callable[..., str], connect: Connect
) -> None:
    job = export(state="new")
    found = await client.get(f"/api/jobs/exports/{job}")
    other = connect(autocommit=False)
    other.execute("UPDATE shop.exports SET urgency = 9 WHERE id = %s", [job])
    cancelling = asyncio.create_task(
        client.post(f"/api/jobs/exports/{job}/cancel", headers={"If-Match": found.headers["ETag"]})
    )
    await await_until(lambda: owner.execute(WAITING_FOR_LOCKS).fetchone() == (1,))
    await meanwhile(other.commit)
    answer = await cancelling
    assert (answer.status_code, answer.json().get("code")) == (412, "version_mismatch")
    assert owner.execute("SELECT state::text FROM shop.exports").fetchone() == ("new",)
    again = await client.get(f"/api/jobs/exports/{job}")
    tag = again.headers["ETag"]
    assert (await client.get(f"/api/jobs/exports/{job}", headers={"If-None-Match": tag})).status_code == 304
    answer = await client.post(f"/api/jobs/exports/{job}/cancel", headers={"If-Match": f'"0", {tag}'})
    assert answer.status_code == 200, answer.text


async def test_bulk_spans_sources_and_says_which_cannot(
    client: Client, owner: psycopg.Connection[Any], export: Callable[..., str]
) -> None:
    owner.execute("INSERT INTO tailboard.jobs (kind, status) SELECT 'a', 'failed' FROM generate_series(1, 5)")
    for n in range(450):
        export(state="err" if n % 3 else "ok", host="cursed" if n == 1 else None)
    owner.execute("INSERT INTO public.shipments DEFAULT VALUES")
    request: dict[str, Any] = {"action": "retry", "filter": {"status": ["failed"]}, "dry_run": True}
    counted = (await client.post("/api/jobs/bulk", json=request)).json()
    assert (counted["matched"], counted["changed"], counted["unsupported"]) == (305, 0, ["shipments"])
    done = (await client.post("/api/jobs/bulk", json=request | {"dry_run": False})).json()
    assert done["failing"] == []
    assert (done["changed"], done["refused"], done["more"]) == (304, 1, False)
    rows = owner.execute("SELECT state::text, count(*) FROM shop.exports GROUP BY 1").fetchall()
    assert dict(rows) == {"err": 1, "new": 299, "ok": 150}
    named = {"action": "cancel", "filter": {"job": ["shipments/1"]}}
    nothing = (await client.post("/api/jobs/bulk", json=named)).json()
    assert (nothing["matched"], nothing["unsupported"]) == (0, ["shipments"])


async def test_what_a_bulk_action_has_done_is_told_though_a_job_of_another_source_is_locked(
    client: Client, owner: psycopg.Connection[Any], export: Callable[..., str]
) -> None:
    owner.execute("INSERT INTO tailboard.jobs (kind, status) VALUES ('a', 'failed')")
    export(state="err")
    with owner.transaction():
        await meanwhile(owner.execute, "SELECT FROM shop.exports FOR UPDATE")
        answer = (await client.post("/api/jobs/bulk", json={"action": "retry", "filter": {}})).json()
    assert answer["changed"] == 1
    assert [(one["source"], one["code"]) for one in answer["failing"]] == [("exports", "source_locked")]


async def test_a_bulk_action_stops_at_its_limit_and_stays_in_the_sources_of_its_filter(
    client: Client,
    owner: psycopg.Connection[Any],
    export: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(actions, "BULK_LIMIT", 2)
    owner.execute("INSERT INTO tailboard.jobs (kind, status) VALUES ('a', 'failed')")
    for _ in range(3):
        export(state="err")
    for changed, more in ((2, True), (1, False)):
        body = {"action": "retry", "filter": {"source": ["exports"]}}
        answer = (await client.post("/api/jobs/bulk", json=body)).json()
        assert (answer["changed"], answer["more"], answer["unsupported"]) == (changed, more, [])
    assert owner.execute("SELECT status FROM tailboard.jobs").fetchall() == [("failed",)]
