"""What the command-line tests stand on: the real `tailboard` in processes of its own, in an empty home."""

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, overload

import httpx

from tailboard.db.embedded.server import EmbeddedServer

PATIENCE = 60.0


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tailboard", *arguments]


def environment(home: Path, **settings: str) -> dict[str, str]:
    """Nothing of this process's environment but PATH, and the settings as TAILBOARD_* variables."""
    given = {f"TAILBOARD_{name}": text for name, text in settings.items()}
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TAILBOARD_HOME": str(home),
        "PYTHONUNBUFFERED": "1",
        **given,
    }


def run(home: Path, *arguments: str, stdin: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        command(*arguments),
        env=environment(home, **settings),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def copy_of(template: Path, target: Path) -> Path:
    """A home with a cluster that was made before; `cp -a` keeps the account that owns it."""
    subprocess.run(["cp", "-a", str(template), str(target)], check=True)
    return target


def server_is_gone(home: Path) -> bool:
    """Whether no embedded PostgreSQL runs for the home: it answers nobody and left no pid file."""
    return EmbeddedServer.find(home) is None and not (home / "postgres/data/postmaster.pid").exists()


class Process:
    """A running `tailboard`, with its two outputs read as they come."""

    @overload
    def __init__(self, home: Path, *arguments: str, **settings: str) -> None: ...
    @overload
    def __init__(
        self, home: Path, *arguments: str, variables: Mapping[str, str], **settings: str
    ) -> None: ...
    def __init__(
        self, home: Path, *arguments: str, variables: Mapping[str, str] | None = None, **settings: str
    ) -> None:
        """`variables` are further ones of its environment, as they are."""
        self.home = home
        self.popen = subprocess.Popen(
            command(*arguments),
            env={**environment(home, **settings), **(variables or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A group of its own, so that a Ctrl-C can be sent to it as a terminal would.
            process_group=0,
        )
        self.out: list[str] = []
        self.err: list[str] = []
        self._told: queue.Queue[tuple[str, str | None]] = queue.Queue()
        self._readers = [
            threading.Thread(target=self._read, args=(name, stream, kept), daemon=True)
            for name, stream, kept in (
                ("out", self.popen.stdout, self.out),
                ("err", self.popen.stderr, self.err),
            )
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, name: str, stream: Any, kept: list[str]) -> None:
        for line in stream:
            kept.append(line.rstrip("\n"))
            self._told.put((name, line.rstrip("\n")))
        self._told.put((name, None))

    def wait_for(self, text: str, *, where: str = "out") -> str:
        """The first line not seen yet that holds `text`."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                name, line = self._told.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {text!r} came; {self.said}") from None
            if line is None and name == where:
                raise AssertionError(f"it ended without {text!r}; {self.said}")
            if name == where and line is not None and text in line:
                return line

    def url(self) -> str:
        """Wait until it is ready; where it serves."""
        return self.wait_for("Tailboard is ready: ").rpartition(" ")[2]

    def wait_for_connection(self, url: str) -> None:
        """Wait until somebody is subscribed to the board at `url`."""
        deadline = time.monotonic() + PATIENCE
        while not get(f"{url}/api/connections").json()["connections"]:
            assert time.monotonic() < deadline, self.said
            time.sleep(0.02)

    def end(self, number: int = signal.SIGTERM) -> float:
        """Send a signal, wait for the end, and return how long that took."""
        began = time.monotonic()
        self.popen.send_signal(number)
        return self.wait() - began

    def wait(self) -> float:
        self.popen.wait(timeout=PATIENCE)
        ended = time.monotonic()
        for reader in self._readers:
            reader.join(timeout=PATIENCE)
        return ended

    @property
    def said(self) -> str:
        return f"stdout {self.out}, stderr {self.err}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        for stream in (self.popen.stdout, self.popen.stderr):
            assert stream is not None
            for reader in self._readers:
                reader.join(timeout=5)
            stream.close()


def get(url: str, **headers: str) -> httpx.Response:
    return httpx.get(url, headers=headers, timeout=10, trust_env=False)


def json_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def remove(home: Path) -> None:
    shutil.rmtree(home, ignore_errors=True)
