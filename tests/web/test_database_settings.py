"""Whatever a database is set to for everybody who connects, the board is made, served, proven and taken away."""

from contextlib import closing
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

from fixtures.waiting import await_until
from tailboard.db.adopting.attaching import detach
from tailboard.db.doctor.examining import examine
from tailboard.db.doctor.findings import Verdict
from tailboard.db.schema import migrate
from tailboard.db.session import connect
from tailboard.db.verify.proof import verify
from web_node import adopted_node, client_of

SETTINGS: Final = (
    "array_nulls = off",
    "backslash_quote = off",
    "bytea_output = 'escape'",
    "check_function_bodies = off",
    "client_encoding = 'LATIN1'",
    "client_encoding = 'SQL_ASCII'",
    "datestyle = 'German'",
    "default_transaction_deferrable = on",
    "default_transaction_isolation = 'serializable'",
    "default_transaction_read_only = on",
    "extra_float_digits = -15",
    "idle_in_transaction_session_timeout = '100ms'",
    "idle_session_timeout = '100ms'",
    "intervalstyle = 'iso_8601'",
    "lock_timeout = '1ms'",
    "plan_cache_mode = 'force_custom_plan'",
    "plpgsql.extra_errors = 'all'",
    "plpgsql.variable_conflict = 'use_column'",
    "quote_all_identifiers = on",
    "row_security = off",
    "search_path = 'nowhere'",
    "standard_conforming_strings = off",
    "statement_timeout = '100ms'",
    "synchronous_commit = off",
    "timezone = 'Asia/Kathmandu'",
    "transform_null_equals = on",
)
PATHS: Final = (
    "/api/jobs?limit=5",
    "/api/jobs?q=%C3%A4&sort=priority",
    "/api/jobs?as_of=1.4",
    "/api/jobs/jobs/1",
    "/api/jobs/jobs/1/events",
    "/api/jobs/exports/{id}",
    "/api/jobs/exports/{id}/events",
    "/api/stats",
    "/api/stats?as_of=1.4",
    "/api/events?after=1.0",
    "/api/workers",
    "/api/sources",
    "/metrics",
    "/readyz",
)


@pytest.mark.parametrize("setting", SETTINGS)
async def test_a_database_may_be_set_to_anything(
    empty_database_url: str,
    maintenance: psycopg.Connection[Any],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    setting: str,
) -> None:
    url = empty_database_url
    name = Identifier(str(conninfo_to_dict(url)["dbname"]))
    maintenance.execute(SQL("ALTER DATABASE {} SET {}").format(name, SQL(setting)))
    async with adopted_node(url, tmp_path) as (node, worker):
        for size in (10, 5_000):
            worker.execute(
                "INSERT INTO tailboard.jobs (kind, payload, progress, created_at)"
                " VALUES ('\u00e4', to_jsonb(repeat('x', %s)), 1.0 / 3, '2026-11-27 13:00:00+00')",
                [size],
            )
            worker.execute(
                "INSERT INTO shop.exports (body, begun, region) VALUES (to_json(repeat('x', %s)), now(), '\u00e4')",
                [size],
            )
        worker.execute("UPDATE tailboard.jobs SET status = 'failed' WHERE id = 1")
        worker.execute("UPDATE shop.exports SET state = 'err', host = '\u20ac'")
        worker.execute("SELECT tailboard.heartbeat('w', '{}')")
        await await_until(lambda: node.caretaker.counted >= 1)
        row = worker.execute("SELECT id FROM shop.exports LIMIT 1").fetchone()
        assert row is not None
        async with client_of(node) as client:
            for path in PATHS:
                answer = await client.get(path.format(id=row[0]))
                assert answer.status_code == 200, f"{path}: {answer.text}"
            page = (await client.get("/api/jobs")).json()
            assert (len(page["jobs"]), page["failing"]) == (4, [])
            job = (await client.get("/api/jobs/jobs/1")).json()["job"]
            assert (job["progress"], job["created_at"]) == (1 / 3, "2026-11-27T13:00:00+00:00")
            for who in ("jobs/1", f"exports/{row[0]}"):
                answer = await client.post(f"/api/jobs/{who}/retry")
                assert answer.status_code == 200, f"{who}: {answer.text}"
    report = verify(url, lambda *_: None)
    assert report.is_clean, report.differences
    assert not [found for found in examine(url) if found.verdict is Verdict.FAIL]
    with closing(connect(url, "detach")) as operator:
        detach(operator, "exports")
    migrate(url, "base")
    assert not [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}]
