"""The server's socket: the only way to it, in a folder that decides who may connect."""

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg

from tailboard.db.embedded.installation import Account
from tailboard.db.embedded.postmaster import PidFile
from tailboard.db.embedded.private import own_folder
from tailboard.errors import EmbeddedServerError

# Of a Unix socket's path, in bytes: sun_path without its final zero, on Linux and on the BSDs and macOS.
_PATH_LIMIT: Final = 107 if Path("/proc/self").exists() else 103
NAME: Final = ".s.PGSQL.5432"


def folder_to_use(top: Path, account: Account | None) -> str:
    """As the server is told: relative, which has no limit, and no need of a way here by the full path."""
    folder = top / "socket"
    if len(os.fsencode(folder / NAME)) <= _PATH_LIMIT and "," not in str(folder):
        return "../socket"
    # Clients must name it in full, so it has to be elsewhere. To libpq a comma separates two hosts.
    digest = hashlib.sha256(os.fsencode(top)).hexdigest()[:12]
    owners = {os.geteuid(), account.uid if account else os.geteuid()}
    for base in (tempfile.gettempdir(), "/tmp"):  # noqa: S108  # the owner is checked
        short = Path(base) / f"tailboard-{os.geteuid()}-{digest}"
        if len(os.fsencode(short / NAME)) > _PATH_LIMIT or "," in base:
            continue
        with contextlib.suppress(FileExistsError):
            short.mkdir(mode=0o700)
        if short.is_symlink() or short.lstat().st_uid not in owners:
            short = Path(tempfile.mkdtemp(prefix="tb-", dir=base))  # somebody else took the name
        own_folder(short, account)
        return str(short)
    raise EmbeddedServerError(
        f"The path {top} is too long for a socket: set TAILBOARD_HOME to a shorter one."
    )


def folder_of(top: Path, found: PidFile) -> Path:
    """Where the server that runs below `top` has its socket."""
    return top / found.socket_folder.removeprefix("../")  # an absolute name stays what it is


def answers(socket_folder: Path) -> bool:
    """Whether the server takes connections. One that is merely full does."""
    try:
        psycopg.connect(url(socket_folder, "postgres"), connect_timeout=3).close()
    except psycopg.OperationalError as error:
        return "FATAL" in str(error) and "the database system is" not in str(error)
    return True


def url(socket_folder: Path, database: str) -> str:
    """For psycopg and psql alike."""
    # The port is named because PGPORT would be used otherwise.
    return f"postgresql://postgres@/{database}?host={quote(str(socket_folder))}&port=5432"
