"""Files and folders that nobody but ourselves, or the account that the server runs as, can use."""

import os
from pathlib import Path

from tailboard.db.embedded.installation import Account


def open_private(path: Path, flags: int = 0) -> int:
    """Open for reading and writing, creating it for ourselves alone. Never through a symbolic link."""
    flags |= os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    if os.geteuid() == 0:
        about = path.parent.stat()  # root may be using the folder of an ordinary user, who will be back
        os.fchown(descriptor, about.st_uid, about.st_gid)
    return descriptor


def own_folder(folder: Path, account: Account | None) -> None:
    """Make `folder` private to whom the server runs as, creating it where needed."""
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    own(folder, account)


def own(path: Path, account: Account | None) -> None:
    """Give it to the account, if the server runs as one."""
    if account is not None:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)
