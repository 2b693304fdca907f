"""What the tests of the embedded server stand on: owners of servers, in this process and in others."""

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg

from fixtures.server import SETTINGS
from tailboard.db.embedded import cluster, postmaster
from tailboard.db.embedded.postmaster import PidFile
from tailboard.db.embedded.server import EmbeddedServer

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
