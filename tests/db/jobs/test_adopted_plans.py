"""What is asked of an adopted source reaches the indexes of its owner."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from adopted_tables import EXPORTS, EXPORTS_SQL, adopt
from fixtures.database import Connect
from tailboard.core.job import JobName
from tailboard.db.jobs.page import JobFilter, Sort, Wanted
from tailboard.db.jobs.reading import Jobs
from tailboard.db.pool import Database

_FILL = """
INSERT INTO shop.exports (region, state, host, made, not_before, body)
SELECT CASE WHEN g % 2 = 0 THEN 'eu' ELSE 'us' END, (CASE WHEN g % 1000 = 1 THEN 'err' WHEN g % 900 = 2 THEN 'busy'
       WHEN g > 59900 THEN 'new' ELSE 'ok' END)::shop.state, 'h' || g % 9, now() - (60000 - g) * interval '1 s',
       CASE WHEN g > 59950 THEN now() + interval '1 day' END, json_build_object('text', repeat('x', 500))
  FROM generate_series(1, 60000) g;
"""
_CASES: dict[str, tuple[JobFilter, Sort, str]] = {
    "newest": (JobFilter(), "newest", "exports_made"),
    "oldest": (JobFilter(), "oldest", "exports_made"),
    "status, few": (JobFilter(statuses=("in_progress",)), "newest", "exports_state"),
    "status, by time": (JobFilter(statuses=("scheduled",)), "newest", "exports_"),
    "status, none": (JobFilter(statuses=("cancelled",)), "newest", "exports_state"),
    "in the order of priority": (JobFilter(statuses=("failed",)), "priority", "exports_state"),
    "queue, common": (JobFilter(queues=("eu",)), "newest", "exports_made"),
}


@pytest.mark.slow
async def test_lists_and_single_jobs_of_an_adopted_source_use_its_indexes(
    database_url: str, connect: Connect
) -> None:
    owner = connect()
    owner.execute(EXPORTS_SQL.encode())
    adopt(database_url, EXPORTS)
    owner.execute(_FILL.encode())
    owner.execute("VACUUM ANALYZE shop.exports")
    plans: list[dict[str, Any]] = []

    def keep(notice: psycopg.errors.Diagnostic) -> None:
        text = notice.message_primary or ""
        if "plan:" in text:
            plans.append(json.loads(text.partition("plan:")[2])["Plan"])

    database = Database(database_url, pool_size=1)
    await database.open()
    try:
        async with database.connection() as connection:
            try:
                await connection.execute("LOAD 'auto_explain'")
            except psycopg.errors.InsufficientPrivilege:
                pytest.skip("only a superuser may have the server tell its plans")
            for setting, value in {
                "auto_explain.log_min_duration": "0",
                "auto_explain.log_analyze": "on",
                "auto_explain.log_timing": "off",
                "auto_explain.log_format": "json",
                "client_min_messages": "log",
            }.items():
                await connection.execute("SELECT set_config(%s, %s, false)", (setting, value))
            connection.add_notice_handler(keep)
        jobs = Jobs(database)
        for name, (wanted, sort, index) in _CASES.items():
            plans.clear()
            asked = Wanted(
                filter=JobFilter(sources=("exports",), statuses=wanted.statuses, queues=wanted.queues),
                sort=sort,
            )
            page = await jobs.list(asked)
            assert not page.failing
            used = _scans(plans)
            assert all(scan[0] != "Seq Scan" for scan in used), (name, used)
            assert any(scan[1].startswith(index) for scan in used), (name, used)
            if page.cards:
                assert any(scan[1] == "exports_pkey" for scan in used), (name, used)
        found = owner.execute("SELECT id::text FROM shop.exports LIMIT 1").fetchone()
        assert found is not None
        plans.clear()
        await jobs.get(JobName("exports", found[0]))
        assert _scans(plans) == [("Index Scan", "exports_pkey")]
    finally:
        await database.close()


def _scans(plans: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """How the owner's table was read: the kind of scan, and the index."""
    return [
        (node["Node Type"], node.get("Index Name", ""))
        for plan in plans
        for node in _nodes(plan)
        if node.get("Relation Name") == "exports" or node.get("Index Name", "").startswith("exports_")
    ]


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)
