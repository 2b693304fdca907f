"""A server's processes are known for what they are, whoever has their number later."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from db.embedded.owners import AS_ROOT, Owners, ask, pid_of, write_jobs
from fixtures.waiting import wait_until
from tailboard.db.embedded import cluster, postmaster
from tailboard.db.embedded.server import EmbeddedServer


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


@pytest.mark.skipif(not (Path("/proc/self").exists() and shutil.which("ps")), reason="compares /proc with ps")
def test_an_empty_pid_file_keeps_no_server_from_starting(home: Path, owners: Owners) -> None:
    """A server leaves one that is killed as it begins."""
    server = owners.here(home)
    write_jobs(server.start())
    server.stop()
    (home / "postgres/data/postmaster.pid").touch()
    assert ask(owners.here(home).start(), "SELECT id FROM jobs") == 7


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
