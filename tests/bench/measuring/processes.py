"""A server process from outside: its start, what it has used of the CPU, and its memory. Linux only."""

import contextlib
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit


class Served(NamedTuple):
    """A server that listens, and the process that it is."""

    pid: int
    port: int
    url: str


@contextlib.contextmanager
def serving(command: Sequence[str | Path], environment: Mapping[str, str]) -> Iterator[Served]:
    """Start a server that prints `ready: URL` (after whatever) once it serves; end it afterwards."""
    with subprocess.Popen(
        command, env={"PATH": os.environ["PATH"], **environment}, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            line = next((line for line in process.stdout if "ready: http" in line), None)
            if line is None:
                raise RuntimeError(f"{' '.join(map(str, command))} ended before it was ready")
            # Nobody reads what it says from here on; a full pipe would stop it.
            threading.Thread(target=process.stdout.read, daemon=True).start()
            url = line.strip().rpartition(" ")[2]
            yield Served(process.pid, urlsplit(url).port or 80, url)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def cpu_s(pid: int) -> float:
    """Seconds of CPU that the process's living threads have had, to the nanosecond, the kernel's work included."""
    used = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):
            used += int((task / "schedstat").read_text().split()[0])
    return used / 1e9


def children_cpu_s(pid: int) -> float:
    """The same of the processes that it has started and that live: of a postmaster, all backends and workers."""
    used = 0.0
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            used += cpu_s(int(child))
    return used


def rss_kib(pid: int) -> float:
    """Resident memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024
