"""What the embedded server refuses to start on, and what it says to do."""

from pathlib import Path

import pytest

from db.embedded.owners import Owners, ask
from tailboard.db.embedded import cluster, data_folder, postmaster
from tailboard.errors import EmbeddedServerError


def test_data_of_another_major_version_is_refused(home: Path, owners: Owners) -> None:
    server = owners.here(home)
    server.start()
    server.stop()
    (home / "postgres" / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedServerError, match=r"made by PostgreSQL 9 .* pg_dump"):
        owners.here(home).start()


def test_foreign_files_in_the_data_folder_are_left_alone(home: Path, owners: Owners) -> None:
    data = home / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "thesis.txt").write_text("years of work")
    with pytest.raises(EmbeddedServerError, match="move it away"):
        owners.here(home).start()
    assert (data / "thesis.txt").exists()


def test_a_home_that_is_a_file_is_an_error(home: Path, owners: Owners) -> None:
    (home / "file").touch()
    with pytest.raises(EmbeddedServerError, match="is not a folder"):
        owners.here(home / "file").start()


def test_a_server_that_cannot_start_says_why_and_leaves_nothing(home: Path, owners: Owners) -> None:
    with pytest.raises(EmbeddedServerError, match=r"max_connections.*postgres\.log"):
        owners.here(home, settings={"max_connections": "-1", "fsync": "off"}).start()
    assert postmaster.processes(cluster.cluster_name(home / "postgres" / "data")) == ()
    assert ask(owners.here(home).start(), "SELECT 1") == 1


def test_programs_that_are_missing_are_an_error(home: Path, owners: Owners) -> None:
    with pytest.raises(EmbeddedServerError, match="no PostgreSQL server program"):
        owners.here(home, bin_dir=home).start()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_named(home: Path, owners: Owners, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_folder, "_SPACE_NEEDED", 1 << 62)
    with pytest.raises(EmbeddedServerError, match=r"no space left .*free some"):
        owners.here(home).start()


def test_a_server_that_runs_out_of_sight_is_not_replaced(
    home: Path, owners: Owners, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one does in another container, or on another machine, that has the same folder."""
    server = owners.here(home)
    url = server.start()
    monkeypatch.setattr(postmaster, "is_alive", lambda *_: False)
    with pytest.raises(EmbeddedServerError, match="did not start here"):
        owners.here(home).start()
    assert ask(url, "SELECT 1") == 1
    assert server.running
