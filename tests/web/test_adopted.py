"""Several sources on one board, over REST: the built-in table beside tables that others own."""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
import pytest

from adopted_tables import AWAY, PARTS, PARTS_SQL, SHIPMENTS, adopt
from fixtures.waiting import await_until
from tailboard.app import Node
from tailboard.db.adopting.attaching import attach
from tailboard.db.adopting.renewal import renew
from tailboard.db.jobs import adopted_listing
from tailboard.sources.parsing import from_definition
from web_node import meanwhile

Client = httpx.AsyncClient


async def listed(client: Client, query: str = "") -> list[str]:
    response = await client.get(f"/api/jobs?{query}")
    assert response.status_code == 200, response.text
    return [f"{job['source']}/{job['id']}" for job in response.json()["jobs"]]


async def test_a_job_that_the_log_never_heard_of_has_an_empty_history(
    client: Client, owner: psycopg.Connection[Any], export: Callable[..., str]
) -> None:
    owner.execute("SET session_replication_role = replica")  # as if from before the table was attached
    known = export()
    history = await client.get(f"/api/jobs/exports/{known}/events")
    assert (history.status_code, history.json()) == (200, {"events": [], "next": None})
    nobody = await client.get("/api/jobs/exports/3f8f2a6e-0000-4000-8000-000000000000/events")
    assert (nobody.status_code, nobody.json()["code"]) == (404, "job_not_found")


async def test_the_log_tells_of_a_source_that_was_counted_as_every_transport_does(
    client: Client, owner: psycopg.Connection[Any]
) -> None:
    owner.execute("TRUNCATE shop.exports")
    told: list[dict[str, Any]] = []
    async with asyncio.timeout(20):
        while not any(event.get("source") == "exports" for event in told):
            told = (await client.get("/api/events?after=1.0")).json()["events"]
            await asyncio.sleep(0.05)
    reset = next(event for event in told if event["source"] == "exports")
    assert reset == {
        "type": "reset", "reason": "source_reset", "source": "exports", "cursor": reset["cursor"]
    }  # fmt: skip


async def test_a_list_merges_all_sources_by_creation(
    client: Client, owner: psycopg.Connection[Any], export: Callable[..., str]
) -> None:
    minutes = "now() - %s * interval '1 minute'"
    for n in (5, 4, 1):
        owner.execute(f"INSERT INTO tailboard.jobs (kind, created_at) VALUES ('a', {minutes})".encode(), [n])
    ids = {}
    for n in (2, 3, 6):
        row = owner.execute(
            f"INSERT INTO shop.exports (made) VALUES ({minutes}) RETURNING id".encode(), [n]
        ).fetchone()
        assert row is not None
        ids[n] = f"exports/{row[0]}"
    undated = f"exports/{export(made=None)}"
    # What does not say when it was created goes by when the log last heard of it.
    newest = [undated, "jobs/3", ids[2], ids[3], "jobs/2", "jobs/1", ids[6]]
    assert await listed(client) == newest
    newest.remove(undated)
    assert await listed(client, "sort=oldest") == [*newest[::-1], undated]
    assert await listed(client, "source=exports&limit=2") == [undated, ids[2]]


@pytest.mark.parametrize("sort", ["newest", "oldest", "priority", "started"])
async def test_pages_over_several_sources_hold_every_job_once(
    client: Client, owner: psycopg.Connection[Any], sort: str
) -> None:
    owner.execute(
        "INSERT INTO tailboard.jobs (kind, priority, created_at, started_at) SELECT 'a', g % 4,"
        " now() - (g * 7 % 40) * interval '1 s', now() - g * interval '3 s' FROM generate_series(1, 40) g"
    )
    owner.execute(
        "INSERT INTO shop.exports (urgency, made, begun) SELECT g % 4, CASE WHEN g % 9 > 0 THEN"
        " now() - (g * 11 % 40) / 2 * interval '1 s' END, now() - g * interval '2 s' FROM generate_series(1, 40) g"
    )
    owner.execute("INSERT INTO public.shipments (done) SELECT g % 2 = 0 FROM generate_series(1, 40) g")
    found: list[str] = []
    after = ""
    for _ in range(40):
        page = (await client.get(f"/api/jobs?limit=7&sort={sort}{after}")).json()
        found += [f"{job['source']}/{job['id']}" for job in page["jobs"]]
        assert page["failing"] == []
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert len(found) == len(set(found)) == 120
    everything = owner.execute(
        "SELECT 'jobs/' || id FROM tailboard.jobs UNION ALL SELECT 'exports/' || id FROM shop.exports"
        " UNION ALL SELECT 'shipments/' || id FROM public.shipments"
    )
    assert set(found) == {row[0] for row in everything}


