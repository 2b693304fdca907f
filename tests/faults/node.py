"""A Tailboard node: the real `tailboard serve`, in a process of its own, whose database is behind a proxy."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import httpx

from cli import rig
from faults.proxy import Proxy


class Node:
    """One node. `to_database` stands between it and PostgreSQL, `to_clients` between its clients and it."""

    def __init__(self, number: int, home: Path, database_port: int) -> None:
        self.name = f"node {number}"
        self.to_database = Proxy(database_port)
        self.to_clients = Proxy(0)
        self.environment: dict[str, str] = {}
        self.serving = False
        self.starts = 0
        self.log: list[str] = []
        """What its processes wrote, those that have ended."""
        self._home = home
        self._process: rig.Process | None = None
        self._direct = ""

    @property
    def url(self) -> str:
        """Where its clients find it."""
        return f"http://127.0.0.1:{self.to_clients.port}"

    async def open(self) -> None:
        await self.to_database.start()
        await self.to_clients.start()

    async def start(self) -> None:
        """Return when it says that it is ready; a database that is away just then is waited for."""
        for attempt in range(10):
            try:
                self._process, self._direct = await asyncio.to_thread(self._launch)
                break
            except AssertionError:
                if attempt == 9:
                    raise
                await asyncio.sleep(0.5)
        self.to_clients.target = int(self._direct.rpartition(":")[2])
        self.starts += 1
        self.serving = True

    async def kill(self) -> None:
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        await self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """It neither works nor ends: its connections stay, and nobody answers on them."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.popen.pid

    def memory_mib(self) -> float:
        """What it holds in memory now."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    async def ready(self) -> dict[str, Any] | None:
        """What /readyz says, or None where it is not."""
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=3) as client:
                answer = await client.get(f"{self._direct}/readyz")
        except httpx.HTTPError:
            return None
        return dict(answer.json()) if answer.status_code == httpx.codes.OK else None

    async def close(self) -> None:
        if self._process is not None:
            await self._end(signal.SIGKILL)
        await self.to_database.stop()
        await self.to_clients.stop()

    async def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        self.serving = False
        if process is not None:
            process.popen.send_signal(how)
            await asyncio.to_thread(process.__exit__)
            self.log += process.err

    def _launch(self) -> tuple[rig.Process, str]:
        url = f"postgresql://postgres@127.0.0.1:{self.to_database.port}/tailboard"
        process = rig.Process(
            self._home,
            "serve",
            DATABASE_URL=url,
            PORT="0",
            MAX_CONNECTIONS="2000",
            variables=self.environment,
        )
        try:
            return process, process.url()
        except BaseException:
            process.__exit__()
            raise
