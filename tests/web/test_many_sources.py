"""More sources than anybody has, on one board: a page over all of them goes on, or says why it cannot."""

import asyncio
from typing import Any

import httpx
import psycopg
import pytest

from adopted_tables import adopt
from fixtures.database import Connect
from tailboard.db.jobs import actions, reading, workers

Client = httpx.AsyncClient

MANY = 40
DEFINITION = """
[sources.department-of-exports-{n}]
table = "shop.exports_{n}"
id = "id"
status = "'pending'"
created_at = "made"
"""


SLOW = """
[sources.slow-{n}]
table = "shop.slow_{n}"
id = "id"
status = "'in_progress'"
worker = "shop.host(id)"
actions.cancel = "SELECT $1::int"
"""


@pytest.fixture
def owner(connect: Connect) -> psycopg.Connection[Any]:
    connection = connect()
    connection.execute("CREATE SCHEMA shop")
    return connection


def adopt_many(owner: psycopg.Connection[Any], url: str, id_type: str) -> None:
    for n in range(MANY):
        columns = f"id {id_type} PRIMARY KEY, made timestamptz DEFAULT clock_timestamp()"
        owner.execute(f"CREATE TABLE shop.exports_{n} ({columns})".encode())
        adopt(url, DEFINITION.format(n=n))


def adopt_slow(owner: psycopg.Connection[Any], url: str) -> None:
    owner.execute(
        "CREATE TABLE shop.slow (s float8); CREATE FUNCTION shop.host(id int) RETURNS text LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_sleep(s) FROM shop.slow; RETURN 'h'; END $$"
    )
    for n in range(6):
        owner.execute(f"CREATE TABLE shop.slow_{n} (id int PRIMARY KEY)".encode())
        owner.execute(f"INSERT INTO shop.slow_{n} VALUES (1)".encode())
        adopt(url, SLOW.format(n=n))
    owner.execute("INSERT INTO shop.slow VALUES (30)")


async def test_a_page_over_forty_sources_goes_on(
    client: Client, owner: psycopg.Connection[Any], database_url: str
) -> None:
    adopt_many(owner, database_url, "uuid DEFAULT gen_random_uuid()")
    for turn in range(3):
        for n in range(MANY):
            owner.execute(f"INSERT INTO shop.exports_{(n * 7 + turn) % MANY} DEFAULT VALUES".encode())
    seen: list[tuple[str, str]] = []
    longest, after = 0, ""
    while True:
        answer = await client.get(f"/api/jobs?limit=25{after}")
        assert answer.status_code == 200, answer.text
        page = answer.json()
        seen += [(job["source"], job["id"]) for job in page["jobs"]]
        if page["next"] is None:
            break
        longest = max(longest, len(page["next"]))
        after = f"&after={page['next']}"
    assert len(set(seen)) == len(seen) == 3 * MANY
    assert 1_000 < longest < 4_000, "with room for half as many again"


async def test_workers_are_told_soon_however_many_sources_are_slow(
    client: Client, owner: psycopg.Connection[Any], database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_RUNNING_WITHIN_S", 0.5, raising=False)
    adopt_slow(owner, database_url)
    async with asyncio.timeout(6):
        answer = (await client.get("/api/workers")).json()
    assert [(one["source"], one["code"]) for one in answer["failing"]] == [
        (f"slow-{n}", "source_slow") for n in range(6)
    ]


async def test_a_page_is_told_soon_however_many_sources_are_slow(
    client: Client, owner: psycopg.Connection[Any], database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_PAGE_WITHIN_S", 0.5)
    adopt_slow(owner, database_url)
    async with asyncio.timeout(6):
        answer = (await client.get("/api/jobs")).json()
    assert [(one["source"], one["code"]) for one in answer["failing"]] == [
        (f"slow-{n}", "source_slow") for n in range(6)
    ]


@pytest.mark.parametrize("dry_run", [True, False])
async def test_a_bulk_action_is_over_soon_however_many_sources_are_slow(
    client: Client,
    owner: psycopg.Connection[Any],
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    dry_run: bool,
) -> None:
    monkeypatch.setattr(actions, "_COUNT_WITHIN_S", 0.5, raising=False)
    adopt_slow(owner, database_url)
    body = {"action": "cancel", "filter": {"worker": ["h"]}, "dry_run": dry_run}
    async with asyncio.timeout(6):
        answer = (await client.post("/api/jobs/bulk", json=body)).json()
    assert (answer["matched"], answer["changed"], answer["more"]) == (0, 0, False)
    assert {(one["source"], one["code"]) for one in answer["failing"]} == {
        (f"slow-{n}", "source_slow") for n in range(6)
    }


async def test_a_bulk_action_whose_time_is_over_says_that_there_are_more(
    client: Client, owner: psycopg.Connection[Any], database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "_BULK_S", -1.0)
    adopt_slow(owner, database_url)
    owner.execute("DELETE FROM shop.slow; DELETE FROM shop.slow_1")
    for source, more in (("slow-0", True), ("slow-1", False)):
        body = {"action": "cancel", "filter": {"source": [source]}}
        answer = (await client.post("/api/jobs/bulk", json=body)).json()
        assert (answer["changed"], answer["more"]) == (0, more)


async def test_a_page_whose_next_would_be_no_address_is_refused(
    client: Client, owner: psycopg.Connection[Any], database_url: str
) -> None:
    adopt_many(owner, database_url, "text")
    long = "SELECT string_agg(gen_random_uuid()::text, '/') FROM generate_series(1, 20)"
    for _ in range(2):
        for n in range(MANY):
            owner.execute(f"INSERT INTO shop.exports_{n} (id) {long}".encode())
    answer = await client.get("/api/jobs?limit=45")
    assert answer.status_code == 400
    problem = answer.json()
    assert problem["code"] == "invalid_filter"
    assert "source=" in problem["detail"]
    some = "&".join(f"source=department-of-exports-{n}" for n in range(3))
    first = (await client.get(f"/api/jobs?limit=4&{some}")).json()
    rest = (await client.get(f"/api/jobs?limit=4&{some}&after={first['next']}")).json()
    assert (len(first["jobs"]), len(rest["jobs"]), rest["next"]) == (4, 2, None)
