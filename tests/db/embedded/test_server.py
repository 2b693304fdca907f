"""The embedded server: it keeps its data, and neither kill -9 nor company strands it."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from fixtures.server import SETTINGS
from fixtures.waiting import wait_until
from tailboard.db.embedded import cluster, installation, postmaster
from tailboard.db.embedded.postmaster import PidFile
from tailboard.db.embedded.server import EmbeddedServer
from tailboard.errors import EmbeddedServerError

AS_ROOT = os.geteuid() == 0

# Starts the server as another owner would, says so, and leaves cleanly when its standard input ends.
OWNER = """
import os, sys
from pathlib import Path
import psycopg
from tailboard.db.embedded.server import EmbeddedServer
home, uid, gid = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
if uid != os.geteuid():
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
server = EmbeddedServer(home, settings={"fsync": "off"})
print(server.start(), flush=True)
sys.stdin.read()
server.stop()
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A home whose server is gone at the end, whatever became of its owners."""
    # Short, unlike tmp_path: a socket's path has its limit.
    folder = Path(tempfile.mkdtemp(prefix="tb"))
    yield folder
    for data in folder.rglob("postgres/data"):
        postmaster.kill_all(cluster.cluster_name(data), within=10)
    shutil.rmtree(folder)


class Owners:
    """Makes owners of servers, in this process or in others, that are gone at the end of the test."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def here(self, home: Path, **arguments: Any) -> EmbeddedServer:
        server = EmbeddedServer(home, **{"settings": SETTINGS, **arguments})
        self._stack.callback(server.stop)
        return server

    def elsewhere(
        self, home: Path, uid: int | None = None, gid: int = 0
    ) -> tuple[subprocess.Popen[str], str]:
        """A process that owns the server, and the URL it said."""
        uid = os.geteuid() if uid is None else uid
        process = subprocess.Popen(
            [sys.executable, "-c", OWNER, str(home), str(uid), str(gid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._stack.enter_context(process)
        self._stack.callback(process.kill)
        assert process.stdout is not None
        return process, process.stdout.readline().strip()


@pytest.fixture
def owners(home: Path) -> Iterator[Owners]:
    with ExitStack() as stack:
        yield Owners(stack)


def pid_of(home: Path) -> int:
    found = PidFile.read(home / "postgres" / "data")
    assert found is not None
    return found.pid


def is_alive(home: Path, pid: int) -> bool:
    return postmaster.is_alive(pid, cluster.cluster_name(home / "postgres" / "data"))


def ask(url: str, query: str) -> Any:
    with psycopg.connect(url, connect_timeout=10) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def write_jobs(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE jobs AS SELECT 7 AS id")


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


@pytest.fixture(scope="module")
def shared() -> Iterator[EmbeddedServer]:
    """A server with the settings that users get."""
    folder = Path(tempfile.mkdtemp(prefix="tb"))
    with EmbeddedServer(folder) as server:
        yield server
    shutil.rmtree(folder)


def test_only_its_owner_may_look_into_its_folders(shared: EmbeddedServer) -> None:
    top = shared._home / "postgres"
    assert [(top / name).stat().st_mode & 0o777 for name in ("data", "socket")] == [0o700, 0o700]
    assert top.stat().st_mode & 0o066 == 0
    assert (top / "postgres.log").stat().st_mode & 0o077 == 0


def test_an_owner_killed_leaves_a_server_that_the_next_one_adopts(home: Path, owners: Owners) -> None:
    process, url = owners.elsewhere(home)
    write_jobs(url)
    pid = pid_of(home)
    process.kill()
    process.wait()
    assert EmbeddedServer.find(home) == url

    server = owners.here(home)
    assert ask(server.start(), "SELECT id FROM jobs") == 7
    assert pid_of(home) == pid
    server.stop()
    assert not is_alive(home, pid)


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
        stack.callback(lambda: [process.kill() for process in processes])
        urls = {process.stdout.readline() for process in processes if process.stdout}
        assert len(urls) == 1
        pid = pid_of(home)
        for process in processes:
            assert process.stdin is not None
            process.stdin.close()
        assert [process.wait(timeout=20) for process in processes] == [0] * 4
    assert not is_alive(home, pid)


def test_a_killed_server_is_started_again_by_its_owner(home: Path, owners: Owners) -> None:
    server = owners.here(home)
    write_jobs(server.start())
    pid = pid_of(home)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: EmbeddedServer.find(home) and pid_of(home) != pid, timeout=30)
    assert ask(server.url, "SELECT id FROM jobs") == 7


def test_a_server_killed_with_all_its_processes_comes_back_on_start(home: Path, owners: Owners) -> None:
    process, url = owners.elsewhere(home)
    write_jobs(url)
    name = cluster.cluster_name(home / "postgres" / "data")
    process.kill()
    process.wait()
    assert len(postmaster.processes(name)) > 1
    assert postmaster.kill_all(name, within=10)

    assert ask(owners.here(home).start(), "SELECT id FROM jobs") == 7


def test_a_backend_that_outlives_its_killed_server_does_not_block_the_next(
    home: Path, owners: Owners
) -> None:
    process, url = owners.elsewhere(home)
    # A backend that computes does not notice that its postmaster is gone, and keeps the shared memory.
    with closing(psycopg.connect(url, autocommit=True)) as busy:
        backend = busy.info.backend_pid
        busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 1000000000)")
        name = cluster.cluster_name(home / "postgres" / "data")
        process.kill()
        process.wait()
        os.kill(pid_of(home), signal.SIGKILL)
        assert postmaster.is_alive(backend, name)

        assert ask(owners.here(home).start(), "SELECT 1") == 1
        assert not postmaster.is_alive(backend, name)


def test_a_server_that_hangs_is_replaced(home: Path, owners: Owners, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_ANSWER_WITHIN", 1.0)
    process, url = owners.elsewhere(home)
    write_jobs(url)
    pid = pid_of(home)
    process.kill()
    process.wait()
    os.kill(pid, signal.SIGSTOP)

    assert ask(owners.here(home).start(), "SELECT id FROM jobs") == 7
    assert pid_of(home) != pid


@pytest.mark.skipif(not (Path("/proc/self").exists() and shutil.which("ps")), reason="compares /proc with ps")
def test_processes_are_found_alike_without_proc(
    shared: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, pid = cluster.cluster_name(shared._home / "postgres" / "data"), pid_of(shared._home)

    def without_proc() -> tuple[int, ...]:
        with monkeypatch.context() as patch:
            patch.setattr(postmaster, "_PROC", Path("/nowhere"))
            assert postmaster.is_alive(pid, name)
            assert not postmaster.is_alive(os.getpid(), name)
            return postmaster.processes(name)

    # Autovacuum comes and goes between the two looks.
    wait_until(lambda: sorted(without_proc()) == sorted(postmaster.processes(name)))
    assert pid in postmaster.processes(name)
    assert postmaster.processes(name[:-1]) == ()


def test_a_stale_pid_file_that_names_a_stranger_is_not_believed(home: Path, owners: Owners) -> None:
    server = owners.here(home)
    write_jobs(server.start())
    pid_file = home / "postgres" / "data" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    server.stop()
    # PostgreSQL itself sees through it when the stranger is another user's.
    user = pid_file.parent.stat().st_uid if AS_ROOT else None
    with subprocess.Popen(["sleep", "60"], user=user) as stranger:
        # What a crash leaves, after which the id was given to somebody else: common in containers.
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        shutil.chown(pid_file, pid_file.parent.stat().st_uid, pid_file.parent.stat().st_gid)
        assert EmbeddedServer.find(home) is None
        assert ask(owners.here(home).start(), "SELECT id FROM jobs") == 7
        assert stranger.poll() is None
        stranger.kill()


def test_a_creation_cut_short_is_begun_anew(home: Path, owners: Owners) -> None:
    (home / "postgres" / "data.new" / "base").mkdir(parents=True)
    assert ask(owners.here(home).start(), "SELECT 1") == 1


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


def test_a_server_that_will_not_stop_is_stopped_by_force(
    home: Path, owners: Owners, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_FAST_STOP_WITHIN", 0.2)
    server = owners.here(home)
    write_jobs(server.start())
    pid = pid_of(home)
    os.kill(pid, signal.SIGSTOP)
    server.stop()
    assert not is_alive(home, pid)
    assert ask(owners.here(home).start(), "SELECT id FROM jobs") == 7


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


@pytest.mark.parametrize(
    "name", ["with space", "with,comma", "with%percent&amp", "mit ümlaut", 'it\'s "quoted"']
)
def test_any_name_of_a_home_will_do(home: Path, owners: Owners, name: str) -> None:
    url = owners.here(home / name).start()
    assert ask(url, "SELECT current_database()") == "tailboard"
    assert EmbeddedServer.find(home / name) == url


def test_data_of_another_major_version_is_refused(home: Path, owners: Owners) -> None:
    server = owners.here(home)
    server.start()
    server.stop()
    (home / "postgres" / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedServerError, match=r"made by PostgreSQL 9 .* pg_dump"):
        owners.here(home).start()


def test_foreign_files_in_the_data_folder_are_left_alone(home: Path, owners: Owners) -> None:
    data = home / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "thesis.txt").write_text("years of work")
    with pytest.raises(EmbeddedServerError, match="move it away"):
        owners.here(home).start()
    assert (data / "thesis.txt").exists()


def test_a_home_that_is_a_file_is_an_error(home: Path, owners: Owners) -> None:
    (home / "file").touch()
    with pytest.raises(EmbeddedServerError, match="is not a folder"):
        owners.here(home / "file").start()


def test_a_server_that_cannot_start_says_why_and_leaves_nothing(home: Path, owners: Owners) -> None:
    with pytest.raises(EmbeddedServerError, match=r"max_connections.*postgres\.log"):
        owners.here(home, settings={"max_connections": "-1", "fsync": "off"}).start()
    assert postmaster.processes(cluster.cluster_name(home / "postgres" / "data")) == ()
    assert ask(owners.here(home).start(), "SELECT 1") == 1


def test_programs_that_are_missing_are_an_error(home: Path, owners: Owners) -> None:
    with pytest.raises(EmbeddedServerError, match="no PostgreSQL server program"):
        owners.here(home, bin_dir=home).start()


def test_the_log_is_bounded(home: Path, owners: Owners, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "LOG_LIMIT", 4096)
    log = home / "postgres" / "postgres.log"
    with psycopg.connect(owners.here(home).start(), autocommit=True) as connection:

        def complain_until_it_is_cut() -> bool:
            with pytest.raises(psycopg.errors.UndefinedColumn):
                connection.execute("SELECT " + "x" * 100)
            return log.with_suffix(".log.1").exists()

        wait_until(complain_until_it_is_cut, timeout=30)
        with pytest.raises(psycopg.errors.UndefinedColumn):
            connection.execute("SELECT after_the_cut")
    assert "after_the_cut" in log.read_text()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_named(home: Path, owners: Owners, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_SPACE_NEEDED", 1 << 62)
    with pytest.raises(EmbeddedServerError, match=r"no space left .*free some"):
        owners.here(home).start()


# Root and others


def unprivileged() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")


@pytest.mark.skipif(not AS_ROOT, reason="only root can become another user")
def test_an_ordinary_user_runs_it_as_himself(home: Path, owners: Owners) -> None:
    user = unprivileged()
    os.chown(home, user.pw_uid, user.pw_gid)
    process, url = owners.elsewhere(home, user.pw_uid, user.pw_gid)
    assert url, "the programs must be readable for others: is the checkout below /root?"
    assert ask(url, "SELECT current_database()") == "tailboard"
    assert (home / "postgres" / "data").stat().st_uid == user.pw_uid
    assert (home / "postgres").stat().st_mode & 0o777 == 0o700

    # Root may step in, and the user come back.
    server = owners.here(home)
    assert server.start() == url
    process.kill()
    process.wait()
    server.stop()
    process, again = owners.elsewhere(home, user.pw_uid, user.pw_gid)
    assert again == url


@pytest.mark.skipif(not AS_ROOT, reason="only root can become another user")
def test_a_home_that_may_not_be_written_is_an_error(home: Path) -> None:
    user = unprivileged()
    home.chmod(0o755)
    said = subprocess.run(
        [sys.executable, "-c", OWNER, str(home / "new"), str(user.pw_uid), str(user.pw_gid)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    last = said.stderr.strip().splitlines()[-1]
    assert last.startswith("tailboard.errors.EmbeddedServerError")
    assert f"cannot be used by user id {user.pw_uid} (Permission denied)" in last
    assert "TAILBOARD_HOME" in last


@pytest.mark.skipif(not AS_ROOT, reason="root alone hands the server to another account")
def test_root_needs_not_open_its_home(home: Path, owners: Owners) -> None:
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    url = owners.here(closed / "share").start()
    write_jobs(url)
    assert closed.stat().st_mode & 0o777 == 0o700
    assert (closed / "share" / "postgres" / "data").stat().st_uid != 0
    owner = Path(f"/proc/{pid_of(closed / 'share')}").stat().st_uid
    assert owner == (closed / "share" / "postgres" / "data").stat().st_uid


@pytest.mark.skipif(not AS_ROOT, reason="root alone hands the server to another account")
def test_root_may_have_its_programs_where_nobody_else_can_go(
    home: Path, owners: Owners, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, copies = home / "closed", home / "copies"
    closed.mkdir(mode=0o700)
    copies.mkdir()
    copies.chmod(0o755)
    home.chmod(0o755)
    package = installation.packaged_bin_dir().parent.parent
    for folder in (package, package.with_name(package.name + ".libs")):
        shutil.copytree(folder, closed / folder.name, ignore=shutil.ignore_patterns("include"))
    monkeypatch.setattr(installation, "packaged_bin_dir", lambda: closed / package.name / "pginstall" / "bin")
    monkeypatch.setattr(installation, "_COPIES", (copies,))

    server = owners.here(home / "home")
    assert ask(server.start(), "SELECT 1") == 1
    (copy,) = copies.iterdir()
    assert copy.stat().st_uid == 0
    assert copy.stat().st_mode & 0o777 == 0o755
    server.stop()
    owners.here(home / "home").start()
    assert list(copies.iterdir()) == [copy]


@pytest.mark.skipif(not AS_ROOT, reason="root alone can give files away")
def test_data_that_root_has_copied_is_given_back(home: Path, owners: Owners) -> None:
    server = owners.here(home)
    write_jobs(server.start())
    server.stop()
    data = home / "postgres" / "data"
    for path in [*data.rglob("*"), data]:
        os.chown(path, 0, 0)
    assert ask(owners.here(home).start(), "SELECT id FROM jobs") == 7
