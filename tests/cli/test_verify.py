"""The proof of the log, on logs that are right and on logs that were tampered with."""

import asyncio
import json
import threading
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from cli import rig
from tailboard.db.pool import Database
from tailboard.db.sealing import Sealing
from tailboard.db.verify.proof import verify
from tailboard.db.verify.report import Report


async def _seal(url: str) -> None:
    connection = await Database(url).direct("test")
    sealing = Sealing(connection)
    assert await sealing.lead()
    await sealing.open_log()
    if not await sealing.has_checkpoint():
        await sealing.first_checkpoint()
    await sealing.seal()
    await connection.close()


def seal(url: str) -> None:
    """What a server's sealer does, once."""
    asyncio.run(_seal(url))


def do(url: str, *statements: LiteralString) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def busy(database_url: str) -> str:
    """A database with a log in which about everything has happened, partly sealed."""
    do(
        database_url,
        "INSERT INTO tailboard.jobs (kind, queue) SELECT 'k', 'q' || i % 3 FROM generate_series(1, 40) i",
    )
    seal(database_url)
    do(
        database_url,
        "UPDATE tailboard.jobs SET status = 'in_progress', worker = 'w' WHERE id <= 20",
        "UPDATE tailboard.jobs SET queue = 'moved', status = 'failed', error = 'no' WHERE id <= 5",
        "UPDATE tailboard.jobs SET payload = to_jsonb(repeat('x', 5000)), result = '{\"a\": 1}' WHERE id = 6",
        "DELETE FROM tailboard.jobs WHERE id IN (8, 9)",
        "INSERT INTO tailboard.jobs (id, kind) VALUES (8, 'back again')",
        "BEGIN; DELETE FROM tailboard.jobs WHERE id = 10;"
        "INSERT INTO tailboard.jobs (id, kind, queue) VALUES (10, 'other', 'q9'); COMMIT",
        "BEGIN; DELETE FROM tailboard.jobs; ROLLBACK",
    )
    return database_url


def differences(report: Report) -> list[tuple[str, str]]:
    return [(difference.check, difference.subject) for difference in report.differences]


def test_a_log_agrees_with_its_table_sealed_or_not(busy: str) -> None:
    report = verify(busy)
    assert report.is_clean, report.differences
    assert report.unsealed > 0
    seal(busy)
    report = verify(busy)
    assert report.is_clean, report.differences
    assert report.unsealed == 0
    assert report.jobs == 39


def test_a_log_agrees_with_a_table_that_was_truncated(busy: str) -> None:
    do(busy, "TRUNCATE tailboard.jobs", "INSERT INTO tailboard.jobs (id, kind) VALUES (1, 'anew')")
    assert verify(busy).is_clean
    seal(busy)
    assert verify(busy).is_clean


def unseen(statement: LiteralString) -> list[LiteralString]:
    """The statement behind the log's back."""
    return [
        "ALTER TABLE tailboard.jobs DISABLE TRIGGER ALL",
        statement,
        "ALTER TABLE tailboard.jobs ENABLE ALWAYS TRIGGER tailboard_capture_insert",
        "ALTER TABLE tailboard.jobs ENABLE ALWAYS TRIGGER tailboard_capture_update",
        "ALTER TABLE tailboard.jobs ENABLE ALWAYS TRIGGER tailboard_capture_delete",
        "ALTER TABLE tailboard.jobs ENABLE ALWAYS TRIGGER tailboard_truncate",
    ]


