"""Migrating up and down, twice at once, and what comes out."""

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from fixtures.database import Connect
from migrations.schema import SNAPSHOT, describe
from tailboard.db import session
from tailboard.db.adopting.attaching import attach, detach
from tailboard.db.schema import (
    current_revision,
    migrate,
    migrations_folder,
    newest_revision,
    require_newest,
    require_owner,
)
from tailboard.errors import DatabaseError, SchemaMissing
from tailboard.sources.parsing import from_definition

REVISIONS = sorted(path.name[:4] for path in (migrations_folder() / "versions").glob("*.py"))


def objects(connection: psycopg.Connection[Any]) -> set[tuple[str, ...]]:
    """Everything in the database that somebody made, outside of the schema of Tailboard as well as in it."""
    found: set[tuple[str, ...]] = set()
    for statement in (
        "SELECT 'schema', nspname::text FROM pg_namespace WHERE nspname !~ '^pg_(toast|temp)'",
        "SELECT 'relation', oid::regclass::text FROM pg_class WHERE oid >= 16384 AND relname !~ '^pg_toast'",
        "SELECT 'function', oid::regprocedure::text FROM pg_proc WHERE oid >= 16384",
        "SELECT 'type', oid::regtype::text FROM pg_type WHERE oid >= 16384",
        "SELECT 'extension', extname::text FROM pg_extension",
        "SELECT 'trigger', tgname::text FROM pg_trigger WHERE oid >= 16384",
        "SELECT 'event trigger', evtname::text FROM pg_event_trigger",
        "SELECT 'operator', oid::regoperator::text FROM pg_operator WHERE oid >= 16384",
    ):
        found.update(connection.execute(statement.encode()).fetchall())
    return found


def owners_table(connection: psycopg.Connection[Any]) -> None:
    """Something of somebody else's that has to stay as it is."""
    connection.execute("CREATE SCHEMA theirs")
    connection.execute("CREATE TABLE theirs.jobs (id int PRIMARY KEY, status text)")
    connection.execute("INSERT INTO theirs.jobs VALUES (1, 'pending')")


def test_up_down_to_base_and_up_again(empty_database_url: str, connect: Connect) -> None:
    connection = connect()
    owners_table(connection)
    before = objects(connection)
    assert current_revision(empty_database_url) is None
    assert migrate(empty_database_url) == newest_revision()
    first = describe(connection)
    connection.execute("INSERT INTO tailboard.jobs (kind) VALUES ('k')")
    assert migrate(empty_database_url, "base") is None
    assert objects(connection) == before, "it leaves no trace"
    assert current_revision(empty_database_url) is None
    migrate(empty_database_url)
    assert describe(connection) == first
    connection.execute("INSERT INTO tailboard.jobs (kind) VALUES ('k')")
    assert connection.execute("SELECT count(*) FROM tailboard.changes").fetchone() == (1,)
    assert connection.execute("SELECT * FROM theirs.jobs").fetchall() == [(1, "pending")]


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_step_can_be_taken_back(revision: str, empty_database_url: str, connect: Connect) -> None:
    connection = connect()
    before = None
    step = REVISIONS.index(revision)
    if step:
        migrate(empty_database_url, REVISIONS[step - 1])
        before = describe_what_is_there(connection)
    assert migrate(empty_database_url, revision) == revision
    there = describe_what_is_there(connection)
    migrate(empty_database_url, REVISIONS[step - 1] if step else "base")
    if before is not None:
        assert describe_what_is_there(connection) == before
    migrate(empty_database_url, revision)
    assert describe_what_is_there(connection) == there


def describe_what_is_there(connection: psycopg.Connection[Any]) -> tuple[set[tuple[str, ...]], str]:
    return objects(connection), describe(connection)


def test_a_database_in_use_can_be_taken_down_and_up_step_by_step(
    empty_database_url: str, connect: Connect
) -> None:
    connection = connect()
    migrate(empty_database_url)
    connection.execute("INSERT INTO tailboard.jobs (kind) SELECT 'k' FROM generate_series(1, 50)")
    connection.execute("UPDATE tailboard.jobs SET status = 'in_progress'")
    connection.execute("DELETE FROM tailboard.jobs WHERE id % 2 = 0")
    for revision in reversed(REVISIONS[:-1]):
        assert migrate(empty_database_url, revision) == revision
    for revision in REVISIONS:
        assert migrate(empty_database_url, revision) == revision
    connection.execute("INSERT INTO tailboard.jobs (kind) VALUES ('k')")
    assert connection.execute("SELECT count(*) FROM tailboard.changes WHERE op = 'I'").fetchone() == (1,)


def test_the_schema_is_the_one_that_was_agreed_on(database_url: str, connect: Connect) -> None:
    """After a migration is added: read the difference, then run `python tests/migrations/schema.py`."""
    assert describe(connect()) == SNAPSHOT.read_text(encoding="utf-8")


def test_migrating_again_changes_nothing(empty_database_url: str, connect: Connect) -> None:
    migrate(empty_database_url)
    first = describe(connect())
    assert migrate(empty_database_url) == newest_revision()
    assert describe(connect()) == first


def test_several_nodes_may_migrate_at_once(empty_database_url: str, connect: Connect) -> None:
    with ThreadPoolExecutor(4) as nodes:
        ended = list(nodes.map(migrate, [empty_database_url] * 4, timeout=60))
    assert ended == [newest_revision()] * 4
    require_newest(empty_database_url)
    assert describe(connect()) == SNAPSHOT.read_text(encoding="utf-8")


