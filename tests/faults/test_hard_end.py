"""A walk that goes wrong in a way that is no broken promise ends all the same, reports, and leaves nothing running."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.hard_end import HUNG

TESTS = Path(__file__).resolve().parents[1]
WALK = """
import asyncio, sys, threading
from faults import __main__ as walk
from faults.scenario import fault

@fault("blocks the event loop itself")
async def block(world):
    threading.Event().wait()

def cling_on():
    threading.Event().wait()

@fault("waits in a thread, again and again")
async def cling(world):
    try:
        await asyncio.to_thread(cling_on)
    finally:
        await asyncio.to_thread(cling_on)

@fault("waits for what does not come")
async def wait(world):
    await asyncio.Event().wait()

@fault("is itself wrong")
async def stumble(world):
    raise LookupError("no such thing")

sys.exit(walk.main(sys.argv[1:]))
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """For the walk's worlds; PostgreSQL's account may enter it."""
    made = Path(tempfile.mkdtemp(prefix="tailboard-hard-end-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def walk(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"TMPDIR": str(folder), "PYTHONPATH": str(TESTS)}
    return subprocess.run(
        [sys.executable, "-c", WALK, "--seed", "1", *arguments],
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def running(folder: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(process.read_text())
        except OSError:
            continue
    return [line for line in found if str(folder) in line]


@pytest.mark.parametrize("how", ["block", "cling"])
def test_a_walk_that_hangs_ends_by_force_and_says_where(folder: Path, how: str) -> None:
    """Be its time over or not: a walk of a day does not hang for one."""
    ended = walk(folder, "--minutes", "1440", "--only", how, "--act-within", "1", "--end-within", "40")
    assert ended.returncode == HUNG, ended.stderr
    assert f"HUNG: {how}; the stacks follow" in ended.stdout
    assert "faults injected: 0" in ended.stdout
    assert "transactions committed" in ended.stdout
    assert f"in {how}" in ended.stderr, "the stack of who hangs"
    assert running(folder) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "wait", "--act-within", "1"], "BROKEN: wait did not end within 1 s"),
        (["--only", "stumble"], "FAILED: closing the world after stumble: no such thing (during stumble)"),
    ],
    ids=["a fault that does not end", "a fault that fails"],
)
def test_a_fault_that_goes_wrong_ends_the_walk_with_a_report(
    folder: Path, arguments: list[str], said: str
) -> None:
    ended = walk(folder, *arguments)
    assert ended.returncode == 1, ended.stderr
    assert said in ended.stdout
    assert "faults injected: 0" in ended.stdout
    assert "lost: 0" not in ended.stdout
    assert running(folder) == []