async def test_filters_and_search_reach_every_source(
    client: Client, owner: psycopg.Connection[Any], export: Callable[..., str]
) -> None:
    owner.execute(
        "INSERT INTO tailboard.jobs (kind, queue, status, tags) VALUES ('mail', 'eu', 'failed', '{hot}')"
    )
    failed = export(region="eu", state="err", last_error="disk full", labels=["hot"], host="h1")
    waiting = export(region="us", not_before="2999-01-01", format="pdf")
    due = export(region="us", not_before="2001-01-01")
    await meanwhile(owner.execute, "ALTER TYPE shop.state ADD VALUE 'odd'")
    stray = export(state="odd")
    owner.execute("INSERT INTO public.shipments (what, holder) VALUES ('crate', 'h1'), ('parcel', NULL)")

    async def found(query: str) -> set[str]:
        return set(await listed(client, query))

    assert await found("queue=eu&status=failed") == {"jobs/1", f"exports/{failed}"}
    assert await found("status=scheduled") == {f"exports/{waiting}"}
    assert await found("status=pending") == {f"exports/{due}", "shipments/2"}
    assert await found("status=paused") == {f"exports/{stray}"}
    assert await found("status=in_progress&worker=h1") == {"shipments/1"}
    assert await found("kind=export.pdf") == {f"exports/{waiting}"}
    assert await found("tags=hot") == {"jobs/1", f"exports/{failed}"}
    assert await found("source=exports&source=shipments&worker=h1") == {f"exports/{failed}", "shipments/1"}
    named = f"job=exports/{due}&job=shipments/2&job=jobs/1&job=shipments/x&job=exports/no-uuid&job=gone/1"
    assert await found(named) == {f"exports/{due}", "shipments/2", "jobs/1"}
    assert await found("q=DISK") == {f"exports/{failed}"}
    assert await found(f"q={due}") == {f"exports/{due}"}
    assert await found("q=crate&status=in_progress") == {"shipments/1"}
    assert await found("q=eu") >= {"jobs/1", f"exports/{failed}"}


async def test_ids_are_numbers_where_they_are_and_cards_are_those_of_the_built_in_table(
    client: Client, owner: psycopg.Connection[Any], export: Callable[..., str]
) -> None:
    owner.execute("INSERT INTO tailboard.jobs (kind) VALUES ('a')")
    owner.execute("INSERT INTO public.shipments DEFAULT VALUES")
    waiting = export(not_before="2999-01-01T00:00:00Z", body='{"b": 1, "a": [1.50]}')
    large = export(body=f'{{"text": "{"x" * 3000}"}}', not_before="2001-01-01")
    jobs = {(job["source"], job["id"]): job for job in (await client.get("/api/jobs")).json()["jobs"]}
    own = jobs["jobs", 1]
    assert set(jobs["shipments", 1]) == set(own)
    assert list(jobs["exports", waiting]) == [*own, "due"] or set(jobs["exports", waiting]) == {*own, "due"}
    assert jobs["exports", waiting]["status"] == "scheduled"
    assert jobs["exports", waiting]["due"] == "2999-01-01T00:00:00+00:00"
    assert jobs["exports", waiting]["payload"] == {"a": [1.5], "b": 1}
    assert (jobs["exports", large]["payload"], jobs["exports", large]["omitted"]) == (None, ["payload"])
    whole = (await client.get(f"/api/jobs/exports/{large}")).json()["job"]
    assert whole["payload"] == {"text": "x" * 3000}
    assert "omitted" not in whole


