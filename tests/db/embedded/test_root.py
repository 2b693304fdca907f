"""Root starts the server as another account, and other users start it as themselves."""

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from db.embedded.owners import AS_ROOT, OWNER, Owners, ask, pid_of, write_jobs
from tailboard.db.embedded import installation

pytestmark = pytest.mark.skipif(
    not AS_ROOT, reason="only root becomes another user, or hands a server to one"
)


def unprivileged() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")


def test_an_ordinary_user_runs_it_as_himself(home: Path, owners: Owners) -> None:
    user = unprivileged()
    os.chown(home, user.pw_uid, user.pw_gid)
    process, url = owners.elsewhere(home, user.pw_uid, user.pw_gid)
    assert url, "the programs must be readable for others: is the checkout below /root?"
    assert ask(url, "SELECT current_database()") == "tailboard"
    assert (home / "postgres" / "data").stat().st_uid == user.pw_uid
    assert (home / "postgres").stat().st_mode & 0o777 == 0o700

    # Root may step in, and the user come back.
    server = owners.here(home)
    assert server.start() == url
    process.kill()
    process.wait()
    server.stop()
    process, again = owners.elsewhere(home, user.pw_uid, user.pw_gid)
    assert again == url


def test_a_home_that_may_not_be_written_is_an_error(home: Path) -> None:
    user = unprivileged()
    home.chmod(0o755)
    said = subprocess.run(
        [sys.executable, "-c", OWNER, str(home / "new"), str(user.pw_uid), str(user.pw_gid)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    last = said.stderr.strip().splitlines()[-1]
    assert last.startswith("tailboard.errors.EmbeddedServerError")
    assert f"cannot be used by user id {user.pw_uid} (Permission denied)" in last
    assert "TAILBOARD_HOME" in last


def test_root_needs_not_open_its_home(home: Path, owners: Owners) -> None:
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    url = owners.here(closed / "share").start()
    write_jobs(url)
    assert closed.stat().st_mode & 0o777 == 0o700
    assert (closed / "share" / "postgres" / "data").stat().st_uid != 0
    owner = Path(f"/proc/{pid_of(closed / 'share')}").stat().st_uid
    assert owner == (closed / "share" / "postgres" / "data").stat().st_uid


def test_root_may_have_its_programs_where_nobody_else_can_go(
    home: Path, owners: Owners, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, copies = home / "closed", home / "copies"
    closed.mkdir(mode=0o700)
    copies.mkdir()
    copies.chmod(0o755)
    home.chmod(0o755)
    package = installation.packaged_bin_dir().parent.parent
    for folder in (package, package.with_name(package.name + ".libs")):
        shutil.copytree(folder, closed / folder.name, ignore=shutil.ignore_patterns("include"))
    monkeypatch.setattr(installation, "packaged_bin_dir", lambda: closed / package.name / "pginstall" / "bin")
    monkeypatch.setattr(installation, "_COPIES", (copies,))

    server = owners.here(home / "home")
    assert ask(server.start(), "SELECT 1") == 1
    (copy,) = copies.iterdir()
    assert copy.stat().st_uid == 0
    assert copy.stat().st_mode & 0o777 == 0o755
    server.stop()
    owners.here(home / "home").start()
    assert list(copies.iterdir()) == [copy]


def test_data_that_root_has_copied_is_given_back(home: Path, owners: Owners) -> None:
    server = owners.here(home)
    write_jobs(server.start())
    server.stop()
    data = home / "postgres" / "data"
    for path in [*data.rglob("*"), data]:
        os.chown(path, 0, 0)
    assert ask(owners.here(home).start(), "SELECT id FROM jobs") == 7
