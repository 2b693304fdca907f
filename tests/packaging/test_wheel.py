"""The wheel holds all that it needs: installed in a fresh environment, without Node, it brings up a board."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "backend/tailboard/web/static/index.html"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as pip builds it from this checkout."""
    if not PAGE.exists():
        pytest.fail("the page has not been built: run `make setup` first")
    folder = tmp_path_factory.mktemp("wheel")
    pip(sys.executable, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    (built,) = folder.glob("tailboard-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Iterator[Path]:
    """The `bin` folder of a fresh environment with the wheel and what it depends on."""
    with tempfile.TemporaryDirectory(prefix="tb-wheel-", ignore_cleanup_errors=True) as name:
        # PostgreSQL may run as another account, which has to be able to walk here.
        folder = Path(name)
        folder.chmod(0o755)
        venv.create(folder / "env", with_pip=True)
        binaries = folder / "env" / "bin"
        pip(str(binaries / "python"), "install", str(wheel))
        yield binaries


def pip(python: str, *arguments: str) -> None:
    done = subprocess.run(
        [python, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_wheel_holds_what_runs_and_nothing_of_the_workshop(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for needed in (
        "tailboard/py.typed",
        "tailboard/migrations/env.py",
        "tailboard/migrations/sql/0001_log.up.sql",
        "tailboard/migrations/versions/0001_log.py",
        "tailboard/db/queries/log/seal.sql",
        "tailboard/cli/demo/sql_worker.sql",
        "tailboard/web/static/index.html",
    ):
        assert needed in names
    foreign = [name for name in names if not re.match(r"tailboard(/|-[0-9.a-z]+\.dist-info/)", name)]
    assert foreign == []
    assert not [
        name for name in names if "node_modules" in name or "__pycache__" in name or "/tests/" in name
    ]


def test_every_file_of_the_migrations_is_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {
            name.removeprefix("tailboard/migrations/")
            for name in archive.namelist()
            if name.startswith("tailboard/migrations/")
        }
    there = {
        str(path.relative_to(ROOT / "migrations"))
        for path in (ROOT / "migrations").rglob("*")
        if path.suffix in {".py", ".sql"}
    }
    assert there <= packed


def test_an_installed_wheel_brings_up_a_board_with_its_page(installed: Path) -> None:
    # Nothing but the environment's own programs: no Node, no psql, no PostgreSQL.
    path = str(installed)
    assert shutil.which("node", path=path) is None
    with tempfile.TemporaryDirectory(prefix="tb-home-", ignore_cleanup_errors=True) as home:
        Path(home).chmod(0o755)
        environment = {"PATH": path, "HOME": home, "PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(
            [installed / "tailboard", "up", "--demo", "--port", "0"],
            env=environment,
            cwd=home,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            try:
                line = process.stdout.readline()
                assert line.startswith("Tailboard is ready: http://"), process.stderr.read()
                url = line.split()[-1]
                with httpx.Client(base_url=url, trust_env=False, timeout=10) as client:
                    assert client.get("/readyz").status_code == 200
                    page = client.get("/")
                    assert page.status_code == 200
                    assert page.text.lstrip().lower().startswith("<!doctype html>")
                    for asset in re.findall(r'(?:src|href)="(/[^"]+\.(?:js|css))"', page.text):
                        assert client.get(asset).status_code == 200
                    proof = subprocess.run(
                        [installed / "tailboard", "verify"],
                        env=environment, cwd=home, capture_output=True, text=True, check=False,
                    )  # fmt: skip
                    assert proof.returncode == 0, proof.stdout + proof.stderr
            finally:
                process.send_signal(signal.SIGTERM)
                _, said = process.communicate(timeout=15)
        assert process.returncode == 0, said
        assert not list((Path(home) / ".local/share/tailboard/postgres/data").glob("postmaster.pid"))
        assert os.listdir(home) == [".local"]  # noqa: PTH208  # it wrote nowhere else
