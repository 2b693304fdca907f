"""Whatever was killed, hangs or was cut short: the next start serves the same data."""

import os
import signal
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from db.embedded.owners import Owners, ask, is_alive, pid_of, write_jobs
from fixtures.waiting import wait_until
from tailboard.db.embedded import cluster, postmaster
from tailboard.db.embedded.server import EmbeddedServer


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


def test_a_creation_cut_short_is_begun_anew(home: Path, owners: Owners) -> None:
    (home / "postgres" / "data.new" / "base").mkdir(parents=True)
    assert ask(owners.here(home).start(), "SELECT 1") == 1