async def test_a_source_that_cannot_be_read_is_named_and_the_others_are_shown(
    client: Client, owner: psycopg.Connection[Any], export: Callable[..., str]
) -> None:
    owner.execute("INSERT INTO tailboard.jobs (kind) VALUES ('a')")
    made = export()
    await meanwhile(owner.execute, "ALTER TABLE public.shipments RENAME COLUMN holder TO keeper")
    for query in ("", "sort=priority", "q=export", "status=pending&worker=w"):
        page = (await client.get(f"/api/jobs?{query}")).json()
        (failing,) = page["failing"]
        assert (failing["source"], failing["code"]) == ("shipments", "source_broken")
        assert "holder" in failing["message"]
        assert page["complete"] is False
    assert set(await listed(client)) == {"jobs/1", f"exports/{made}"}
    single = await client.get("/api/jobs/shipments/1")
    assert (single.status_code, single.json()["code"]) == (503, "source_broken")
    workers = (await client.get("/api/workers")).json()
    assert [each["source"] for each in workers["failing"]] == ["shipments"]
    await meanwhile(owner.execute, "DROP TABLE public.shipments")
    assert (await client.get("/api/jobs")).json()["failing"][0]["code"] == "source_broken"
    with owner.transaction():
        await meanwhile(owner.execute, "LOCK TABLE shop.exports IN ACCESS EXCLUSIVE MODE")
        codes = {each["source"]: each["code"] for each in (await client.get("/api/jobs")).json()["failing"]}
    assert codes == {"shipments": "source_broken", "exports": "source_locked"}


async def test_while_the_built_in_table_is_locked_the_other_sources_are_shown(
    client: Client, owner: psycopg.Connection[Any], export: Callable[..., str]
) -> None:
    made = export()
    with owner.transaction():
        await meanwhile(owner.execute, "LOCK TABLE tailboard.jobs IN ACCESS EXCLUSIVE MODE")
        page = (await client.get("/api/jobs")).json()
        single = await client.get("/api/jobs/jobs/1")
    assert [(job["source"], job["id"]) for job in page["jobs"]] == [("exports", made)]
    assert [(one["source"], one["code"]) for one in page["failing"]] == [("jobs", "source_locked")]
    assert (single.status_code, single.json()["code"]) == (503, "database_unavailable")


@pytest.mark.parametrize("code", AWAY)
async def test_what_an_expression_cannot_reach_is_not_taken_for_the_database(
    client: Client, owner: psycopg.Connection[Any], export: Callable[..., str], database_url: str, code: str
) -> None:
    made = export()
    owner.execute(PARTS_SQL)
    await asyncio.to_thread(adopt, database_url, PARTS)
    owner.execute("INSERT INTO public.away VALUES (%s)", [code])
    page = (await client.get("/api/jobs")).json()
    assert [(job["source"], job["id"]) for job in page["jobs"]] == [("exports", made)]
    (failing,) = page["failing"]
    assert (failing["source"], failing["code"]) == ("parts", "source_broken")
    assert "far away" in failing["message"]
    single = await client.get("/api/jobs/parts/1")
    assert (single.status_code, single.json()["code"]) == (503, "source_broken")


