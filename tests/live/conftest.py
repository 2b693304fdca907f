"""A dump of the test's database, restored into another."""

import os
import subprocess
from pathlib import Path

import pytest

from epochs_rig import Restore


@pytest.fixture
def restore(programs: Path, database_url: str, empty_database_url: str) -> Restore:
    """`restore()`: dump the test's database into the empty one."""

    def restore() -> None:
        environment = {"PATH": os.environ["PATH"]}
        dump = subprocess.run(
            [programs / "pg_dump", "--no-owner", database_url],
            capture_output=True,
            env=environment,
            timeout=60,
            check=False,
        )
        assert dump.returncode == 0, dump.stderr
        done = subprocess.run(
            [programs / "psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", empty_database_url],
            input=dump.stdout,
            capture_output=True,
            env=environment,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    return restore
