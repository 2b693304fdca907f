"""An owner's table of orders; a dump of the test's database, restored into another."""

import os
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from epochs_rig import Restore
from fixtures.database import Connect
from orders_table import make_orders


@pytest.fixture
def orders(connect: Connect) -> psycopg.Connection[Any]:
    """Its owner's connection; it is not attached."""
    connection = connect()
    make_orders(connection)
    return connection


@pytest.fixture
def restore(programs: Path, database_url: str, empty_database_url: str) -> Restore:
    """`restore()`: dump the test's database into the empty one."""
    return partial(_copy, programs, database_url, empty_database_url)


@pytest.fixture
def restore_back(programs: Path, database_url: str, empty_database_url: str) -> Restore:
    """`restore_back()`: dump that one over the test's database."""
    return partial(_copy, programs, empty_database_url, database_url)


def _copy(programs: Path, source: str, target: str) -> None:
    environment = {"PATH": os.environ["PATH"]}
    dump = subprocess.run(
        [programs / "pg_dump", "--no-owner", "--clean", "--if-exists", source],
        capture_output=True,
        env=environment,
        timeout=60,
        check=False,
    )
    assert dump.returncode == 0, dump.stderr
    done = subprocess.run(
        [programs / "psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", target],
        input=dump.stdout,
        capture_output=True,
        env=environment,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
