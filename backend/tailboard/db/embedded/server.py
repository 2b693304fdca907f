"""The embedded PostgreSQL: the server that `tailboard up` brings when it is given none.

    home/postgres/      0700; 0711 where root runs the server under another account
      data/             the cluster, 0700
      socket/           0700: who may enter it may connect, and nobody else; there is no TCP
      postgres.log      bounded; the part before is postgres.log.1
      owners.lock       locked shared by every process that uses the server
      start.lock        locked while a process joins or leaves

The server does not die with its owner. One that is killed leaves it running, and the next adopts it; several
share it, and the last to stop takes it down. The locks are the kernel's, so none can be left behind.
"""

import contextlib
import fcntl
import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tailboard.db.embedded.cluster import SETTINGS, Cluster, url_of_running
from tailboard.db.embedded.explaining import explained
from tailboard.db.embedded.installation import Account, Installation
from tailboard.db.embedded.private import open_private
from tailboard.errors import EmbeddedServerError

logger = logging.getLogger(__name__)

_JOIN_WITHIN: Final = 240.0  # seconds another process may take to start or stop the server
_LEAVE_WITHIN: Final = 3.5


class EmbeddedServer:
    """One process's hold on the PostgreSQL server under `home`.

    While it is held, the server is kept running: should it die, it is started again. Methods block, and may
    be called from any thread. Every failure is an EmbeddedServerError that says what to do.
    """

    def __init__(
        self, home: Path, *, bin_dir: Path | None = None, settings: Mapping[str, str] | None = None
    ) -> None:
        """`bin_dir` holds programs to use in place of the packaged ones; `settings` add to SETTINGS."""
        self._home = home.absolute()
        self._top = self._home / "postgres"
        self._bin_dir = bin_dir
        self._settings = {**SETTINGS, **(settings or {})}
        self._mutex = threading.Lock()  # one start() or stop() at a time
        self._cluster: Cluster | None = None
        self._hold: int | None = None  # the descriptor that carries our lock on owners.lock
        self._leaving = threading.Event()
        self._keeper: threading.Thread | None = None
        self._url: str | None = None

    @classmethod
    def find(cls, home: Path) -> str | None:
        """The URL of the server that runs under `home`, whoever started it, or None."""
        top = home.absolute() / "postgres"
        try:
            return url_of_running(top)
        except OSError as error:
            raise explained(error, top) from error

    def start(self) -> str:
        """Create, start or adopt the server; return the URL of its database `tailboard`. Safe twice."""
        with self._mutex:
            self._leaving.clear()
            try:
                cluster = self._open()
                with self._start_lock(_JOIN_WITHIN):
                    self._url = self._join(cluster)
            except OSError as error:
                raise explained(error, self._top) from error
            if self._keeper is None:
                self._keeper = threading.Thread(
                    target=self._keep, args=[cluster], name="embedded-postgres", daemon=True
                )
                self._keeper.start()
            return self._url

    def give_up(self) -> None:
        """Have a start that is under way in another thread fail soon. Does not block."""
        self._leaving.set()

    def stop(self) -> None:
        """Let go of the server; the last owner to do so stops it, within five seconds. Safe twice."""
        self._leaving.set()
        with self._mutex:
            if self._keeper is not None:
                self._keeper.join()
                self._keeper = None
            if self._cluster is None or self._hold is None:
                return
            try:
                with self._start_lock(_LEAVE_WITHIN):
                    self._leave(self._cluster)
            except OSError as error:
                raise explained(error, self._top) from error
            except _StartLockHeldError:
                # Somebody is just joining, and owns it from now on.
                self._cluster.disown()
                self._let_go()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The URL that start() returned, good for psycopg and psql alike."""
        if self._url is None:
            raise EmbeddedServerError("The embedded PostgreSQL has not been started.")
        return self._url

    @property
    def running(self) -> bool:
        """Whether we hold the server and its main process lives."""
        return self._hold is not None and self._cluster is not None and self._cluster.is_running()

    def _open(self) -> Cluster:
        """Make the folder, and choose the programs and the account. Once."""
        if self._cluster is not None:
            return self._cluster
        self._home.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            self._top.mkdir(mode=0o700)
        data = self._top / "data"
        owners = [folder.stat().st_uid for folder in (data, self._top) if folder.exists()]
        account = Account.to_run_as(next(filter(None, owners), None))
        if account is not None and self._top.stat().st_uid == 0:
            self._top.chmod(0o711)  # the account passes through it, from its data to its socket
        installation = Installation.find(self._bin_dir, account)
        self._cluster = Cluster(self._top, installation, self._settings, self._leaving)
        return self._cluster

    def _join(self, cluster: Cluster) -> str:
        """Become an owner, and see that the server runs. Under the start lock."""
        if self._hold is not None:
            return cluster.bring_up()
        self._hold = open_private(self._top / "owners.lock")
        fcntl.flock(self._hold, fcntl.LOCK_SH)
        try:
            return cluster.bring_up()
        except BaseException:
            self._leave(cluster)
            raise

    def _leave(self, cluster: Cluster) -> None:
        """Be an owner no more, and stop the server if nobody else is. Under the start lock."""
        try:
            if self._hold is not None and _try_lock(self._hold):
                cluster.shut_down()
            else:
                cluster.disown()
        finally:
            self._let_go()

    def _let_go(self) -> None:
        if self._hold is not None:
            os.close(self._hold)
            self._hold = None

    @contextlib.contextmanager
    def _start_lock(self, within: float) -> Iterator[None]:
        descriptor = open_private(self._top / "start.lock")
        try:
            deadline = time.monotonic() + within
            while not _try_lock(descriptor):
                if time.monotonic() > deadline:
                    raise _StartLockHeldError(
                        f"Another Tailboard has been starting or stopping the server in {self._top} for "
                        f"{within:.0f} seconds: stop it, then try again."
                    )
                time.sleep(0.05)
            yield
        finally:
            os.close(descriptor)

    def _keep(self, cluster: Cluster) -> None:
        """Until we leave: bound the log, and start the server again should it have died."""
        pause = 1.0
        while not self._leaving.wait(pause):
            try:
                with self._start_lock(1.0):
                    cluster.bound_log()
                    if not cluster.is_running():
                        logger.warning("The embedded PostgreSQL in %s died: starting it again", self._top)
                        cluster.bring_up()
                pause = 1.0
            except _StartLockHeldError:
                continue
            except (EmbeddedServerError, OSError) as error:
                if self._leaving.is_set():
                    return
                pause = min(pause * 2, 30.0)
                logger.warning("The embedded PostgreSQL is down, next try in %.0f s: %s", pause, error)


class _StartLockHeldError(EmbeddedServerError):
    """Another process holds the start lock."""


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
