"""/metrics: what it tells, what it costs where the database is away, and that the guide's alerts are about it."""

import asyncio
import re
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, LiteralString

import httpx
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from fixtures.database import Connect
from fixtures.waiting import await_until
from orders_table import attach_orders, make_orders
from tailboard import __version__
from tailboard.app import Node
from tailboard.sources.health import State
from web_node import client_of, delivered

Worker = psycopg.AsyncConnection[Any]
Samples = dict[tuple[str, ...], float]

_GUIDE: Final = Path(__file__).parents[2] / "OPERATING.md"
_SYNCED: Final = "SELECT synced FROM tailboard.sources WHERE name = 'orders'"


async def scraped(client: httpx.AsyncClient) -> Samples:
    """Every sample by its name and the values of its labels."""
    answer = await client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_metrics_count_what_happened(client: httpx.AsyncClient, node: Node, worker: Worker) -> None:
    await worker.execute("INSERT INTO tailboard.jobs (kind) SELECT 'a' FROM generate_series(1, 3)")
    await worker.execute("UPDATE tailboard.jobs SET status = 'failed' WHERE id = 1")
    await delivered(node, worker)
    found = await scraped(client)
    assert found["tailboard_events_total", "job_created"] == 3
    assert found["tailboard_events_total", "job_failed"] == 1
    assert found["tailboard_jobs", "jobs", "pending"] == 2
    assert found["tailboard_sealer_leader",] == 1
    assert found["tailboard_sealed_changes_total",] == 4
    assert found["tailboard_tailer_ready",] == 1
    assert found["tailboard_subscribers", "websocket"] == 0
    assert 0 <= found["tailboard_lag_seconds",] < 10


async def test_metrics_tell_the_state_and_the_faults_of_each_adopted_source(
    client: httpx.AsyncClient, database_url: str, connect: Connect
) -> None:
    owner = connect()
    make_orders(owner)
    await asyncio.to_thread(attach_orders, database_url)

    async def told() -> dict[str, float]:
        found = await scraped(client)
        states = {state: found["tailboard_source_state", "orders", state] for state in State}
        assert sum(states.values()) == 1, "a source is in one state"
        return {state: found["tailboard_source_faults_total", "orders"] for state in State if states[state]}

    await await_until(lambda: owner.execute(_SYNCED).fetchone() == (True,))
    assert await told() == {"ok": 0}
    await asyncio.to_thread(owner.execute, "INSERT INTO shop.orders (state) VALUES ('lost'), ('mislaid')")
    assert list((await told()).values()) == [2]
    await asyncio.to_thread(owner.execute, "ALTER TABLE shop.orders DISABLE TRIGGER ALL")
    assert await told() == {"broken": 2}


async def test_metrics_tell_which_version_runs_and_how_far_the_log_goes(
    other_node: Any, worker: Worker
) -> None:
    node = await other_node(retention=timedelta(hours=36))
    await worker.execute("INSERT INTO tailboard.jobs (kind) SELECT 'a' FROM generate_series(1, 600)")
    await delivered(node, worker)
    await worker.execute("UPDATE tailboard.ticks SET at = at - interval '1 day'")
    async with client_of(node) as client:
        found = await scraped(client)
    assert found["tailboard_build_info", __version__] == 1
    assert found["tailboard_database_up",] == found["tailboard_ready",] == 1
    assert found["tailboard_log_size_bytes",] > 600 * 100
    assert found["tailboard_log_retention_seconds",] == 36 * 3600
    assert 0 <= found["tailboard_log_reach_seconds",] - 86_400 < 60
    assert (found["tailboard_log_first_position",], found["tailboard_log_last_position",]) == (1, 600)
    assert 0 <= found["tailboard_notify_queue_ratio",] < 1


async def test_metrics_count_jobs_by_source_and_never_by_queue(
    client: httpx.AsyncClient, node: Node, worker: Worker, database_url: str, connect: Connect
) -> None:
    owner = connect()
    make_orders(owner)
    await asyncio.to_thread(attach_orders, database_url)
    await await_until(lambda: owner.execute(_SYNCED).fetchone() == (True,))
    await worker.execute(
        "INSERT INTO tailboard.jobs (kind, queue) SELECT 'a', 'q' || i FROM generate_series(1, 50) AS i"
    )
    await worker.execute("DELETE FROM shop.orders")
    await worker.execute("INSERT INTO shop.orders (state) VALUES ('new'), ('new')")
    await delivered(node, worker)
    jobs = {key[1:]: n for key, n in (await scraped(client)).items() if key[0] == "tailboard_jobs"}
    assert {key: n for key, n in jobs.items() if n} == {("jobs", "pending"): 50, ("orders", "pending"): 2}
    assert len(jobs) == 2 * 7, "one that has none is told as none"


