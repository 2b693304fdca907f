"""One private PostgreSQL cluster, and the server on it: started, adopted, replaced and stopped.

Who may do so at a time, and who still needs it, is the business of `server.py`.
"""

import contextlib
import logging
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import psycopg

from tailboard.db.embedded import data_folder, postmaster, sockets
from tailboard.db.embedded.explaining import failed
from tailboard.db.embedded.installation import Installation
from tailboard.db.embedded.postmaster import PidFile
from tailboard.db.embedded.private import open_private, own_folder
from tailboard.errors import EmbeddedServerError

logger = logging.getLogger(__name__)

SETTINGS: Final[Mapping[str, str]] = {
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "1GB",
    "random_page_cost": "1.1",
    "jit": "off",
    # Job tables are small and change all the time: vacuum them early and often.
    "autovacuum_naptime": "15s",
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_analyze_scale_factor": "0.05",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %d ",
}
"""What differs from PostgreSQL's defaults. Durability does not."""

DATABASE: Final = "tailboard"
LOG_LIMIT: Final = 8 * 1024 * 1024
"""Bytes of log before it begins anew; as much again is kept of what was before."""

_ANSWER_WITHIN: Final = 10.0  # seconds a server that calls itself ready may keep silent before it is replaced
_START_WITHIN: Final = 180.0  # seconds for recovery after a crash
_FAST_STOP_WITHIN: Final = 3.5  # then an immediate stop, and the next start recovers
_IMMEDIATE_STOP_WITHIN: Final = 0.7


def url_of_running(top: Path) -> str | None:
    """The URL of the server below `top` if one runs and answers, whoever started it. Raises OSError."""
    found = PidFile.read(top / "data")
    if found is None or not postmaster.is_alive(found.pid, cluster_name(top / "data")):
        return None
    folder = sockets.folder_of(top, found)
    return sockets.url(folder, DATABASE) if sockets.answers(folder) else None