def test_a_migration_that_fails_leaves_everything_as_it_was(
    empty_database_url: str, connect: Connect
) -> None:
    connection = connect()
    connection.execute("CREATE SCHEMA tailboard")
    connection.execute("CREATE TABLE tailboard.workers (in_the_way int)")
    with pytest.raises(DatabaseError) as failed:
        migrate(empty_database_url)
    assert str(failed.value).endswith('relation "workers" already exists'), "the reason, and not the file"
    # what the revisions before it did stays, and the one that failed did nothing
    found = current_revision(empty_database_url)
    assert found == "0001"
    assert connection.execute("SELECT to_regclass('tailboard.jobs')").fetchone() == (None,)
    connection.execute("DROP TABLE tailboard.workers")
    assert migrate(empty_database_url) == newest_revision()


@pytest.fixture
def role(empty_database_url: str, connect: Connect) -> Iterator[str]:
    """A role that may create nothing in the database."""
    name = f"tb_keeper_{os.getpid()}"
    connection = connect(empty_database_url)
    connection.execute(f"CREATE ROLE {name}".encode())
    yield name
    connection.execute(f"DROP OWNED BY {name} CASCADE; DROP ROLE {name}".encode())


def test_an_owner_of_the_schema_migrates_it_without_a_right_to_create_others(
    empty_database_url: str, connect: Connect, role: str
) -> None:
    connect(empty_database_url).execute(f"CREATE SCHEMA tailboard AUTHORIZATION {role}".encode())
    as_role = make_conninfo(empty_database_url, options=f"-c role={role}")
    assert migrate(as_role) == newest_revision()
    require_owner(as_role)


def test_a_role_without_the_rights_is_told_how_to_come_by_them(
    empty_database_url: str, connect: Connect, role: str
) -> None:
    as_role = make_conninfo(empty_database_url, options=f"-c role={role}")
    with pytest.raises(
        DatabaseError, match=r"permission denied for database .*; `tailboard doctor` says which"
    ):
        migrate(as_role)
    migrate(empty_database_url)
    for rights in ("", f"GRANT USAGE ON SCHEMA tailboard TO {role}"):
        connect(empty_database_url).execute(rights.encode())
        for attempt in (require_newest, require_owner, migrate):
            with pytest.raises(DatabaseError, match=f"connect as its owner, or GRANT that role TO {role}"):
                attempt(as_role)


@pytest.mark.parametrize("target", ["base", "0004"])
def test_a_way_down_that_ends_at_a_table_of_somebody_elses_is_not_begun(
    target: str, empty_database_url: str, connect: Connect, role: str
) -> None:
    owner = connect(empty_database_url)
    owners_table(owner)
    owner.execute(f"CREATE SCHEMA tailboard AUTHORIZATION {role}".encode())
    owner.execute(
        f"GRANT USAGE ON SCHEMA theirs TO {role}; GRANT SELECT, TRIGGER ON theirs.jobs TO {role}".encode()
    )
    as_role = make_conninfo(empty_database_url, options=f"-c role={role}")
    migrate(as_role)
    with session.connect(as_role, "attach") as connection:
        attach(
            connection, from_definition("theirs", {"table": "theirs.jobs", "id": "id", "status": "status"})
        )
    with pytest.raises(DatabaseError, match=r"owner of its table: theirs\.jobs\. Run `tailboard detach`"):
        migrate(as_role, target)
    assert current_revision(as_role) == newest_revision()
    assert migrate(as_role, "0007") == "0007"
    with session.connect(empty_database_url, "detach") as connection:
        detach(connection, "theirs")
    assert migrate(as_role, target) == (None if target == "base" else target)


@pytest.mark.parametrize("target", ["9999", "-1", "heads", "", "0001; DROP SCHEMA public"])
def test_a_version_that_does_not_exist_is_refused(target: str, database_url: str) -> None:
    with pytest.raises(DatabaseError, match="There is no schema version"):
        migrate(database_url, target)
    require_newest(database_url)


def test_a_server_says_what_to_do_about_another_version(
    database_url: str, empty_database_url: str, connect: Connect
) -> None:
    with pytest.raises(SchemaMissing, match="is not installed in this database: run `tailboard migrate`"):
        require_newest(empty_database_url)
    migrate(database_url, REVISIONS[-2])
    with pytest.raises(SchemaMissing, match=f"at schema version {REVISIONS[-2]}.*run `tailboard migrate`"):
        require_newest(database_url)
    migrate(database_url)
    connect(database_url).execute("UPDATE tailboard.alembic_version SET version_num = '9999'")
    for attempt in (require_newest, migrate):
        with pytest.raises(SchemaMissing, match="upgrade Tailboard"):
            attempt(database_url)


def test_the_schema_survives_a_dump(
    database_url: str, empty_database_url: str, connect: Connect, programs: Path
) -> None:
    environment = {"PATH": os.environ["PATH"]}
    dump = subprocess.run(
        [programs / "pg_dump", database_url], capture_output=True, check=True, env=environment
    )
    subprocess.run(
        [programs / "psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", empty_database_url],
        input=dump.stdout,
        capture_output=True,
        check=True,
        env=environment,
    )
    assert describe(connect(empty_database_url)) == SNAPSHOT.read_text(encoding="utf-8")
