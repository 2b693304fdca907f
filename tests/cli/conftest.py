"""Homes and running boards for the command-line tests."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli import rig
from tailboard.db.embedded.server import EmbeddedServer
from tailboard.db.schema import migrate


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Path]:
    """A folder with a short path: a Unix socket's path has little room."""
    with tempfile.TemporaryDirectory(prefix="tb-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="session")
def made_home(short_folder: Path) -> Path:
    """A home whose cluster has been made and migrated, and is not running: to be copied."""
    home = short_folder / "template"
    server = EmbeddedServer(home)
    migrate(server.start())
    server.stop()
    return home


@pytest.fixture
def home(made_home: Path, short_folder: Path) -> Iterator[Path]:
    """A home of the test's own, with a migrated cluster that is not running."""
    target = rig.copy_of(made_home, Path(tempfile.mkdtemp(dir=short_folder)) / "home")
    yield target
    rig.remove(target)


@pytest.fixture(scope="module")
def board(made_home: Path, short_folder: Path) -> Iterator[rig.Process]:
    """A running board that the tests of a module share; `url()` has been waited for, it is in `out`."""
    target = rig.copy_of(made_home, Path(tempfile.mkdtemp(dir=short_folder)) / "home")
    with rig.Process(target, "up", "--port", "0") as process:
        process.url()
        yield process
    rig.remove(target)


@pytest.fixture
def nowhere(short_folder: Path) -> Path:
    """A home in which nothing was ever made."""
    return short_folder / "nothing"


@pytest.fixture
def board_url(board: rig.Process) -> str:
    return board.out[0].rpartition(" ")[2]