async def test_a_row_for_which_an_expression_fails_is_named_and_the_others_are_shown(
    client: Client, owner: psycopg.Connection[Any]
) -> None:
    owner.execute(
        "CREATE TABLE public.parts (id int PRIMARY KEY, host text DEFAULT 'h', done int DEFAULT 1, of int)"
    )
    status = "CASE WHEN of < 0 THEN 'failed' ELSE 'in_progress' END"
    definition = {
        "table": "public.parts",
        "id": "id",
        "status": status,
        "progress": "done / of",
        "worker": "host",
    }
    await asyncio.to_thread(attach, owner, from_definition("parts", definition))
    owner.execute("INSERT INTO public.parts (id, of) SELECT i, i % 20 - 1 FROM generate_series(1, 60) AS i")
    odd = ["parts/41", "parts/21", "parts/1"]
    for query in ("sort=newest", "sort=oldest", "sort=priority", "q=h&status=in_progress"):
        page = (await client.get(f"/api/jobs?source=parts&{query}")).json()
        assert len(page["jobs"]) == 57 - 3 * query.startswith("q=")
        (failing,) = page["failing"]
        assert (failing["code"], page["complete"]) == ("source_broken", False)
        assert all(name in failing["message"] for name in odd)
        assert "division by zero" in failing["message"]
    assert (await client.get("/api/jobs?source=parts&limit=15")).json()["failing"] == []
    workers = (await client.get("/api/workers")).json()
    assert workers["failing"] == []
    single = await client.get("/api/jobs/parts/21")
    assert (single.status_code, single.json()["code"]) == (503, "source_broken")


async def test_more_running_jobs_of_a_source_than_are_told_are_said_to_be_more(
    client: Client, owner: psycopg.Connection[Any]
) -> None:
    owner.execute("INSERT INTO shop.exports (state, host) SELECT 'busy', 'h' FROM generate_series(1, 501)")
    answer = (await client.get("/api/workers")).json()
    (worker,) = answer["workers"]
    assert (len(worker["jobs"]), answer["complete"]) == (500, False)


async def test_a_source_that_takes_too_long_is_named_too(
    client: Client, owner: psycopg.Connection[Any], database_url: str
) -> None:
    owner.execute("INSERT INTO tailboard.jobs (kind) VALUES ('a')")
    owner.execute("INSERT INTO public.shipments DEFAULT VALUES")
    slow = "CREATE OR REPLACE FUNCTION public.slow(text) RETURNS text LANGUAGE sql VOLATILE AS %s"
    await meanwhile(owner.execute, slow.replace("%s", "'SELECT $1'").encode())
    owner.execute(
        "CREATE TABLE public.slow (LIKE public.shipments INCLUDING DEFAULTS); INSERT INTO public.slow VALUES (1)"
    )
    definition = SHIPMENTS.replace("public.shipments", "public.slow").replace(
        "sources.shipments", "sources.slow"
    )
    await meanwhile(adopt, database_url, definition.replace('kind = "what"', 'kind = "public.slow(what)"'))
    await meanwhile(owner.execute, slow.replace("%s", "'SELECT $1 FROM pg_sleep(30)'").encode())
    page = (await client.get("/api/jobs")).json()
    assert [each["code"] for each in page["failing"]] == ["source_slow"]
    assert {job["source"] for job in page["jobs"]} == {"jobs", "shipments"}


async def test_an_id_may_hold_any_character(
    client: Client, owner: psycopg.Connection[Any], database_url: str
) -> None:
    owner.execute("CREATE TABLE public.odd (name text PRIMARY KEY)")
    await meanwhile(
        adopt, database_url, '[sources.odd]\ntable = "public.odd"\nid = "name"\nstatus = "\'pending\'"'
    )
    odd = ["a/b", "a.b", "100%", "%2F", "a b", "events", "x/events", "ä?#&", "..x", "17", "a//b", "/a", "a/"]
    for name in odd:
        owner.execute("INSERT INTO public.odd VALUES (%s)", [name])
    assert {name.removeprefix("odd/") for name in await listed(client, "source=odd")} == set(odd)
    for name in odd:
        response = await client.get(f"/api/jobs/odd/{quote(name, safe='')}")
        assert response.status_code == 200, (name, response.text)
        assert response.json()["job"]["id"] == name
        history = await client.get(f"/api/jobs/odd/{quote(name, safe='')}/events")
        assert [event["job"]["id"] for event in history.json()["events"]] == [name]
    assert await listed(client, f"job=odd/{quote('x/events', safe='')}") == ["odd/x/events"]