TAMPERED: list[tuple[list[LiteralString], list[tuple[str, str]]]] = [
    (
        unseen("UPDATE tailboard.jobs SET status = 'completed' WHERE id = 30"),
        [("stats", "q0, completed"), ("stats", "q0, pending"), ("jobs", "job 30")],
    ),
    (unseen("UPDATE tailboard.jobs SET priority = 9 WHERE id = 30"), [("jobs", "job 30")]),
    (unseen("UPDATE tailboard.jobs SET payload = '{}' WHERE id = 30"), [("jobs", "job 30")]),
    (
        ["UPDATE tailboard.changes SET job = job || '{\"stray\": 1}' WHERE job_id = '6' AND job IS NOT NULL"],
        [("jobs", "job 6")],
    ),
    (unseen("DELETE FROM tailboard.jobs WHERE id = 30"), [("stats", "q0, pending"), ("jobs", "job 30")]),
    (
        unseen("INSERT INTO tailboard.jobs (id, kind, queue) VALUES (77, 'ghost', 'q0')"),
        [("stats", "q0, pending"), ("jobs", "job 77")],
    ),
    (
        [("UPDATE tailboard.checkpoints SET state = jsonb_set(state, '{stats}',"
            " (SELECT jsonb_agg(jsonb_set(s, '{3}', '99')) FROM jsonb_array_elements(state -> 'stats') s))")],
        [("stats", "q0, pending")],
    ),
    (["DELETE FROM tailboard.checkpoints"], [("stats", "checkpoint")]),
    (
        [("DELETE FROM tailboard.changes WHERE op = 'U' AND job_id = '6' AND new_status = 'in_progress'"
         " AND old_status = 'pending'")],
        [("ticks", "all ticks"), ("jobs", "job 6")],
    ),
    (
        ["UPDATE tailboard.ticks SET n = n + 1 WHERE tick_id = (SELECT max(tick_id) FROM tailboard.ticks)"],
        [("ticks", "tick")],
    ),
    (
        [("UPDATE tailboard.ticks SET first_position = first_position + 1"
         " WHERE tick_id = (SELECT max(tick_id) FROM tailboard.ticks)")],
        [("ticks", "tick")],
    ),
    (
        ["DELETE FROM tailboard.ticks WHERE tick_id = (SELECT max(tick_id) - 1 FROM tailboard.ticks)"],
        [("ticks", "tick"), ("ticks", "change")],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("statements", "expected"), TAMPERED)
def test_a_difference_is_found(
    busy: str, statements: list[LiteralString], expected: list[tuple[str, str]]
) -> None:
    seal(busy)
    assert verify(busy).is_clean
    do(busy, *statements)
    found = differences(verify(busy))
    for check, subject in expected:
        assert any((check, subject) == (at, what) or (at == check and what.startswith(f"{subject} "))
                   for at, what in found), (expected, found)  # fmt: skip
    assert {check for check, _ in found} <= {check for check, _ in expected} | {"stats"}


def test_it_is_exact_while_workers_write(database_url: str) -> None:
    seal(database_url)
    stop = threading.Event()

    def write() -> None:
        with psycopg.connect(database_url, autocommit=True) as connection:
            while not stop.is_set():
                connection.execute(
                    "INSERT INTO tailboard.jobs (kind) SELECT 'x' FROM generate_series(1, 5);"
                    "UPDATE tailboard.jobs SET status = 'in_progress' WHERE status = 'pending';"
                    "DELETE FROM tailboard.jobs WHERE status = 'in_progress' AND id % 2 = 0"
                )

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        reports = []
        for _ in range(8):
            seal(database_url)
            reports.append(verify(database_url))
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert [report.differences for report in reports] == [[]] * 8
    assert reports[-1].changes > reports[0].changes


def test_the_command_says_what_it_found_and_exits_with_it(busy: str, nowhere: Path) -> None:
    clean = rig.run(nowhere, "verify", DATABASE_URL=busy)
    assert clean.returncode == 0
    assert clean.stdout.startswith("The log, the table and the stats agree: 39 jobs and ")
    do(busy, *unseen("UPDATE tailboard.jobs SET status = 'paused' WHERE id = 30"))
    found = rig.run(nowhere, "verify", DATABASE_URL=busy)
    assert found.returncode == 1
    assert (
        'jobs: job 30: the table and the last change differ in status ("paused", in the log "pending")'
        in found.stdout
    )
    scripted = rig.run(nowhere, "verify", "--json", DATABASE_URL=busy)
    assert scripted.returncode == 1
    report = json.loads(scripted.stdout)
    assert report["clean"] is False
    assert report["report"]["found"] == 3


def test_before_any_server_it_says_what_to_do(database_url: str, nowhere: Path) -> None:
    done = rig.run(nowhere, "verify", DATABASE_URL=database_url)
    assert done.returncode == 1
    assert "tailboard up" in done.stderr
