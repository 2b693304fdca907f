"""A PostgreSQL server of the harness's own: a data folder, a port on loopback, and all that can happen to it."""

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import psycopg

from faults.hard_end import children
from tailboard.db.embedded.installation import Account, Installation

SETTINGS: Final = {
    "fsync": "off",  # what is tested are crashes of PostgreSQL, not of the kernel
    "shared_buffers": "64MB",
    "max_connections": "200",
    "max_prepared_transactions": "20",
    "max_wal_senders": "8",
    "wal_keep_size": "256MB",
    "checkpoint_timeout": "30s",
    "autovacuum_naptime": "10s",
    "jit": "off",
    "log_checkpoints": "off",
    "timezone": "UTC",
}
_START_WITHIN_S: Final = 60.0
_LAST_WORDS: Final = 25
_GIVEN_PORTS: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_PATIENCE: Final = "-c lock_timeout=60s -c statement_timeout=120s"
"""What the harness itself asks ends with an error that names it, where a fault has left a lock behind."""


class Postgres:
    """One server, not running until `start`. Methods block: call them in a thread."""

    def __init__(self, folder: Path, *, settings: Mapping[str, str] | None = None) -> None:
        bin_dir = os.environ.get("TAILBOARD_TEST_PG_BIN")
        self.folder = folder
        self.data = folder / "data"
        self.account = Account.to_run_as(None)
        self.installation = Installation.find(None if bin_dir is None else Path(bin_dir), self.account)
        self.port = _free_port()
        self.environment: dict[str, str] = {}
        """Further variables for the server, such as a preloaded library."""
        self._settings = {**SETTINGS, **(settings or {})}
        if self.installation.major >= 17:
            self._settings.setdefault("max_notify_queue_pages", "64")
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._own(folder)

    @property
    def url(self) -> str:
        return self.url_of("tailboard")

    def url_of(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}?connect_timeout=5"

    def create(self) -> None:
        """A fresh cluster."""
        self.data.mkdir(mode=0o700)
        self._own(self.data)
        arguments = ["-U", "postgres", "-E", "UTF8", "--locale=C", "-A", "trust", "--no-sync"]
        made = self.installation.initdb(arguments, self.data)
        assert made.returncode == 0, made.stderr

    def copy(self, primary: "Postgres", *, through_port: int) -> None:
        """A streaming standby of `primary`, whose stream of WAL comes through `through_port`."""
        self.program(
            "pg_basebackup", "-D", str(self.data), "-h", "127.0.0.1", "-p", str(primary.port),
            "-U", "postgres", "--checkpoint=fast", "--wal-method=stream", "--no-sync",
        )  # fmt: skip
        with (self.data / "postgresql.auto.conf").open("a") as file:
            file.write(f"primary_conninfo = 'host=127.0.0.1 port={through_port} user=postgres'\n")
        (self.data / "standby.signal").touch()
        self._own(self.data / "standby.signal")

    def start(self) -> None:
        """Return when it answers, be it as a primary or as a standby."""
        given = {
            **self._settings,
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
        }
        arguments = [part for name, value in given.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "postgres.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self.installation.bin_dir / "postgres"), "-D", str(self.data), *arguments],
                **self._as(),
                cwd="/",
                env={"PATH": os.defpath, "LC_ALL": "C", **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_WITHIN_S
        while not self._answers():
            assert self._process.poll() is None, f"PostgreSQL ended:\n{self.last_words()}"
            assert time.monotonic() < deadline, f"PostgreSQL does not answer:\n{self.last_words()}"
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it, by default in order (`fast`). SIGQUIT is an immediate stop, SIGKILL not even that."""
        process, self._process = self._process, None
        if process is None:
            return
        if how is signal.SIGKILL:
            for pid in children(process.pid):
                _kill(pid)
        process.send_signal(how)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)
            process.wait(timeout=20)
        _wait_for_the_end_of_its_children(self.data)

    @property
    def runs(self) -> bool:
        return self._process is not None

    def promote(self) -> None:
        with self.connect("postgres") as connection:
            assert connection.execute("SELECT pg_promote(wait_seconds => 30)").fetchone() == (True,)

    def restore(self, dump: bytes) -> None:
        """Fill the database `tailboard`, which must not exist yet, from what `dump` gave."""
        with self.connect("postgres") as connection:
            connection.execute("CREATE DATABASE tailboard")
        self.program("psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.url, feed=dump)

    def dump(self) -> bytes:
        return self.program("pg_dump", "-d", self.url)

    def connect(self, database: str = "tailboard", **arguments: Any) -> psycopg.Connection[Any]:
        return psycopg.connect(
            self.url_of(database), **{"autocommit": True, "options": _PATIENCE, **arguments}
        )

    def program(self, name: str, *arguments: str, feed: bytes = b"") -> bytes:
        """Run one of PostgreSQL's own programs and return what it wrote."""
        done = subprocess.run(
            [str(self.installation.bin_dir / name), *arguments],
            **self._as(),
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C"},
            input=feed,
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{name}: {done.stderr.decode(errors='replace')}"
        said: bytes = done.stdout
        return said

    def last_words(self) -> str:
        """The end of its log, or nothing before it was started."""
        log = self.folder / "postgres.log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        return "\n".join(lines[-_LAST_WORDS:])

    def _answers(self) -> bool:
        """It does, and nobody else who has come by its port."""
        try:
            with self.connect("postgres") as connection:
                row = connection.execute("SHOW data_directory").fetchone()
        except psycopg.OperationalError:
            return False
        return row == (str(self.data),)

    def _own(self, path: Path) -> None:
        if self.account is not None:
            os.chown(path, self.account.uid, self.account.gid)

    def _as(self) -> dict[str, Any]:
        if self.account is None:
            return {}
        return {"user": self.account.uid, "group": self.account.gid, "extra_groups": []}


def _free_port() -> int:
    """One that the kernel gives nobody who asks for any port: it stays free while the server is down."""
    lowest_given = int(_GIVEN_PORTS.read_text().split()[0])
    while True:
        port = random.randrange(lowest_given // 2, lowest_given)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _wait_for_the_end_of_its_children(data: Path) -> None:
    """Backends notice the end of the first process by themselves; until then a new server cannot start."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        here = str(data)
        if not any(_works_in(process, here) for process in Path("/proc").glob("[0-9]*/cwd")):
            return
        time.sleep(0.02)


def _works_in(link: Path, folder: str) -> bool:
    try:
        return str(link.readlink()) == folder
    except OSError:
        return False