async def test_a_window_says_when_it_did_not_hold_all_and_finds_an_id_beyond_it(
    client: Client,
    owner: psycopg.Connection[Any],
    export: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = [export() for _ in range(6)]
    everything = (await client.get("/api/jobs?source=exports&q=csv")).json()
    assert [job["id"] for job in everything["jobs"]] == made[::-1]
    assert everything["complete"] is True
    monkeypatch.setattr(adopted_listing, "WINDOW", 5)
    newest = (await client.get("/api/jobs?source=exports&sort=priority")).json()
    assert {job["id"] for job in newest["jobs"]} == set(made[1:])
    assert newest["complete"] is False
    assert await listed(client, f"source=exports&q={made[0]}") == [f"exports/{made[0]}"]


@pytest.mark.parametrize("source", ["jobs", "shipments"])
@pytest.mark.parametrize("number", ["01", "+1", "99999999999", "9" * 25, "1.0", "-0"])
async def test_an_id_is_a_number_as_postgresql_writes_it(
    client: Client, owner: psycopg.Connection[Any], source: str, number: str
) -> None:
    owner.execute("INSERT INTO public.shipments DEFAULT VALUES")
    owner.execute("INSERT INTO tailboard.jobs (kind) VALUES ('a')")
    answer = await client.get(f"/api/jobs/{source}/{quote(number)}")
    assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
    assert await listed(client, f"job={source}/{quote(number)}") == []


async def test_sources_say_how_they_are_and_what_can_be_done(
    client: Client, owner: psycopg.Connection[Any]
) -> None:
    async def sources() -> dict[str, Any]:
        found = (await client.get("/api/sources")).json()["sources"]
        assert [each["name"] for each in found] == ["jobs", "exports", "shipments"]
        return {each["name"]: each for each in found}

    now = await sources()
    assert (now["exports"]["table"], now["exports"]["actions"]) == ("shop.exports", ["retry", "cancel"])
    assert (now["shipments"]["actions"], now["shipments"]["attached"]) == ([], True)
    assert now["exports"]["health"]["status"] in {"ok", "syncing"}
    assert now["exports"]["attached_at"] is not None
    await meanwhile(owner.execute, "ALTER TABLE public.shipments RENAME COLUMN holder TO keeper")
    await meanwhile(owner.execute, "DROP TABLE shop.exports")
    now = await sources()
    assert now["shipments"]["health"]["status"] == "drifted"
    assert "columns have changed: holder is gone" in now["shipments"]["health"]["detail"]
    assert (now["exports"]["attached"], now["exports"]["health"]["status"]) == (False, "broken")
    assert "tailboard detach exports" in now["exports"]["health"]["advice"]
    board = (await client.get("/api/board")).json()
    assert board["sources"] == ["jobs", "exports", "shipments"]


async def test_workers_of_every_source_are_shown_with_what_they_hold(
    client: Client, owner: psycopg.Connection[Any], export: Callable[..., str]
) -> None:
    owner.execute("INSERT INTO tailboard.jobs (kind, status, worker) VALUES ('a', 'in_progress', 'h1')")
    held = export(state="busy", host="h1")
    export(state="ok", host="h2")
    owner.execute("INSERT INTO public.shipments (holder) VALUES ('h3')")
    workers = {each["name"]: each for each in (await client.get("/api/workers")).json()["workers"]}
    assert set(workers) == {"h1", "h3"}
    assert {(job["source"], job["id"]) for job in workers["h1"]["jobs"]} == {("jobs", 1), ("exports", held)}
    assert (workers["h3"]["health"], workers["h3"]["seen_at"]) == ("unknown", None)


async def test_a_source_is_listed_also_while_it_is_written_anew(
    client: Client, node: Node, export: Callable[..., str], database_url: str
) -> None:
    made = export()
    await await_until(lambda: node.caretaker.counted == 1)  # it has compared what is written, too

    async def renewing() -> None:
        for _ in range(30):
            await asyncio.to_thread(renew, database_url, "exports")

    renewed = asyncio.create_task(renewing())
    while not renewed.done():
        for query in ("", "status=pending", "sort=oldest", f"job=exports/{made}"):
            page = (await client.get(f"/api/jobs?{query}")).json()
            assert page["failing"] == []
            assert [job["id"] for job in page["jobs"]] == [made]
    await renewed
