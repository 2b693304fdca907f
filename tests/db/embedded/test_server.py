"""The embedded server: it keeps its data, its owners share it, and nobody else may look into it."""

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from db.embedded.owners import OWNER, Owners, ask, is_alive, pid_of, write_jobs
from fixtures.waiting import wait_until
from tailboard.db.embedded import cluster, installation, sockets
from tailboard.db.embedded.postmaster import PidFile
from tailboard.db.embedded.server import EmbeddedServer
from tailboard.errors import EmbeddedServerError


def test_a_restart_keeps_the_data(home: Path, owners: Owners) -> None:
    server = owners.here(home)
    write_jobs(server.start())
    server.stop()
    assert not server.running
    assert EmbeddedServer.find(home) is None

    again = owners.here(home)
    assert ask(again.start(), "SELECT id FROM jobs") == 7


def test_start_and_stop_are_safe_twice(home: Path, owners: Owners) -> None:
    server = owners.here(home)
    server.stop()
    first, pid = server.start(), pid_of(home)
    assert server.start() == first == server.url == EmbeddedServer.find(home)
    assert pid_of(home) == pid
    assert server.running
    server.stop()
    server.stop()
    assert not is_alive(home, pid)


def test_the_url_before_a_start_is_an_error(home: Path) -> None:
    with pytest.raises(EmbeddedServerError, match="has not been started"):
        _ = EmbeddedServer(home).url


def test_psql_takes_the_url(home: Path, owners: Owners) -> None:
    psql = shutil.which("psql") or installation.packaged_bin_dir() / "psql"
    environment = {"PATH": os.defpath, "PGPORT": "1", "PGHOST": "127.0.0.1", "PGDATABASE": "elsewhere"}
    said = subprocess.run(
        [psql, owners.here(home).start(), "-XAtc", "SELECT current_database()"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "tailboard\n"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("TimeZone", "UTC"),
        ("server_encoding", "UTF8"),
        ("listen_addresses", ""),
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("max_connections", "200"),
    ],
)
def test_the_server_is_durable_private_and_in_utc(shared: EmbeddedServer, setting: str, value: str) -> None:
    assert ask(shared.url, f"SHOW {setting}") == value


def test_only_its_owner_may_look_into_its_folders(shared: EmbeddedServer) -> None:
    top = shared._home / "postgres"
    assert [(top / name).stat().st_mode & 0o777 for name in ("data", "socket")] == [0o700, 0o700]
    assert top.stat().st_mode & 0o066 == 0
    assert (top / "postgres.log").stat().st_mode & 0o077 == 0


def test_the_last_of_two_owners_stops_the_server(home: Path, owners: Owners) -> None:
    process, url = owners.elsewhere(home)
    server = owners.here(home)
    assert server.start() == url

    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=20) == 0
    assert ask(url, "SELECT 1") == 1
    server.stop()
    assert EmbeddedServer.find(home) is None


def test_two_owners_in_one_process_count_as_two(home: Path, owners: Owners) -> None:
    first, second = owners.here(home), owners.here(home)
    assert first.start() == second.start()
    first.stop()
    assert ask(second.url, "SELECT 1") == 1
    second.stop()
    assert EmbeddedServer.find(home) is None


def test_owners_that_come_at_once_share_one_server(home: Path, owners: Owners) -> None:
    arguments = [sys.executable, "-c", OWNER, str(home), str(os.geteuid()), "0"]
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            for _ in range(4)
        ]
        for process in processes:
            stack.callback(process.kill)
        urls = {process.stdout.readline() for process in processes if process.stdout}
        assert len(urls) == 1
        pid = pid_of(home)
        for process in processes:
            assert process.stdin is not None
            process.stdin.close()
        assert [process.wait(timeout=20) for process in processes] == [0] * 4
    assert not is_alive(home, pid)


def test_stopping_disconnects_clients_and_is_clean(home: Path, owners: Owners) -> None:
    server = owners.here(home)
    with psycopg.connect(server.start()) as connection:
        connection.execute("CREATE TABLE uncommitted ()")
        server.stop()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    log = (home / "postgres" / "postgres.log").read_text()
    assert log.rstrip().endswith("database system is shut down")
    assert not (home / "postgres" / "data" / "postmaster.pid").exists()


def test_a_path_too_long_for_a_socket_gets_a_short_one(home: Path, owners: Owners) -> None:
    long = home / ("long" * 20) / ("longer" * 15)
    server = owners.here(long)
    url = server.start()
    write_jobs(url)
    found = PidFile.read(long / "postgres" / "data")
    assert found is not None
    folder = Path(found.socket_folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert EmbeddedServer.find(long) == url
    server.stop()
    assert not folder.exists()
    assert ask(owners.here(long).start(), "SELECT id FROM jobs") == 7


def test_a_short_folder_for_a_socket_that_another_has_laid_out_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with tempfile.TemporaryDirectory(prefix="tb", dir="/tmp") as base:
        monkeypatch.setattr(tempfile, "tempdir", base)
        long, trap = Path("/", "long" * 30), Path(base, "trap")
        ours = Path(sockets.folder_to_use(long, None))
        assert ours == Path(sockets.folder_to_use(long, None)), "found again"
        ours.rmdir()
        trap.mkdir()
        trap.chmod(0o755)
        ours.symlink_to(trap)
        other = Path(sockets.folder_to_use(long, None))
        assert (other.parent, other.is_symlink(), other == ours) == (Path(base), False, False)
        assert trap.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    "name", ["with space", "with,comma", "with%percent&amp", "mit ümlaut", 'it\'s "quoted"']
)
def test_any_name_of_a_home_will_do(home: Path, owners: Owners, name: str) -> None:
    url = owners.here(home / name).start()
    assert ask(url, "SELECT current_database()") == "tailboard"
    assert EmbeddedServer.find(home / name) == url


def test_the_log_is_bounded(home: Path, owners: Owners, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "LOG_LIMIT", 4096)
    log = home / "postgres" / "postgres.log"
    with psycopg.connect(owners.here(home).start(), autocommit=True) as connection:

        def complain_until_it_is_cut() -> bool:
            with pytest.raises(psycopg.errors.UndefinedColumn):
                connection.execute("SELECT " + "x" * 100)
            return log.with_suffix(".log.1").exists() and log.stat().st_size <= cluster.LOG_LIMIT

        wait_until(complain_until_it_is_cut, timeout=30)
        with pytest.raises(psycopg.errors.UndefinedColumn):
            connection.execute("SELECT after_the_cut")
    assert "after_the_cut" in log.read_text()
