"""Stats, workers, sources, connections and probes."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, LiteralString

import httpx
import psycopg
import pytest

from tailboard.app import Node
from tailboard.web import log
from web_node import delivered

Worker = psycopg.AsyncConnection[Any]


async def test_stats_are_exact_at_their_cursor(client: httpx.AsyncClient, node: Node, worker: Worker) -> None:
    await worker.execute(
        "INSERT INTO tailboard.jobs (kind, queue, status) VALUES "
        "('a', 'x', 'pending'), ('a', 'x', 'failed'), ('a', 'y', 'completed')"
    )
    await worker.execute(
        "UPDATE tailboard.jobs SET queue = 'y', status = 'in_progress' WHERE status = 'pending'"
    )
    cursor = await delivered(node, worker)
    answer = (await client.get("/api/stats")).json()
    assert answer["cursor"] == str(cursor)
    assert {name: n for name, n in answer["stats"].items() if n} == {
        "in_progress": 1,
        "failed": 1,
        "completed": 1,
        "total": 3,
    }
    by_queue = {row["queue"]: row["stats"]["total"] for row in answer["by_queue"]}
    assert by_queue == {"x": 1, "y": 2}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("", ["a", "b", "c", "d"]),
        ("?queues=9", ["a", "b", "c", "d"]),
        ("?queues=2", ["b", "d"]),
        ("?queues=1&queue=c&queue=none", ["b", "c"]),
        ("?queues=0", []),
    ],
)
async def test_counts_by_queue_can_be_those_of_the_largest_and_of_some(
    client: httpx.AsyncClient, node: Node, worker: Worker, asked: str, told: list[str]
) -> None:
    await worker.execute(
        "INSERT INTO tailboard.jobs (kind, queue) SELECT 'k', unnest(string_to_array('abbbcddd', NULL))"
    )
    moment = str(await delivered(node, worker))
    for address in (f"/api/stats{asked}", f"/api/stats{asked or '?'}&as_of={moment}"):
        answer = (await client.get(address)).json()
        assert [row["queue"] for row in answer["by_queue"]] == told
        assert all(row["stats"]["pending"] == "abbbcddd".count(row["queue"]) for row in answer["by_queue"])
        assert (answer["queues"], answer["stats"]["total"]) == (4, 8)
        assert answer["by_source"] == [{"source": "jobs", "stats": answer["stats"]}]


async def test_the_history_of_stats_has_every_minute_up_to_now(
    client: httpx.AsyncClient, node: Node, worker: Worker
) -> None:
    await worker.execute(
        "INSERT INTO tailboard.jobs (kind, status) VALUES ('a', 'in_progress'), ('a', 'pending')"
    )
    await worker.execute(
        "UPDATE tailboard.jobs SET status = 'completed', started_at = now() - interval '2 s', "
        "finished_at = now() WHERE id = 1"
    )
    await delivered(node, worker)
    minutes = (await client.get("/api/stats/history?minutes=5")).json()["minutes"]
    starts = [datetime.fromisoformat(minute["at"]) for minute in minutes]
    assert [b - a for a, b in pairwise(starts)] == [timedelta(minutes=1)] * 4
    assert datetime.now(UTC) - starts[-1] < timedelta(minutes=2)
    assert sum(minute["created"] for minute in minutes) == 2
    busy = next(minute for minute in minutes if minute["completed"])
    assert busy["duration_ms"]["n"] == 1
    assert abs(busy["duration_ms"]["p50"] - 2000) < 200
    assert abs(busy["duration_ms"]["mean"] - 2000) < 1


async def test_pages_of_the_log_lead_to_its_end(
    client: httpx.AsyncClient, node: Node, worker: Worker
) -> None:
    start = (await client.get("/api/events")).json()
    assert start["events"] == []
    await worker.execute("INSERT INTO tailboard.jobs (kind) SELECT 'a' FROM generate_series(1, 25)")
    head = await delivered(node, worker)
    seen: list[str] = []
    cursor, more = start["cursor"], True
    while more:
        page = (await client.get(f"/api/events?after={cursor}&limit=10")).json()
        seen += [event["cursor"] for event in page["events"]]
        cursor, more = page["cursor"], page["more"]
    assert cursor == str(head)
    assert len(seen) == len(set(seen)) == 25


async def test_a_page_of_the_log_may_be_filtered(
    client: httpx.AsyncClient, node: Node, worker: Worker
) -> None:
    start = (await client.get("/api/events")).json()["cursor"]
    await worker.execute(
        "INSERT INTO tailboard.jobs (kind, queue) SELECT 'k', 'q' || i % 2 FROM generate_series(1, 6) AS i"
    )
    await worker.execute("UPDATE tailboard.jobs SET queue = 'elsewhere' WHERE id = 2")
    await worker.execute("TRUNCATE tailboard.jobs")
    await delivered(node, worker)

    async def told(query: str) -> list[tuple[str, object]]:
        found, after, more = [], start, True
        while more:
            page = (await client.get(f"/api/events?after={after}&limit=2&{query}")).json()
            found += page["events"]
            after, more = page["cursor"], page["more"]
        return [(one["type"], one["job"]["id"] if "job" in one else one.get("id")) for one in found]

    created = [("job_created", 2), ("job_created", 4), ("job_created", 6)]
    assert await told("queue=q0") == [*created, ("left", 2), ("reset", None)]
    assert await told('filter={"and":[{"eq":{"queue":"q0"}},{"not":{"eq":{"job":"jobs/4"}}}]}') == [
        created[0], created[2], ("left", 2), ("reset", None),
    ]  # fmt: skip
    assert await told("queue=q0&source=orders") == []
    assert await told("job=jobs/3") == [("job_created", 3), ("reset", None)]
    refused = await client.get(f"/api/events?after={start}&filter={{}}&filter=3&status=done")
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_input")
    refused = await client.get(f"/api/events?after={start}&filter=3")
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_filter")


async def test_an_expired_cursor_is_gone(client: httpx.AsyncClient, node: Node, worker: Worker) -> None:
    await worker.execute("INSERT INTO tailboard.jobs (kind) VALUES ('a')")
    await delivered(node, worker)
    await worker.execute("INSERT INTO tailboard.jobs (kind) VALUES ('b')")
    await delivered(node, worker)
    # what retention does, in small
    await worker.execute("DELETE FROM tailboard.ticks WHERE first_position < 2")
    response = await client.get("/api/events?after=1.0")
    assert (response.status_code, response.json()["code"]) == (410, "cursor_expired")


async def test_workers_are_alive_late_lost_or_never_spoke(client: httpx.AsyncClient, worker: Worker) -> None:
    await worker.execute(
        "SELECT tailboard.heartbeat('quick', '{\"host\": \"a\"}'), tailboard.heartbeat('slow', %s), "
        "tailboard.heartbeat('gone'), tailboard.heartbeat('long gone'), tailboard.heartbeat('at work'),"
        "tailboard.heartbeat('yesterday'), tailboard.heartbeat('ahead')",
        ['{"log": "' + "".join(map(str, range(6000))) + '"}'],
    )
    for name, silent in (
        ("slow", "1 minute"),
        ("gone", "10 minutes"),
        ("long gone", "2 days"),
        ("at work", "2 days"),
        ("yesterday", "23 hours"),
        ("ahead", "-1 hour"),
    ):
        await worker.execute(
            "UPDATE tailboard.workers SET seen_at = now() - %s::interval WHERE name = %s", (silent, name)
        )
    await worker.execute(
        "INSERT INTO tailboard.jobs (kind, status, worker) VALUES "
        "('a', 'in_progress', 'gone'), ('a', 'in_progress', 'silent'), ('a', 'completed', 'quick'),"
        "('a', 'in_progress', 'at work')"
    )
    found = {row["name"]: row for row in (await client.get("/api/workers")).json()["workers"]}
    assert {name: (row["health"], row["alive"]) for name, row in found.items()} == {
        "quick": ("alive", True),
        "slow": ("late", True),
        "gone": ("lost", False),
        "silent": ("unknown", True),
        "at work": ("lost", False),
        "yesterday": ("lost", False),
        "ahead": ("alive", True),
    }
    assert datetime.fromisoformat(found["ahead"]["seen_at"]) <= datetime.now(UTC), (
        "one to come is told as now"
    )
    assert found["quick"]["info"] == {"host": "a"}
    assert found["slow"]["info"] == {}
    assert [job["id"] for job in found["gone"]["jobs"]] == [1]
    assert [job["id"] for job in found["silent"]["jobs"]] == [2]
    assert found["silent"]["seen_at"] is None


@pytest.mark.parametrize(
    ("statement", "complete"),
    [
        ("INSERT INTO tailboard.workers (name) SELECT 'w' || i FROM generate_series(1, 1999) AS i", True),
        ("INSERT INTO tailboard.workers (name) SELECT 'w' || i FROM generate_series(1, 2001) AS i", False),
        (
            (
                "INSERT INTO tailboard.jobs (kind, status, worker)"
                " SELECT 'k', 'in_progress', 'w' FROM generate_series(1, 2001)"
            ),
            False,
        ),
    ],
)
async def test_more_workers_or_jobs_than_are_told_are_said_to_be_more(
    client: httpx.AsyncClient, worker: Worker, statement: LiteralString, complete: bool
) -> None:
    await worker.execute(statement)
    answer = (await client.get("/api/workers")).json()
    assert answer["complete"] is complete
    assert max(len(answer["workers"]), len(answer["workers"][0]["jobs"])) == (1999 if complete else 2000)


async def test_a_source_whose_trigger_is_off_says_so(client: httpx.AsyncClient, worker: Worker) -> None:
    (source,) = (await client.get("/api/sources")).json()["sources"]
    assert (source["name"], source["attached"], source["health"]["status"]) == ("jobs", True, "ok")
    assert "retry" in source["actions"]
    await worker.execute("ALTER TRIGGER tailboard_capture_update ON tailboard.jobs RENAME TO mine")
    (renamed,) = (await client.get("/api/sources")).json()["sources"]
    assert renamed["health"] == source["health"]
    await worker.execute("ALTER TABLE tailboard.jobs DISABLE TRIGGER mine")
    (source,) = (await client.get("/api/sources")).json()["sources"]
    assert (source["attached"], source["health"]["status"]) == (False, "detached")


async def test_nobody_listens_at_first(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/connections")).json() == {"connections": []}


async def test_the_board_says_what_a_page_must_know(client: httpx.AsyncClient) -> None:
    board = (await client.get("/api/board")).json()
    assert board["sources"] == ["jobs"]
    assert (board["read_only"], board["token_required"]) == (False, False)
    assert board["limits"]["list"] == 500


async def test_a_node_that_follows_nothing_lives_but_is_not_ready(
    client: httpx.AsyncClient, node: Node
) -> None:
    assert (await client.get("/readyz")).json()["status"] == "ready"
    await node.tailer.stop()
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert "log says why" in answer.json()["detail"]
    assert int(answer.headers["retry-after"]) > 0
    await node.database.close()
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    listed = await client.get("/api/jobs")
    assert (listed.status_code, listed.json()["retryable"]) == (503, True)
    assert (await client.get("/livez")).status_code == 200


async def test_minutes_are_the_databases_whatever_the_nodes_clock_shows(
    client: httpx.AsyncClient, node: Node, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = SimpleNamespace(
        now=lambda zone: datetime.now(zone) + timedelta(hours=1), fromtimestamp=datetime.fromtimestamp
    )
    monkeypatch.setattr(log, "datetime", ahead)
    await worker.execute("INSERT INTO tailboard.jobs (kind) VALUES ('k')")
    await delivered(node, worker)
    minutes = (await client.get("/api/stats/history?minutes=2")).json()["minutes"]
    assert sum(minute["created"] for minute in minutes) == 1
