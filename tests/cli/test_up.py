"""`tailboard up` and `serve` as processes: starting, stopping, and what survives."""

import asyncio
import os
import re
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from cli import rig
from tailboard.db.embedded.server import EmbeddedServer


def add_job(url: str, kind: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO tailboard.jobs (kind) VALUES (%s)", (kind,))


def kinds(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute("SELECT kind FROM tailboard.jobs")}


def until(condition: Callable[[], bool]) -> None:
    """Return once the condition holds; processes of other sessions give no signal to wait on."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_it_says_where_it_is_on_one_line_and_is_ready_by_then(board: rig.Process, board_url: str) -> None:
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", board_url)
    assert board.out == [f"Tailboard is ready: {board_url}"]
    assert rig.get(f"{board_url}/readyz").status_code == 200
    assert rig.get(f"{board_url}/livez").status_code == 200


def test_no_header_tells_what_serves_it(board_url: str) -> None:
    assert "server" not in rig.get(f"{board_url}/readyz").headers


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_a_signal_closes_every_stream_and_leaves_nothing_running(home: Path, number: int) -> None:
    async def watch(process: rig.Process, url: str) -> tuple[list[int | None], bytes, float]:
        ws = url.replace("http", "ws") + "/api/ws/jobs"
        async with (
            connect(ws, proxy=None) as plain,
            connect(ws, subprotocols=[Subprotocol("tailboard.v1")], proxy=None) as full,
            httpx.AsyncClient(timeout=15, trust_env=False) as client,
            client.stream("GET", f"{url}/api/events/stream") as stream,
        ):
            await full.send('{"type": "subscribe"}')
            chunks = stream.aiter_raw()
            # All three are served before the signal is sent.
            await asyncio.wait_for(plain.recv(), 10)
            while '"caught_up"' not in str(await asyncio.wait_for(full.recv(), 10)):
                pass
            seen = await asyncio.wait_for(anext(chunks), 10)
            took = asyncio.create_task(asyncio.to_thread(process.end, number))
            codes = [await closing_code(plain), await closing_code(full)]
            async for chunk in chunks:
                seen += chunk
            return codes, seen, await took

    with rig.Process(home, "up", "--port", "0") as process:
        codes, seen, took = asyncio.run(watch(process, process.url()))
        assert codes == [1012, 1012]
        assert b"event: " in seen
        assert took < 5
        assert process.popen.returncode == 0
        assert rig.server_is_gone(home)
        assert not [line for line in process.err if "ERROR" in line or "Traceback" in line]
        assert [line for line in process.err if "stopping: closing 3 connections" in line]


@pytest.mark.parametrize(("arguments", "code"), [(["up", "--port", "0"], 0), (["migrate"], 130)])
def test_a_signal_is_heard_while_another_node_migrates(
    database_url: str, nowhere: Path, arguments: list[str], code: int
) -> None:
    waits = """SELECT FROM pg_locks JOIN pg_database d ON d.oid = database
                WHERE locktype = 'advisory' AND NOT granted AND d.datname = current_database()"""
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(x'7461696C'::int, 2)")
        with rig.Process(nowhere, *arguments, DATABASE_URL=database_url) as process:
            until(lambda: other.execute(waits).rowcount == 1)
            assert process.end() < 5
            assert process.popen.returncode == code
            assert not [line for line in process.err if "error" in line or "Traceback" in line]
        until(lambda: other.execute(waits).rowcount == 0)


async def closing_code(connection: ClientConnection) -> int | None:
    try:
        async with asyncio.timeout(10):
            while True:
                await connection.recv()
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


def test_a_client_that_stays_silent_does_not_hold_up_the_end(home: Path) -> None:
    with rig.Process(home, "up", "--port", "0") as process:
        host, port = process.url().removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as half:
            half.sendall(b"POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{")
            assert process.end() < 5
        assert process.popen.returncode == 0
        assert rig.server_is_gone(home)


def test_a_restart_keeps_the_data(home: Path) -> None:
    last: set[str] = set()
    for kind in ("first", "second"):
        with rig.Process(home, "up", "--port", "0") as process:
            process.url()
            database = EmbeddedServer.find(home)
            assert database is not None
            add_job(database, kind)
            last = kinds(database)
            process.end()
    assert last == {"first", "second"}


def test_after_a_kill_the_next_one_takes_over(home: Path) -> None:
    with rig.Process(home, "up", "--port", "0") as process:
        process.url()
        database = EmbeddedServer.find(home)
        assert database is not None
        add_job(database, "before")
        process.popen.kill()
        process.wait()
    with rig.Process(home, "up", "--port", "0") as process:
        url = process.url()
        assert [job["kind"] for job in rig.get(f"{url}/api/jobs").json()["jobs"]] == ["before"]
        process.end()
        assert rig.server_is_gone(home)


def test_a_signal_before_it_is_ready_leaves_nothing_running(home: Path) -> None:
    with rig.Process(home, "up", "--port", "0") as process:
        process.wait_for("Starting PostgreSQL", where="err")
        process.end()
        assert process.popen.returncode == 0
        assert process.out == []
        assert rig.server_is_gone(home)


def test_a_signal_while_the_board_cannot_start_ends_it_soon(database_url: str, nowhere: Path) -> None:
    """Another session has the lead, and opens no log."""
    with (
        psycopg.connect(database_url) as leader,
        rig.Process(nowhere, "serve", "--port", "0", DATABASE_URL=database_url) as process,
    ):
        leader.execute("SELECT pg_advisory_lock(%s, 1)", [0x7461696C])
        process.wait_for("waiting for a sealer", where="err")
        assert process.end() < 5
        assert process.popen.returncode == 0


def test_a_signal_while_postgresql_does_not_answer_ends_it_soon(home: Path) -> None:
    with rig.Process(home, "up", "--port", "0") as former:
        former.url()
        former.popen.kill()
        former.wait()
    postmaster = int((home / "postgres/data/postmaster.pid").read_text().split()[0])
    os.kill(postmaster, signal.SIGSTOP)
    with rig.Process(home, "up", "--port", "0") as process:
        process.wait_for("Starting PostgreSQL", where="err")
        assert process.end() < 11, "a server that does not answer is replaced after ten seconds"
        assert process.popen.returncode == 0
    assert EmbeddedServer.find(home) is None


def test_an_empty_home_is_made_ready(short_folder: Path) -> None:
    home = short_folder / "fresh"
    with rig.Process(home, "up", "--port", "0") as process:
        assert rig.get(f"{process.url()}/readyz").status_code == 200
        process.end()
        assert rig.server_is_gone(home)


def test_a_port_in_use_is_an_error_before_anything_is_started(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = rig.run(home, "up", "--port", str(port))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        f"error: Port {port} on 127.0.0.1 is in use, perhaps by another Tailboard: "
        "choose another with --port or TAILBOARD_PORT.\n"
    )


def test_the_demo_works_beside_the_board_and_ends_with_it(home: Path) -> None:
    with rig.Process(home, "up", "--demo", "--port", "0") as process:
        url = process.url()
        until(lambda: len(workers_of(process)) == 2)
        children = workers_of(process)
        until(
            lambda: (
                {"reports-desk", "media-1"}
                <= {worker["name"] for worker in rig.get(f"{url}/api/workers").json()["workers"]}
            )
        )
        assert rig.get(f"{url}/api/stats").json()["stats"]["total"] > 0
        assert process.end() < 5
        assert not [child for child in children if child.is_running()]
        assert rig.server_is_gone(home)


def test_the_demos_workers_end_when_the_board_is_killed(home: Path) -> None:
    with rig.Process(home, "up", "--demo", "--port", "0") as process:
        process.url()
        until(lambda: len(workers_of(process)) == 2)
        children = workers_of(process)
        process.popen.kill()
        process.wait()
        _, alive = psutil.wait_procs(children, timeout=15)
        assert not alive
    # The server has outlived its owner on purpose; whoever comes next takes it over and takes it down.
    server = EmbeddedServer(home)
    server.start()
    server.stop()


def workers_of(process: rig.Process) -> list[psutil.Process]:
    """The demo's worker processes under this one."""
    found = []
    for child in psutil.Process(process.popen.pid).children():
        line = " ".join(child.cmdline())
        if "python_worker.py" in line or "sql_worker.sql" in line:
            found.append(child)
    return found


def test_another_address_needs_a_token(home: Path) -> None:
    done = rig.run(home, "up", "--host", "0.0.0.0", "--port", "0")
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "TAILBOARD_TOKEN" in done.stderr
    assert rig.server_is_gone(home)


def test_with_a_token_another_address_is_served(home: Path) -> None:
    settings = {"HOST": "0.0.0.0", "PORT": "0", "TOKEN": "s3cret", "LOG_LEVEL": "debug"}
    with rig.Process(home, "up", **settings) as process:
        url = process.url().replace("0.0.0.0", "127.0.0.1")
        assert rig.get(f"{url}/readyz").status_code == 200
        assert rig.get(f"{url}/api/jobs").status_code == 401
        assert rig.get(f"{url}/api/jobs", Authorization="Bearer wrong").status_code == 401
        assert rig.get(f"{url}/api/jobs", Authorization="Bearer s3cret").status_code == 200
        assert rig.get(f"{url}/api/jobs?token=s3cret").status_code == 200
        process.end()
        assert any("token=***" in line for line in process.err)
        assert "s3cret" not in process.said


@pytest.mark.parametrize(
    ("settings", "extension"), [({}, None), ({"COMPRESSION": "on"}, "permessage-deflate")], ids=["off", "on"]
)
async def test_compression_is_offered_only_when_asked_for(
    home: Path, settings: dict[str, str], extension: str | None
) -> None:
    with rig.Process(home, "up", "--port", "0", **settings) as process:
        url = await asyncio.to_thread(process.url)
        async with connect(url.replace("http", "ws") + "/api/ws/jobs", proxy=None) as connection:
            assert connection.response is not None
            agreed = connection.response.headers.get("Sec-WebSocket-Extensions")
            assert (agreed or "").split(";")[0] == (extension or "")


async def test_a_message_of_more_than_64_kib_closes_its_connection(board_url: str) -> None:
    async with connect(board_url.replace("http", "ws") + "/api/ws/jobs", proxy=None) as connection:
        await connection.send("x" * (64 * 1024 + 1))
        assert await closing_code(connection) == 1009


def test_serve_without_a_database_says_what_to_do(nowhere: Path) -> None:
    done = rig.run(nowhere, "serve", "--port", "0")
    assert done.returncode == 1
    assert "tailboard up" in done.stderr
    assert "TAILBOARD_DATABASE_URL" in done.stderr


def test_serve_refuses_a_database_that_was_not_migrated(empty_database_url: str, nowhere: Path) -> None:
    done = rig.run(nowhere, "serve", "--port", "0", DATABASE_URL=empty_database_url)
    assert done.returncode == 1
    assert "tailboard migrate" in done.stderr


def test_several_nodes_serve_one_database(database_url: str, short_folder: Path) -> None:
    settings = {"DATABASE_URL": database_url, "PORT": "0"}
    with (
        rig.Process(short_folder / "a", "serve", **settings) as first,
        rig.Process(short_folder / "b", "up", **settings) as second,
    ):
        urls = [first.url(), second.url()]
        add_job(database_url, "seen by both")
        for url in urls:
            until(lambda url=url: rig.get(f"{url}/api/stats").json()["stats"]["total"] == 1)
        first.end()
        second.end()
    assert kinds(database_url) == {"seen by both"}
    logged = [any("GET /api/stats" in line for line in process.err) for process in (first, second)]
    assert logged == [True, False], "serve logs requests, up does not"


def test_a_database_that_is_not_there_is_one_line(nowhere: Path) -> None:
    done = rig.run(nowhere, "up", "--port", "0", DATABASE_URL="postgresql://ada:hunter2@127.0.0.1:1/x")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: PostgreSQL is not available")


def test_debug_shows_where_an_error_came_from(nowhere: Path) -> None:
    done = rig.run(nowhere, "dsn", "--debug")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "target.py" in done.stderr


def test_a_second_ctrl_c_does_not_wait_for_anybody(home: Path) -> None:
    with rig.Process(home, "up", "--port", "0") as process:
        host, port = process.url().removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as half:
            half.sendall(
                b"POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                b"Content-Length: 1000\r\n\r\n{"
            )
            process.popen.send_signal(signal.SIGINT)
            # The board lets nobody in once it has heard the first one.
            until(lambda: refuses(host, int(port)))
            assert process.end(signal.SIGINT) < 1.5
        assert process.popen.returncode == 0
        assert rig.server_is_gone(home)


def refuses(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False