class Cluster:
    """The cluster below `top`, for one caller at a time. Raises OSError and EmbeddedServerError.

    Setting `leaving` makes a start that is under way give up.
    """

    def __init__(
        self, top: Path, installation: Installation, settings: Mapping[str, str], leaving: threading.Event
    ) -> None:
        self._top = top
        self._data = top / "data"
        self._log = top / "postgres.log"
        self._installation = installation
        self._settings = settings
        self._leaving = leaving
        self._process: subprocess.Popen[bytes] | None = None  # None too when the server was adopted

    def is_running(self) -> bool:
        """Whether the main process lives. Buries it if it was our child and has died."""
        try:
            found = PidFile.read(self._data)
            return found is not None and self._is_alive(found.pid)
        except OSError:
            return False

    def bring_up(self) -> str:
        """Leave with a server that answers, be it adopted, replaced or new, and return its URL."""
        own_folder(self._top / "socket", self._installation.account)
        data_folder.prepare(self._top, self._installation, self._settings)
        found = PidFile.read(self._data)
        if found is not None:
            if not self._is_alive(found.pid) and sockets.answers(sockets.folder_of(self._top, found)):
                raise EmbeddedServerError(
                    f"A server that Tailboard did not start here runs on {self._data}: stop it, be it in "
                    "another container or on another machine, or set TAILBOARD_HOME to another folder."
                )
            if self._becomes_ready():
                return self._database_url()
        self._clear_the_way(found)
        self._launch()
        return self._database_url()

    def shut_down(self) -> None:
        """Stop the server, whoever started it: fast, then at once, then by force. At most five seconds."""
        if not self._data.exists():
            return
        found = PidFile.read(self._data)
        # One that has only begun to start may not have said so yet.
        pid = found.pid if found is not None else None if self._process is None else self._process.pid
        if pid is not None:
            for signum, within in (
                (signal.SIGINT, _FAST_STOP_WITHIN),
                (signal.SIGQUIT, _IMMEDIATE_STOP_WITHIN),
            ):
                if not self._is_alive(pid):
                    break
                os.kill(pid, signum)
                deadline = time.monotonic() + within
                while self._is_alive(pid) and time.monotonic() < deadline:
                    time.sleep(0.01)
        postmaster.kill_all(cluster_name(self._data), within=0.5)
        self._bury()
        if found is not None and Path(found.socket_folder).is_absolute():
            with contextlib.suppress(OSError):
                Path(found.socket_folder).rmdir()

    def disown(self) -> None:
        """Leave the server running. Should it die while we live, its process is still buried."""
        if self._process is not None:
            threading.Thread(target=self._process.wait, name="embedded-postgres-left", daemon=True).start()
            self._process = None

    def bound_log(self) -> None:
        """Begin the log anew when it is too long. The server appends, so it goes on at the new beginning."""
        if self._log.exists() and self._log.stat().st_size > LOG_LIMIT:
            shutil.copyfile(self._log, self._log.with_suffix(".log.1"), follow_symlinks=False)
            os.truncate(self._log, 0)

    def _is_alive(self, pid: int) -> bool:
        if self._process is not None and self._process.pid == pid:
            return self._process.poll() is None  # this also buries it, so that no zombie keeps its id
        return postmaster.is_alive(pid, cluster_name(self._data))

    def _bury(self) -> None:
        if self._process is not None:
            self._process.wait()
            self._process = None

    def _becomes_ready(self) -> bool:
        """Wait for the server: True when it answers, False when it is dead, or silent for too long."""
        now = time.monotonic()
        silent_until, give_up = now + _ANSWER_WITHIN, now + _START_WITHIN
        while now < min(silent_until, give_up):
            found = PidFile.read(self._data)
            child_lives = self._process is not None and self._process.poll() is None
            if not child_lives and (found is None or not self._is_alive(found.pid)):
                return False
            if found is not None and found.status in {"ready", "standby"}:
                if sockets.answers(sockets.folder_of(self._top, found)):
                    return True
            else:
                silent_until = time.monotonic() + _ANSWER_WITHIN  # it says that it is starting or stopping
            if self._leaving.wait(0.02):
                raise EmbeddedServerError("The embedded PostgreSQL was told to stop while it started.")
            now = time.monotonic()
        return False

    def _clear_the_way(self, found: PidFile | None) -> None:
        """Remove what is left of a server that is dead or does not answer."""
        name = cluster_name(self._data)
        if left := postmaster.processes(name):
            logger.warning("Killing what is left of the PostgreSQL server in %s: %s", self._data, left)
            if not postmaster.kill_all(name, within=10):
                raise EmbeddedServerError(
                    f"The PostgreSQL server in {self._data} neither answers nor dies: end its processes "
                    f"{postmaster.processes(name)}, or restart the machine."
                )
        self._bury()
        if found is None:
            # A server that was killed as it began leaves an empty file, beside which none would start.
            (self._data / "postmaster.pid").unlink(missing_ok=True)
            return
        # PostgreSQL believes its lock files as long as anybody has that process id, be it a stranger or a
        # zombie. We know better.
        if postmaster.exists(found.pid):
            (self._data / "postmaster.pid").unlink(missing_ok=True)
        for name in (sockets.NAME, f"{sockets.NAME}.lock"):
            (sockets.folder_of(self._top, found) / name).unlink(missing_ok=True)

    def _launch(self) -> None:
        settings = {
            **self._settings,
            "cluster_name": cluster_name(self._data),
            "listen_addresses": "",
            "port": "5432",
            "unix_socket_directories": sockets.folder_to_use(self._top, self._installation.account),
            "unix_socket_permissions": "0700",
        }
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        log = self._open_log()
        try:
            before = os.fstat(log).st_size
            self._process = self._installation.postgres(arguments, self._data, log)
            if self._becomes_ready():
                return
            postmaster.kill_all(cluster_name(self._data), within=5)
            self._bury()
            raise failed(
                "did not start", os.pread(log, 64 * 1024, before).decode(errors="replace"), self._top
            )
        except EmbeddedServerError:
            if self._process is not None:  # we were told to leave
                self.shut_down()
            raise
        finally:
            os.close(log)

    def _open_log(self) -> int:
        if self._log.exists() and self._log.stat().st_size > LOG_LIMIT // 2:
            self._log.replace(self._log.with_suffix(".log.1"))
        return open_private(self._log, os.O_APPEND)

    def _database_url(self) -> str:
        found = PidFile.read(self._data)
        if found is None:
            raise EmbeddedServerError(f"The embedded PostgreSQL died at once. Its log is {self._log}.")
        folder = sockets.folder_of(self._top, found)
        try:
            with psycopg.connect(sockets.url(folder, "postgres"), autocommit=True) as connection:
                known = connection.execute(
                    "SELECT FROM pg_catalog.pg_database WHERE datname = %s", [DATABASE]
                )
                if known.rowcount == 0:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.Error as error:
            raise failed("refused its first commands", str(error), self._top) from error
        return sockets.url(folder, DATABASE)


def cluster_name(data: Path) -> str:
    """The cluster's name: the data folder's own identity, which survives renaming but not copying."""
    about = data.stat()
    return f"tailboard-{about.st_dev}-{about.st_ino}"
