"""A board behind a real PgBouncer in transaction mode, beside workers who use the same pooler."""

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tailboard.app import Node
from tailboard.db.doctor.examining import examine
from tailboard.db.doctor.findings import Verdict
from tailboard.db.schema import current_revision, migrate, require_newest
from tailboard.errors import InvalidSetting
from tailboard.settings import Settings
from web_node import client_of, delivered

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
PATHS = (
    "/api/jobs?limit=5",
    "/api/jobs?q=x&sort=priority",
    "/api/jobs/jobs/3",
    "/api/jobs/jobs/3/events",
    "/api/stats",
    "/api/events?after=1.0",
    "/api/workers",
    "/api/sources",
    "/readyz",
)

pytestmark = pytest.mark.skipif(PGBOUNCER is None, reason="there is no pgbouncer on this machine")


@pytest.fixture
def pooled_url(database_url: str, tmp_path: Path) -> Iterator[str]:
    """The database by way of a transaction pooler with three server connections."""
    assert PGBOUNCER is not None
    target = {"user": "postgres", **conninfo_to_dict(database_url)}
    target = {
        key: value for key, value in target.items() if key in {"host", "port", "dbname", "user", "password"}
    }
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    settings = tmp_path / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\nboard = {' '.join(f'{key}={value}' for key, value in target.items())}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\nunix_socket_dir =\n"
        "pool_mode = transaction\ndefault_pool_size = 3\nignore_startup_parameters = extra_float_digits\n"
    )
    command = [PGBOUNCER, str(settings)]
    host = Path(str(target.get("host", "")))
    if (
        os.geteuid() == 0
    ):  # as whom it refuses to run: it becomes the owner of the socket, who has to reach it
        command[1:1] = ["-u", host.owner() if host.is_absolute() else "nobody"]
        for folder in host.parents if host.is_absolute() else ():
            folder.chmod(folder.stat().st_mode | 0o011)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            assert any("process up" in line for line in process.stderr), "it did not start"
            yield f"postgresql://postgres@127.0.0.1:{port}/board"
        finally:
            process.terminate()


def require_untouched_sessions(pooled_url: str) -> None:
    """On every server connection of the pool a worker finds its own tables, by its own search path."""
    with ExitStack() as stack:
        for _ in range(3):  # transactions that are open together are on different connections
            worker = stack.enter_context(psycopg.connect(pooled_url, prepare_threshold=None))
            for name, value in (("search_path", '"$user", public'), ("enable_seqscan", "on")):
                assert worker.execute("SELECT current_setting(%s)", [name]).fetchone() == (value,)
            assert worker.execute("SELECT pg_listening_channels()").fetchall() == []


async def test_a_board_behind_a_pooler_answers_many_at_once_and_leaves_the_workers_sessions_alone(
    database_url: str, pooled_url: str, tmp_path: Path
) -> None:
    node = Node(Settings(home=tmp_path, listen_url=database_url), pooled_url)
    await node.start()
    try:
        async with await psycopg.AsyncConnection.connect(
            pooled_url, autocommit=True, prepare_threshold=None
        ) as worker:
            for _ in range(5):
                await worker.execute("INSERT INTO tailboard.jobs (kind) VALUES ('x')")
            await worker.execute(
                "UPDATE tailboard.jobs SET status = 'in_progress', worker = 'w' WHERE id < 4"
            )
            await delivered(node, worker)
            async with client_of(node) as client:
                for _ in range(4):
                    answers = await asyncio.gather(*[client.get(path) for path in PATHS for _ in range(4)])
                    assert [answer.text for answer in answers if answer.status_code != httpx.codes.OK] == []
                    retried = await client.post("/api/jobs/jobs/4/cancel")
                    assert retried.status_code in {httpx.codes.OK, httpx.codes.CONFLICT}
                    created = answers[0].json()["jobs"][0]["created_at"]
                    assert created.endswith("+00:00"), "times are UTC, whatever the session's zone is"
            require_untouched_sessions(pooled_url)
    finally:
        await node.stop()


def test_the_doctor_tells_that_a_pooler_stands_between_and_leaves_no_setting_behind(
    database_url: str, pooled_url: str
) -> None:
    without = {finding.check: finding for finding in examine(pooled_url)}
    assert without["listening"].verdict is Verdict.FAIL
    assert "TAILBOARD_LISTEN_URL" in without["listening"].advice
    beside = {finding.check: finding for finding in examine(pooled_url, database_url)}
    assert beside["listening"].verdict is Verdict.OK
    require_untouched_sessions(pooled_url)


@pytest.mark.parametrize("command", [current_revision, migrate, require_newest])
def test_without_a_way_round_the_pooler_no_command_begins_and_no_setting_is_left_behind(
    pooled_url: str, command: Callable[[str], object]
) -> None:
    with pytest.raises(InvalidSetting, match="TAILBOARD_LISTEN_URL"):
        command(pooled_url)
    require_untouched_sessions(pooled_url)


async def test_a_way_round_that_leads_to_another_database_is_refused(
    database_url: str, empty_database_url: str, tmp_path: Path
) -> None:
    await asyncio.to_thread(migrate, empty_database_url)
    node = Node(Settings(home=tmp_path, listen_url=empty_database_url), database_url)
    try:
        with pytest.raises(InvalidSetting, match="TAILBOARD_LISTEN_URL leads to another database"):
            await node.start()
    finally:
        await node.stop()
    found = {finding.check: finding for finding in examine(database_url, empty_database_url)}
    assert found["listening"].verdict is Verdict.FAIL
    assert found["listening"].found.startswith("it leads to another database, ")


def test_the_doctor_makes_do_with_the_one_server_connection_that_workers_leave(pooled_url: str) -> None:
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(psycopg.connect(pooled_url)).execute("SELECT")  # and stays in its transaction
        found = {finding.check: finding.verdict for finding in examine(pooled_url)}
    assert found["listening"] is Verdict.FAIL
    assert found["schema"] is Verdict.OK
