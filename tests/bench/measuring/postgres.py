"""The PostgreSQL that is measured on, its writers, and how far its log is sealed."""

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg

from tailboard.db.embedded.installation import packaged_bin_dir
from tailboard.db.embedded.server import EmbeddedServer
from tailboard.db.schema import migrate

_PGBENCH: Final = packaged_bin_dir() / "pgbench"
_SETTINGS: Final = {
    "max_wal_size": "8GB",
    "shared_buffers": "512MB",
    "checkpoint_timeout": "30min",
    "max_connections": "300",
}

# Only the log's end is looked at: everything before it was sealed when this was asked before.
_SEALED: Final = """
    SELECT NOT EXISTS (SELECT FROM tailboard.changes WHERE seq >= (
               SELECT coalesce(max(upper(seqs)), 0)
                 FROM (SELECT seqs FROM tailboard.ticks ORDER BY tick_id DESC LIMIT 100) AS newest)),
           tailboard.cursor()
"""


class Place(NamedTuple):
    """A migrated database, and a folder for what belongs to the run."""

    url: str
    home: Path


@contextlib.contextmanager
def postgres(**settings: str) -> Iterator[Place]:
    """An embedded PostgreSQL with fsync on and Tailboard's schema; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="tailboard-bench-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        server = EmbeddedServer(home / "pg", settings={**_SETTINGS, **settings})
        url = server.start()
        try:
            migrate(url)
            yield Place(url, home)
        finally:
            server.stop()


@contextlib.contextmanager
def pgbench(
    place: Place, scripts: Mapping[str, int], *, clients: int, seconds: float, options: Sequence[str] = ()
) -> Iterator[subprocess.Popen[str]]:
    """pgbench with prepared statements: scripts by weight, for so many seconds or until left."""
    command: list[str | Path] = [
        _PGBENCH, "-n", "-M", "prepared", "-c", str(clients), "-j", str(min(2, clients)), "-T", str(int(seconds)),
        *options,
    ]  # fmt: skip
    for number, (script, weight) in enumerate(scripts.items()):
        path = place.home / f"pgbench-{number}.sql"
        path.write_text(script)
        command += ["-f", f"{path}@{weight}"]
    with subprocess.Popen(
        [*command, place.url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def tps(process: subprocess.Popen[str], seconds: float) -> float:
    """Wait for a pgbench to end; its transactions per second."""
    out, err = process.communicate(timeout=seconds + 60)
    for line in out.splitlines():
        if line.startswith("tps"):
            return float(line.split()[2])
    raise RuntimeError(f"pgbench said nothing of its speed: {err}")


def one(url: str, statement: str) -> Any:
    """The only row of a query."""
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement.encode()).fetchone()


def pid(place: Place) -> int:
    """The postmaster's."""
    return int((place.home / "pg/postgres/data/postmaster.pid").read_text().split()[0])


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def sealed(url: str, within: float = 120) -> str:
    """Wait until a node has sealed every change that is committed; the cursor there."""
    deadline = time.monotonic() + within
    with psycopg.connect(url, autocommit=True) as connection:
        while time.monotonic() < deadline:
            row = connection.execute(_SEALED).fetchone()
            if row is not None and row[0]:
                return str(row[1])
            time.sleep(0.05)
    raise TimeoutError(f"the log was not sealed within {within:g} s")
