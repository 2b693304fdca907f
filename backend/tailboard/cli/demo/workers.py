"""Keeps the demo's workers running as child processes, and stops them."""

import asyncio
import logging
import os
import shutil
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from psycopg.conninfo import conninfo_to_dict, make_conninfo

_log = logging.getLogger("tailboard.demo")
_HERE: Final = Path(__file__).parent
_SCRIPT: Final = str(_HERE / "sql_worker.sql")
_GRACE_S: Final = 1.5


@dataclass(frozen=True, slots=True)
class Program:
    """A child process: what it is called, how it is started, and what it reads."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    said: str = ""
    """The first line on its standard input, which then stays open as long as we live."""


def programs(url: str) -> tuple[Program, ...]:
    """The demo's workers: one in Python, one that is a file of SQL."""
    return (_python("Python worker", url, "python_worker"), sql_program(url))


def sql_program(url: str) -> Program:
    """psql with the script, or the same script without psql where there is none."""
    psql = shutil.which("psql")
    if psql is None:
        return _python("SQL worker", url, "without_psql", _SCRIPT)
    # The password goes through the environment: a command line is for all to see.
    parts = conninfo_to_dict(url)
    secret = parts.pop("password", None)
    place = make_conninfo("", **parts)
    environment = {"PGPASSWORD": str(secret)} if secret is not None else {}
    command = (psql, "-X", "-q", "-o", os.devnull, "-v", "ON_ERROR_STOP=1", "-d", place, "-f", _SCRIPT)
    return Program("SQL worker", command, environment)


def _python(name: str, url: str, module: str, *arguments: str) -> Program:
    # As files, not as modules: a worker is a stranger to Tailboard and need not load its command line.
    command = (sys.executable, "-P", str(_HERE / f"{module}.py"), *arguments)
    return Program(name, command, {}, said=url + "\n")


async def run(url: str) -> None:
    """Keep the workers at work until cancelled; when this returns none of them runs."""
    async with asyncio.TaskGroup() as group:
        for program in programs(url):
            group.create_task(_keep(program))


async def run_until(url: str, stopping: asyncio.Event) -> None:
    """Keep the workers at work until the event is set."""
    async with asyncio.TaskGroup() as group:
        working = group.create_task(run(url))
        await stopping.wait()
        working.cancel()


async def _keep(program: Program) -> None:
    """Start the program whenever it has ended: at once after success, a little later after a failure."""
    wait = 1.0
    while True:
        code, complaint = await _once(program)
        if code == 0:
            wait = 1.0
            # Not even a worker with nothing to do may turn this into a tight loop of processes.
            await asyncio.sleep(0.05)
        else:
            _log.warning(
                "demo: the %s ended with %s (%s); again in %.0f s", program.name, code, complaint, wait
            )
            await asyncio.sleep(wait)
            wait = min(wait * 2, 30)


async def _once(program: Program) -> tuple[int, str]:
    # A session of its own: Ctrl-C in the terminal goes to us, and we stop the workers in our order.
    process = await asyncio.create_subprocess_exec(
        *program.command,
        stdin=PIPE,
        stdout=DEVNULL,
        stderr=PIPE,
        env={**os.environ, **program.environment},
        start_new_session=True,
    )
    assert process.stdin is not None  # noqa: S101 - it was asked to be a pipe
    assert process.stderr is not None  # noqa: S101 - it was asked to be a pipe
    try:
        process.stdin.write(program.said.encode())
        complaint = await process.stderr.read()
        return await process.wait(), _last_line(complaint)
    finally:
        await _end(process)


async def _end(process: Process) -> None:
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_GRACE_S):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _last_line(complaint: bytes) -> str:
    # Not what is indented: a hint of libpq's, or a place in a traceback.
    lines = [line for line in complaint.decode(errors="replace").splitlines() if line[:1].strip()]
    return lines[-1] if lines else "it said nothing"
