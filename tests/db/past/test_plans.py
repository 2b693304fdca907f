"""No question about the past reads the log from end to end."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL

from db.past.scene import Scene
from log_rig import AConnection
from tailboard.core.cursor import Cursor
from tailboard.core.job import JobName
from tailboard.db.jobs.page import JobFilter, Sort
from tailboard.db.log import Log
from tailboard.db.past.reading import Past
from tailboard.db.pool import Database
from tailboard.db.queries import query


@pytest.mark.slow
@pytest.mark.parametrize("analysed", [False, True], ids=["no statistics", "statistics"])
async def test_no_question_reads_the_log_from_end_to_end(
    analysed: bool, scene: Scene, database_url: str, writer: AConnection
) -> None:
    """The plans of the very statements that run, as the server tells them: 60,000 changes, a moment in the middle."""
    for _ in range(4):
        await writer.execute("INSERT INTO tailboard.jobs (kind) SELECT 'k' FROM generate_series(1, 5000)")
        await writer.execute("UPDATE tailboard.jobs SET status = 'in_progress' WHERE status = 'pending'")
        await scene.seal()
        await writer.execute("UPDATE tailboard.jobs SET status = 'completed' WHERE status = 'in_progress'")
        await scene.seal()
        await scene.keep()
    if analysed:
        await writer.execute("ANALYZE tailboard.changes, tailboard.ticks")
    plans: list[dict[str, Any]] = []
    database = Database(database_url, pool_size=1)
    await database.open()
    try:
        async with database.connection() as connection:
            await tell_plans(connection, plans)
        past = Past(database, Log(database))
        moment = await past.moment(Cursor(1, 32_000))
        asked: list[tuple[JobFilter, Sort, str]] = [
            (JobFilter(), "newest", ""),
            (JobFilter(), "oldest", ""),
            (JobFilter(), "priority", ""),
            (JobFilter(statuses=("failed",)), "newest", ""),
            (JobFilter(queues=("nowhere",)), "oldest", ""),
            (JobFilter(), "newest", "zzzz"),
            (JobFilter(jobs=(JobName("jobs", "7"), JobName("jobs", "19999"))), "newest", ""),
        ]
        for wanted, sort, text in asked:
            plans.clear()
            await past.jobs(moment, wanted, sort, None, 100, text=text)
            by_index(plans, 60_000)
        plans.clear()
        await past.job(moment, JobName("jobs", "77"))
        by_index(plans, 40)
        plans.clear()
        await past.moment(Cursor(1, 100))
        await past.moment(moment.at)
        by_index(plans, 40)
    finally:
        await database.close()


async def test_of_all_the_folds_only_the_nearest_is_read(writer: AConnection) -> None:
    """One may be megabytes: they are sorted by their places alone."""
    row = await (
        await writer.execute(
            SQL("EXPLAIN (VERBOSE, FORMAT JSON) ") + query("past_fold"), {"position": 32_000}, prepare=False
        )
    ).fetchone()
    assert row is not None
    sorts = [node for node in nodes_of(row[0][0]["Plan"]) if node["Node Type"] == "Sort"]
    assert sorts
    assert not any("state" in column for sort in sorts for column in sort["Output"])


async def tell_plans(connection: AConnection, plans: list[dict[str, Any]]) -> None:
    def keep(notice: psycopg.errors.Diagnostic) -> None:
        text = notice.message_primary or ""
        if "plan:" in text:
            plans.append(json.loads(text.partition("plan:")[2])["Plan"])

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


def by_index(plans: list[dict[str, Any]], at_most: int) -> None:
    """Nothing but index scans on the log, and no more rows of it than a page may look at."""
    assert plans, "the server told no plan"
    nodes = [node for plan in plans for node in nodes_of(plan)]
    on_log = [node for node in nodes if node.get("Relation Name", "").startswith(("changes_", "ticks"))]
    assert on_log
    for node in on_log:
        assert node["Node Type"] in {"Index Scan", "Index Only Scan"}, node
    read = sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in on_log
    )
    assert read <= at_most, read


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes_of(inner)
