"""One PostgreSQL server seen from outside: its pid file and its processes.

Every process of an embedded server carries the server's `cluster_name` in its command line, the postmaster as
an argument and the others in their title. That is how they are told from strangers: a process id alone may
have been given to somebody else since, and the working directory of another user's process cannot be read
in a container.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

_PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class PidFile:
    """The lines of `postmaster.pid` that matter here.

    While the server is starting the later lines may be missing: the folder and the status are then empty.
    """

    pid: int
    socket_folder: str
    """As the server was told: absolute, or relative to its data folder."""
    status: str
    """`starting`, `stopping`, `ready` or `standby`."""

    @classmethod
    def read(cls, data: Path) -> Self | None:
        """None when there is no such file, or nothing in it yet. Raises PermissionError."""
        try:
            lines = (data / "postmaster.pid").read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return None
        lines += [""] * (8 - len(lines))
        with suppress(ValueError):
            return cls(pid=int(lines[0]), socket_folder=lines[4].strip(), status=lines[7].strip())
        return None


def is_alive(pid: int, cluster_name: str) -> bool:
    """Whether `pid` runs, is no zombie, and belongs to the server of that name."""
    if not (_PROC / "self" / "cmdline").exists():
        return pid in processes(cluster_name)
    # A zombie's command line is empty.
    with suppress(OSError):
        return _belongs((_PROC / str(pid) / "cmdline").read_bytes(), cluster_name)
    return False


def exists(pid: int) -> bool:
    """Whether any process has this id, be it a zombie or a stranger."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def processes(cluster_name: str) -> tuple[int, ...]:
    """The ids of all living processes of the server of that name."""
    return tuple(pid for pid, command in _commands() if _belongs(command, cluster_name))


def kill_all(cluster_name: str, *, within: float) -> bool:
    """Kill every process of the server at once, as a crash would. True when none is left after `within` s."""
    deadline = time.monotonic() + within
    while running := processes(cluster_name):
        if time.monotonic() > deadline:
            return False
        for pid in running:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
    return True


def _commands() -> Iterator[tuple[int, bytes]]:
    if (_PROC / "self" / "cmdline").exists():
        for folder in _PROC.glob("[0-9]*"):
            with suppress(OSError):
                yield int(folder.name), (folder / "cmdline").read_bytes()
        return
    listing = subprocess.run(
        ["ps", "-ax", "-ww", "-o", "pid=", "-o", "command="], capture_output=True, check=False, timeout=10
    )
    for line in listing.stdout.splitlines():
        pid, _, command = line.strip().partition(b" ")
        yield int(pid), command.strip()


def _belongs(command: bytes, cluster_name: str) -> bool:
    program = command.split(b"\0", 1)[0].split(b" ", 1)[0]
    # The name ends in a digit: without the check behind it, 1-23 would also find the processes of 1-234.
    _, found, after = command.partition(cluster_name.encode())
    is_postgres = program.rstrip(b":").endswith(b"postgres")
    return is_postgres and bool(found) and not after[:1].isdigit()
