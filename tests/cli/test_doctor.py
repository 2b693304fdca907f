"""What the doctor finds in databases that were made sick on purpose."""

import asyncio
import json
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from cli import rig
from orders_table import attach_orders, make_orders
from tailboard.db.doctor.examining import examine
from tailboard.db.doctor.findings import Finding, Verdict
from tailboard.db.embedded.server import EmbeddedServer
from tailboard.db.pool import Database
from tailboard.db.sealing import Sealing


def findings(url: str, listen_url: str | None = None) -> dict[str, Finding]:
    return {finding.check: finding for finding in examine(url, listen_url)}


@contextmanager
def session(url: str, *statements: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)
        yield connection


def do(url: str, *statements: str) -> None:
    with session(url, *statements):
        pass


async def open_log(url: str) -> None:
    """What the first sealer does."""
    connection = await Database(url).direct("test")
    sealing = Sealing(connection)
    assert await sealing.lead()
    await sealing.open_log()
    await connection.close()


def test_a_new_database_has_only_its_missing_server_to_complain_about(database_url: str) -> None:
    found = findings(database_url)
    bad = {name: finding.found for name, finding in found.items() if finding.verdict is not Verdict.OK}
    # Test servers may trade safety for speed, and allow two-phase commit; the doctor is right about both.
    assert bad.keys() - {"server", "two-phase commit"} == {"sealing"}
    assert bad["sealing"] == "no server is sealing"
    assert {"rights", "clock", "listening", "notify queue", "lock waits", "capture", "log"} <= found.keys()
    assert all(found[name].advice for name in bad)


def test_a_standby_is_not_taken_for_a_pooler(home: Path) -> None:
    aside = rig.copy_of(home, home.with_name("standby"))
    data = aside / "postgres/data"
    marker = data / "standby.signal"
    marker.touch()
    os.chown(marker, data.stat().st_uid, data.stat().st_gid)
    with EmbeddedServer(home) as primary, EmbeddedServer(aside) as standby:
        found = findings(standby.url)
        assert "URL of the primary" in found["server"].advice
        bad = [name for name, finding in found.items() if finding.verdict is not Verdict.OK]
        assert bad == ["server"], "nothing else can be told from here"
        listening = findings(primary.url, standby.url)["listening"]
        assert listening.verdict is Verdict.FAIL
        assert "It leads to a standby" in listening.advice
    rig.remove(aside)


@pytest.mark.parametrize(
    ("check", "verdict", "statement", "says"),
    [
        ("schema", "fail", "DROP TABLE tailboard.alembic_version", "tailboard migrate"),
        ("schema", "fail", "UPDATE tailboard.alembic_version SET version_num = '0001'", "tailboard migrate"),
        ("schema", "fail", "UPDATE tailboard.alembic_version SET version_num = '9999'", "Upgrade Tailboard"),
        (
            "capture",
            "fail",
            "ALTER TABLE tailboard.jobs DISABLE TRIGGER tailboard_capture_update",
            "ENABLE ALWAYS TRIGGER tailboard_capture_update",
        ),
        (
            "capture",
            "fail",
            "ALTER TABLE tailboard.jobs ENABLE TRIGGER tailboard_capture_update",
            "ENABLE ALWAYS TRIGGER tailboard_capture_update",
        ),
        (
            "capture",
            "ok",
            "ALTER TRIGGER tailboard_capture_update ON tailboard.jobs RENAME TO mine",
            "every change of tailboard.jobs is captured",
        ),
        (
            "capture",
            "fail",
            (
                'ALTER TRIGGER tailboard_capture_update ON tailboard.jobs RENAME TO "My";'
                ' ALTER TABLE tailboard.jobs DISABLE TRIGGER "My"'
            ),
            'ENABLE ALWAYS TRIGGER "My"',
        ),
        ("capture", "fail", "DROP TRIGGER tailboard_truncate ON tailboard.jobs", "restore the schema"),
        ("log", "warn", "SELECT setval('tailboard.changes_seq', 1000000000)", "Start a server"),
        (
            "log",
            "warn",
            (
                "WITH far AS (SELECT setval('tailboard.changes_seq', 1000000000))"
                " INSERT INTO tailboard.jobs (kind) SELECT 'far' FROM far"
            ),
            "Readers see them",
        ),
        (
            "capture",
            "fail",
            "ALTER FUNCTION tailboard.capture_job_update() SECURITY INVOKER",
            "restore the schema",
        ),
    ],
)
def test_what_is_broken_is_found_with_what_to_do(
    database_url: str, check: str, verdict: str, statement: str, says: str
) -> None:
    do(database_url, statement)
    finding = findings(database_url)[check]
    assert finding.verdict == verdict
    assert says in f"{finding.found} {finding.advice}"


