"""Homes of servers, and their owners."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from db.embedded.owners import Owners
from tailboard.db.embedded import cluster, postmaster
from tailboard.db.embedded.server import EmbeddedServer


@pytest.fixture
def home() -> Iterator[Path]:
    """A home whose server is gone at the end, whatever became of its owners."""
    # Short, unlike tmp_path: a socket's path has its limit.
    folder = Path(tempfile.mkdtemp(prefix="tb"))
    yield folder
    for data in folder.rglob("postgres/data"):
        postmaster.kill_all(cluster.cluster_name(data), within=10)
    shutil.rmtree(folder)


@pytest.fixture
def owners(home: Path) -> Iterator[Owners]:
    with ExitStack() as stack:
        yield Owners(stack)


@pytest.fixture(scope="package")
def shared() -> Iterator[EmbeddedServer]:
    """A server with the settings that users get."""
    folder = Path(tempfile.mkdtemp(prefix="tb"))
    with EmbeddedServer(folder) as server:
        yield server
    shutil.rmtree(folder)
