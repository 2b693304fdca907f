"""One private PostgreSQL cluster: its data folder, its socket, its log, and the server on it.

It is made, started, adopted, replaced and stopped here. Who may do so at a time, and who still needs it, is
the business of `server.py`.
"""

import contextlib
import errno
import hashlib
import logging
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg

from tailboard.db.embedded import postmaster
from tailboard.db.embedded.installation import Installation
from tailboard.db.embedded.postmaster import PidFile
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

# Of a Unix socket's path, in bytes: sun_path without its final zero, on Linux and on the BSDs and macOS.
_SOCKET_PATH_LIMIT: Final = 107 if Path("/proc/self").exists() else 103
_SOCKET: Final = ".s.PGSQL.5432"
_SPACE_NEEDED: Final = 150 * 1024 * 1024

_ANSWER_WITHIN: Final = 10.0  # seconds a server that calls itself ready may keep silent before it is replaced
_START_WITHIN: Final = 180.0  # seconds for recovery after a crash
_FAST_STOP_WITHIN: Final = 3.5  # then an immediate stop, and the next start recovers
_IMMEDIATE_STOP_WITHIN: Final = 0.7


def url_of_running(top: Path) -> str | None:
    """The URL of the server below `top` if one runs and answers, whoever started it. Raises OSError."""
    found = PidFile.read(top / "data")
    if found is None or not postmaster.is_alive(found.pid, cluster_name(top / "data")):
        return None
    folder = _socket_folder(top, found)
    return _url(folder, DATABASE) if _answers(folder) else None


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
        self._own_folder(self._top / "socket")
        self._prepare_data()
        found = PidFile.read(self._data)
        if found is not None:
            if not self._is_alive(found.pid) and _answers(_socket_folder(self._top, found)):
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
                if _answers(_socket_folder(self._top, found)):
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
        for name in (_SOCKET, f"{_SOCKET}.lock"):
            (_socket_folder(self._top, found) / name).unlink(missing_ok=True)

    # The data folder

    def _prepare_data(self) -> None:
        try:
            major = (self._data / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            self._create_data()
            return
        if major != str(self._installation.major):
            raise EmbeddedServerError(
                f"The data in {self._data} was made by PostgreSQL {major} and cannot be used by "
                f"{self._installation.version}: carry it over with pg_dump of version {major}, or move the "
                "folder away to begin with an empty one, or set TAILBOARD_HOME to another."
            )
        account = self._installation.account
        if account is not None and self._data.stat().st_uid != account.uid:
            # The server ran under another account before, or root copied the folder.
            for path in [*self._data.rglob("*"), self._data]:
                self._own(path)

    def _create_data(self) -> None:
        if self._data.exists():
            if any(self._data.iterdir()):
                raise EmbeddedServerError(
                    f"{self._data} holds files but no PostgreSQL data: move it away, or set TAILBOARD_HOME."
                )
            self._data.rmdir()
        if shutil.disk_usage(self._top).free < _SPACE_NEEDED:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._top))
        fresh = self._top / "data.new"
        if fresh.exists():
            shutil.rmtree(fresh)  # whoever made it was killed
        self._own_folder(fresh)
        arguments = [
            "--username=postgres",
            "--encoding=UTF8",
            "--locale=C",
            "--auth-local=trust",  # the socket's folder decides who may connect
            "--auth-host=reject",
        ]
        if self._installation.major >= 17:
            arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if self._settings.get("fsync") == "off":
            arguments.append("--no-sync")
        made = self._installation.initdb(arguments, fresh)
        if made.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            raise self._failure("could not be prepared", made.stderr)
        fresh.rename(self._data)

    def _own_folder(self, folder: Path) -> None:
        """Make `folder` private to whom the server runs as, creating it where needed."""
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
        self._own(folder)

    def _own(self, path: Path) -> None:
        account = self._installation.account
        if account is not None:
            os.chown(path, account.uid, account.gid, follow_symlinks=False)

    # Starting the server

    def _launch(self) -> None:
        settings = {
            **self._settings,
            "cluster_name": cluster_name(self._data),
            "listen_addresses": "",
            "port": "5432",
            "unix_socket_directories": self._socket_folder_to_use(),
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
            raise self._failure("did not start", os.pread(log, 64 * 1024, before).decode(errors="replace"))
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

    def _socket_folder_to_use(self) -> str:
        """As the server is told: relative, which has no limit, and no need of a way here by the full path."""
        folder = self._top / "socket"
        if len(os.fsencode(folder / _SOCKET)) <= _SOCKET_PATH_LIMIT and "," not in str(folder):
            return "../socket"
        # Clients must name it in full, so it has to be elsewhere. To libpq a comma separates two hosts.
        digest = hashlib.sha256(os.fsencode(self._top)).hexdigest()[:12]
        account = self._installation.account
        owners = {os.geteuid(), account.uid if account else os.geteuid()}
        for base in (tempfile.gettempdir(), "/tmp"):  # noqa: S108  # the owner is checked
            short = Path(base) / f"tailboard-{os.geteuid()}-{digest}"
            if len(os.fsencode(short / _SOCKET)) > _SOCKET_PATH_LIMIT or "," in base:
                continue
            with contextlib.suppress(FileExistsError):
                short.mkdir(mode=0o700)
            if short.is_symlink() or short.lstat().st_uid not in owners:
                short = Path(tempfile.mkdtemp(prefix="tb-", dir=base))  # somebody else took the name
            self._own_folder(short)
            return str(short)
        raise EmbeddedServerError(
            f"The path {self._top} is too long for a socket: set TAILBOARD_HOME to a shorter one."
        )

    def _database_url(self) -> str:
        found = PidFile.read(self._data)
        if found is None:
            raise EmbeddedServerError(f"The embedded PostgreSQL died at once. Its log is {self._log}.")
        folder = _socket_folder(self._top, found)
        try:
            with psycopg.connect(_url(folder, "postgres"), autocommit=True) as connection:
                known = connection.execute(
                    "SELECT FROM pg_catalog.pg_database WHERE datname = %s", [DATABASE]
                )
                if known.rowcount == 0:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.Error as error:
            raise self._failure("refused its first commands", str(error)) from error
        return _url(folder, DATABASE)

    def _failure(self, what: str, said: str) -> EmbeddedServerError:
        """What PostgreSQL said, as one sentence."""
        if "No space left on device" in said:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._top))
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        telling = [line for line in lines if any(sign in line for sign in ("FATAL:", "PANIC:", "error:"))]
        reason = (telling or lines or ["it said nothing"])[-1]
        return EmbeddedServerError(f"The embedded PostgreSQL {what}: {reason}. Its log is {self._log}.")


def open_private(path: Path, flags: int = 0) -> int:
    """Open for reading and writing, creating it for ourselves alone. Never through a symbolic link."""
    flags |= os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    if os.geteuid() == 0:
        about = path.parent.stat()  # root may be using the folder of an ordinary user, who will be back
        os.fchown(descriptor, about.st_uid, about.st_gid)
    return descriptor


def cluster_name(data: Path) -> str:
    """The cluster's name: the data folder's own identity, which survives renaming but not copying."""
    about = data.stat()
    return f"tailboard-{about.st_dev}-{about.st_ino}"


def _socket_folder(top: Path, found: PidFile) -> Path:
    return top / found.socket_folder.removeprefix("../")  # an absolute name stays what it is


def _answers(socket_folder: Path) -> bool:
    """Whether the server takes connections. One that is merely full does."""
    try:
        psycopg.connect(_url(socket_folder, "postgres"), connect_timeout=3).close()
    except psycopg.OperationalError as error:
        return "FATAL" in str(error) and "the database system is" not in str(error)
    return True


def _url(socket_folder: Path, database: str) -> str:
    # The port is named because PGPORT would be used otherwise.
    return f"postgresql://postgres@/{database}?host={quote(str(socket_folder))}&port=5432"