@pytest.fixture
def quiet_server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The board's database on a server of this test's own: transactions of other tests would be found as well."""
    monkeypatch.setattr("tailboard.db.doctor.server.LONG_TRANSACTION_S", 0.0)
    server = EmbeddedServer(home)
    yield server.start()
    server.stop()


def test_an_open_transaction_is_found(quiet_server: str) -> None:
    with session(quiet_server, "SET application_name = 'night batch'", "BEGIN", "SELECT 1"):
        finding = findings(quiet_server)["open transactions"]
    assert finding.verdict == "warn"
    assert re.search(r"^1 open .*\(night batch\) for \d+ seconds, has only read$", finding.found)


def test_of_many_open_transactions_three_are_named_those_that_write_before_the_others(
    quiet_server: str,
) -> None:
    with ExitStack() as opened:
        for number in range(4):
            reads = session(quiet_server, f"SET application_name = 'reader {number}'", "BEGIN", "SELECT 1")
            opened.enter_context(reads)
        writes = session(
            quiet_server, "SET application_name = 'writer'", "BEGIN", "SELECT pg_current_xact_id()"
        )
        opened.enter_context(writes)
        finding = findings(quiet_server)["open transactions"]
    named = r"^5 open .*\(writer\).*has written.*\(reader 0\).*has only read.*\(reader 1\).*; and others$"
    assert re.search(named, finding.found)


def test_the_transaction_that_keeps_the_sealer_awake_is_named_in_whatever_database_it_is(
    quiet_server: str,
) -> None:
    elsewhere = make_conninfo(quiet_server, dbname="postgres", application_name="elsewhere")
    with (
        session(quiet_server, "BEGIN", "SELECT 1"),
        psycopg.connect(elsewhere) as other,
        psycopg.connect(elsewhere) as reader,
    ):
        reader.execute("SELECT 'which keeps nobody awake, and is not ours'")
        other.execute("SELECT pg_current_xact_id()")
        finding = findings(quiet_server)["open transactions"]
    assert re.search(
        r"^2 open .*\(elsewhere, in database postgres\).*has written, and keeps the sealer awake;",
        finding.found,
    )


@contextmanager
def a_wait_for_a_lock(url: str, *, prepared: bool = False) -> Iterator[tuple[int, Finding]]:
    """Somebody waits for `tailboard.jobs` while it lasts: the process who holds it, and what the doctor finds there."""
    with session(url, "BEGIN", "LOCK TABLE tailboard.jobs") as holder, session(url) as waiter:
        with pytest.raises(psycopg.errors.LockNotAvailable):
            waiter.execute("SET lock_timeout = '1ms'; INSERT INTO tailboard.jobs (kind) VALUES ('x')")
        waiter.execute("SET lock_timeout = 0")
        insert = threading.Thread(
            target=waiter.execute, args=("INSERT INTO tailboard.jobs (kind) VALUES ('waits')",)
        )
        insert.start()
        if prepared:
            holder.execute("PREPARE TRANSACTION 'holds'")
        try:
            deadline = time.monotonic() + 20
            while (finding := findings(url)["lock waits"]).verdict == "ok":
                assert time.monotonic() < deadline
            yield holder.info.backend_pid, finding
        finally:
            holder.execute("ROLLBACK PREPARED 'holds'" if prepared else "ROLLBACK")
            insert.join()


def test_a_wait_for_a_lock_is_found_and_names_who_holds_it(database_url: str) -> None:
    with a_wait_for_a_lock(database_url) as (pid, finding):
        assert finding.verdict == "warn"
        assert f"pg_terminate_backend({pid})" in finding.advice


@pytest.mark.usefixtures("prepared_transactions")
def test_a_wait_for_a_prepared_transaction_is_not_ended_by_its_process(database_url: str) -> None:
    with a_wait_for_a_lock(database_url, prepared=True) as (_, finding):
        assert "behind a prepared transaction" in finding.found
        assert "ROLLBACK PREPARED" in finding.advice
        assert "pg_terminate_backend" not in finding.advice


def test_a_wait_in_another_database_is_not_ours(database_url: str, twin_database_url: str) -> None:
    with a_wait_for_a_lock(twin_database_url):
        assert findings(database_url)["lock waits"].verdict == "ok"


def test_a_leader_is_seen_and_a_stuck_one_is_a_failure(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(open_log(database_url))
    with session(database_url, "SELECT pg_advisory_lock(x'7461696C'::int, 1)") as leader:
        pid = leader.info.backend_pid
        healthy = findings(database_url)["sealing"]
        leader.execute("INSERT INTO tailboard.jobs (kind) VALUES ('waits')")
        monkeypatch.setattr("tailboard.db.doctor.installed.STUCK_S", 0.0)
        stuck = findings(database_url)["sealing"]
    assert healthy.verdict == "ok"
    assert f"process {pid} orders the changes" in healthy.found
    assert stuck.verdict == "fail"


def test_a_role_without_rights_is_told_which(database_url: str) -> None:
    role = f"visitor_{os.getpid()}"
    with session(database_url) as connection:
        connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
        try:
            found = findings(make_conninfo(database_url, options=f"-c role={role}"))
        finally:
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
    assert found["rights"].verdict == "fail"
    assert found["rights"].found == f"{role} does not own the schema tailboard"
    assert f"TO {role}" in found["rights"].advice


@pytest.mark.parametrize("schema", [False, True], ids=["none", "its own"])
def test_a_role_needs_a_schema_of_its_own_or_the_right_to_make_one(
    empty_database_url: str, *, schema: bool
) -> None:
    role = f"visitor_{os.getpid()}"
    name = sql.Identifier(role)
    with session(empty_database_url) as connection:
        connection.execute(sql.SQL("CREATE ROLE {}").format(name))
        if schema:
            connection.execute(sql.SQL("CREATE SCHEMA tailboard AUTHORIZATION {}").format(name))
        try:
            found = findings(make_conninfo(empty_database_url, options=f"-c role={role}"))
        finally:
            connection.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(name))
    lacks = "GRANT CREATE ON DATABASE" in found["rights"].advice
    assert lacks == (found["rights"].verdict == "fail") == (not schema)
    assert ("GRANT pg_monitor" in found["rights"].advice) == (found["rights"].verdict == "warn") == schema


SOURCES: list[tuple[list[str], str, str, str]] = [
    ([], "warn", "its rows have not been counted yet", "A running server counts them soon."),
    (["UPDATE tailboard.sources SET synced = true"], "ok", "every change is captured", ""),
    (
        [
            "UPDATE tailboard.sources SET synced = true",
            "INSERT INTO shop.orders (state) VALUES ('lost'), ('mislaid')",
        ],
        "fail",
        "2 changes or statuses could not be recorded; the last: ",
        "Correct the definition or the data",
    ),
    (
        [
            "UPDATE tailboard.sources SET synced = true",
            "INSERT INTO shop.orders (state) VALUES ('lost'), ('mislaid')",
            "INSERT INTO tailboard.upkeep (source, faults, counted_at) VALUES ('orders', 2, now())",
        ],
        "warn",
        "2 changes or statuses could not be recorded, and the rows have been counted since; the last: ",
        "Correct the definition or the data, or it happens again.",
    ),
    (["ALTER TABLE shop.orders DROP COLUMN state"], "fail", "columns have changed: state is gone", "renews"),
    (["ALTER TABLE shop.orders DISABLE TRIGGER ALL"], "fail", "a trigger of Tailboard's is disabled", "ENABLE TRIGGER"),
    (["DROP TABLE shop.orders"], "fail", "shop.orders is gone", "tailboard detach orders"),
]  # fmt: skip


@pytest.mark.parametrize(("statements", "verdict", "says", "advice"), SOURCES)
def test_each_adopted_source_has_a_line(
    database_url: str, statements: list[str], verdict: str, says: str, advice: str
) -> None:
    with session(database_url) as connection:
        make_orders(connection)
        attach_orders(database_url)
    do(database_url, *statements)
    finding = findings(database_url)["source orders"]
    assert (finding.verdict, says in finding.found, advice in finding.advice) == (verdict, True, True), (
        finding
    )
    assert bool(finding.advice) == bool(advice)


def test_a_listening_connection_that_cannot_be_made_is_a_finding(database_url: str) -> None:
    finding = findings(database_url, "postgresql://127.0.0.1:1/x")["listening"]
    assert finding.verdict == "fail"
    assert "TAILBOARD_LISTEN_URL" in finding.advice


def test_an_unreachable_database_is_one_finding() -> None:
    found = list(examine("postgresql://127.0.0.1:1/x"))
    assert [finding.verdict for finding in found] == ["fail"]
    assert found[0].check == "connection"


def test_a_database_without_tailboard_says_to_migrate(empty_database_url: str) -> None:
    found = findings(empty_database_url)
    assert found["schema"].advice == "Run `tailboard migrate`."
    assert "capture" not in found


def test_a_long_name_is_apart_from_what_is_said_of_it(database_url: str, nowhere: Path) -> None:
    with session(database_url) as connection:
        make_orders(connection)
        attach_orders(database_url, "procrastinate")
    said = rig.run(nowhere, "doctor", DATABASE_URL=database_url).stdout
    assert "source procrastinate its rows have not been counted" in said


def test_the_command_prints_a_table_or_json_and_its_exit_code_says_how_it_went(
    database_url: str, nowhere: Path
) -> None:
    plain = rig.run(nowhere, "doctor", DATABASE_URL=database_url)
    assert plain.returncode == 0
    assert "ok    schema" in plain.stdout
    assert "warn  sealing" in plain.stdout
    assert "\x1b" not in plain.stdout
    assert rig.run(nowhere, "doctor", "--strict", DATABASE_URL=database_url).returncode == 1
    do(database_url, "ALTER TABLE tailboard.jobs DISABLE TRIGGER tailboard_capture_update")
    scripted = rig.run(nowhere, "doctor", "--json", DATABASE_URL=database_url)
    assert scripted.returncode == 1
    verdicts = {item["check"]: item["verdict"] for item in json.loads(scripted.stdout)["findings"]}
    assert verdicts["capture"] == "fail"
