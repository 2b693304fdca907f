"""The cluster's data folder: made by initdb, or found to be of use to these programs."""

import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tailboard.db.embedded.explaining import failed
from tailboard.db.embedded.installation import Installation
from tailboard.db.embedded.private import own, own_folder
from tailboard.errors import EmbeddedServerError

_SPACE_NEEDED: Final = 150 * 1024 * 1024


def prepare(top: Path, installation: Installation, settings: Mapping[str, str]) -> None:
    """Leave with data that the programs can use, made anew if there is none. Raises OSError and EmbeddedServerError."""
    data = top / "data"
    try:
        major = (data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        _create(top, data, installation, settings)
        return
    if major != str(installation.major):
        raise EmbeddedServerError(
            f"The data in {data} was made by PostgreSQL {major} and cannot be used by "
            f"{installation.version}: carry it over with pg_dump of version {major}, or move the "
            "folder away to begin with an empty one, or set TAILBOARD_HOME to another."
        )
    account = installation.account
    if account is not None and data.stat().st_uid != account.uid:
        # The server ran under another account before, or root copied the folder.
        for path in [*data.rglob("*"), data]:
            own(path, account)


def _create(top: Path, data: Path, installation: Installation, settings: Mapping[str, str]) -> None:
    if data.exists():
        if any(data.iterdir()):
            raise EmbeddedServerError(
                f"{data} holds files but no PostgreSQL data: move it away, or set TAILBOARD_HOME."
            )
        data.rmdir()
    if shutil.disk_usage(top).free < _SPACE_NEEDED:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(top))
    fresh = top / "data.new"
    if fresh.exists():
        shutil.rmtree(fresh)  # whoever made it was killed
    own_folder(fresh, installation.account)
    arguments = [
        "--username=postgres",
        "--encoding=UTF8",
        "--locale=C",
        "--auth-local=trust",  # the socket's folder decides who may connect
        "--auth-host=reject",
    ]
    if installation.major >= 17:
        arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    if settings.get("fsync") == "off":
        arguments.append("--no-sync")
    made = installation.initdb(arguments, fresh)
    if made.returncode != 0:
        shutil.rmtree(fresh, ignore_errors=True)
        raise failed("could not be prepared", made.stderr, top)
    fresh.rename(data)