async def test_metrics_tell_how_workers_are_and_what_they_have_in_hand(
    client: httpx.AsyncClient, worker: Worker
) -> None:
    for name, seen in (
        ("quick", "now()"),
        ("ahead", "'infinity'"),
        ("slow", "now() - interval '1 minute'"),
        ("gone", "now() - interval '10 minutes'"),
        ("long gone", "now() - interval '2 days'"),
        ("never", "'-infinity'"),
    ):
        await worker.execute(f"INSERT INTO tailboard.workers (name, seen_at) VALUES ('{name}', {seen})")
    await worker.execute(
        "INSERT INTO tailboard.jobs (kind, status, worker) SELECT 'a', 'in_progress', name FROM unnest("
        "ARRAY['quick', 'slow', 'gone', 'gone', 'long gone', 'unheard', NULL]) AS name"
    )
    await worker.execute(
        "INSERT INTO tailboard.jobs (kind, status, worker) VALUES ('a', 'completed', 'gone')"
    )
    found = await scraped(client)
    assert {key[1]: n for key, n in found.items() if key[0] == "tailboard_workers"} == {
        "alive": 2,
        "late": 1,
        "lost": 1,
    }
    assert {key[1]: n for key, n in found.items() if key[0] == "tailboard_held_jobs"} == {
        "alive": 1,
        "late": 1,
        "lost": 3,
    }


async def test_a_missing_trigger_of_the_builtin_table_is_told(
    client: httpx.AsyncClient, worker: Worker
) -> None:
    assert (await scraped(client))["tailboard_source_state", "jobs", "ok"] == 1
    await worker.execute("DROP TRIGGER tailboard_capture_update ON tailboard.jobs")
    found = await scraped(client)
    assert (
        found["tailboard_source_state", "jobs", "ok"],
        found["tailboard_source_state", "jobs", "broken"],
    ) == (0, 1)


@pytest.mark.parametrize(
    ("lock", "missing"),
    [("tailboard.workers", "tailboard_workers"), ("tailboard.ticks", "tailboard_log_size_bytes")],
)
async def test_what_cannot_be_asked_in_time_is_missing_and_the_rest_is_told(
    client: httpx.AsyncClient, connect: Connect, lock: LiteralString, missing: str
) -> None:
    whole = await scraped(client)
    with connect() as owner, owner.transaction():
        owner.execute(f"LOCK TABLE {lock}")
        async with asyncio.timeout(5):
            found = await scraped(client)
    assert missing in {key[0] for key in whole}
    assert missing not in {key[0] for key in found}
    assert found["tailboard_database_up",] == 1
    assert found["tailboard_source_state", "jobs", "ok"] == 1


async def test_without_a_database_a_scrape_tells_what_the_node_knows(
    client: httpx.AsyncClient, node: Node, worker: Worker
) -> None:
    await worker.execute("INSERT INTO tailboard.jobs (kind) VALUES ('a')")
    await delivered(node, worker)
    await node.database.close()
    found = await scraped(client)
    assert (found["tailboard_database_up",], found["tailboard_ready",]) == (0, 0)
    assert found["tailboard_jobs", "jobs", "pending"] == 1
    assert not {"tailboard_log_size_bytes", "tailboard_source_state"} & {key[0] for key in found}


async def test_what_the_guides_alerts_are_about_is_in_a_scrape(
    client: httpx.AsyncClient, database_url: str, connect: Connect
) -> None:
    make_orders(connect())
    await asyncio.to_thread(attach_orders, database_url)
    found = await scraped(client)
    rules = re.findall(r"expr: (?:>-\n)?(.*?)\n +(?:for|annotations):", _GUIDE.read_text(), re.DOTALL)
    assert len(rules) == _GUIDE.read_text().count("- alert: ") > 8
    for rule in rules:
        for name, label, values in re.findall(r'(tailboard_\w+)(?:{(\w+)=~?"([\w|]+)"})?', rule):
            told = [key for key in found if key[0] == name]
            assert told, name
            assert not label or {value for key in told for value in key[1:]} >= set(values.split("|")), rule
