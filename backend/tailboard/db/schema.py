"""Tailboard's own schema: migrating it up and down, and telling which version a database has.

Migrations are frozen SQL files, `migrations/sql/NNNN_name.{up,down}.sql`, run by alembic revisions that only name
them. Alembic stands between because it is what operators know: `alembic_version` is in the schema `tailboard`.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import psycopg
from alembic import command
from alembic.config import Config
from alembic.operations import MigrateOperation, Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import errors
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from tailboard.db.errors import first_line, required, translated
from tailboard.db.queries import query
from tailboard.db.session import connect
from tailboard.errors import DatabaseError, SchemaMissing

# Two nodes that start together must not both migrate: a session advisory lock, in a key space of our own.
_LOCK_CLASS: Final = 0x7461696C  # "tail"
_LOCK_MIGRATE: Final = 2
_CANCEL_S: Final = 1.0
"""So long a server may take to hear that a statement is not wanted any more."""

_SOURCES: Final = "0005"
"""Below this revision no table is attached."""


def migrations_folder() -> Path:
    """Where the migrations are: inside the package in a wheel, at the top of the tree in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parent.parent / "migrations"


def newest_revision() -> str:
    """The revision that this version of Tailboard works with."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None  # noqa: S101 - the package ships at least one migration
    return head


def current_revision(url: str) -> str | None:
    """The revision of a database, or None where Tailboard was never installed or was taken away."""
    with translated(), connect(url, "schema") as connection:
        try:
            return revision_of(connection)
        except errors.InsufficientPrivilege as error:
            _require_owner(connection)
            raise DatabaseError(first_line(error)) from error


def revision_of(connection: psycopg.Connection[Any]) -> str | None:
    """The same, asked on a connection of the caller's."""
    found = connection.execute("SELECT to_regclass('tailboard.alembic_version')::text").fetchone()
    if found is None or found[0] is None:
        return None
    row = connection.execute("SELECT version_num FROM tailboard.alembic_version").fetchone()
    return None if row is None else str(row[0])


def require_newest(url: str) -> None:
    """Raise SchemaMissing, saying what to do, unless the database is at the newest revision."""
    found, wanted = current_revision(url), newest_revision()
    if found is None:
        raise SchemaMissing("Tailboard is not installed in this database: run `tailboard migrate`.")
    if found != wanted:
        raise SchemaMissing(
            f"The database is at schema version {found}, this Tailboard needs {wanted}: run `tailboard migrate`."
            if found < wanted
            else f"The database is at schema version {found}, newer than this Tailboard ({wanted}): upgrade Tailboard."
        )


def require_owner(url: str) -> None:
    """Raise DatabaseError, saying what to do, unless the role may do all that a server does."""
    with translated(), connect(url, "schema") as connection:
        _require_owner(connection)


def _require_owner(connection: psycopg.Connection[Any]) -> None:
    asked = query("doctor_rights")
    role, _, owns, *_ = required(connection.execute(asked).fetchone(), asked)
    if owns is False:
        raise DatabaseError(
            f"{role} does not own the schema tailboard: connect as its owner, or GRANT that role TO {role}."
        )


def migrate(
    url: str, target: str = "head", *, connected: Callable[[Callable[[], None]], object] = lambda _: None
) -> str | None:
    """Bring the database to `target`: `head`, a revision such as `0002`, or `base` to take everything away.

    Safe to call at any time and from several nodes at once. Returns the revision it ended at. `connected` is given what
    makes the statement fail that runs just then, or waits for a lock: for another thread, which is to call it until
    this has ended, since between two statements it does nothing.
    """

    def creator() -> psycopg.Connection[Any]:
        connection = connect(url, "migrate", autocommit=False)
        connected(partial(_cancel, connection))
        return connection

    engine = create_engine("postgresql+psycopg://", creator=creator, poolclass=NullPool)
    config = _config()
    try:
        with translated(), engine.connect() as connection:
            lock = f"({_LOCK_CLASS}, {_LOCK_MIGRATE})"
            connection.exec_driver_sql(f"SELECT pg_catalog.pg_advisory_lock{lock}")
            # IF NOT EXISTS would ask for the right to create one even where it is there.
            if connection.exec_driver_sql("SELECT pg_catalog.to_regnamespace('tailboard')").scalar() is None:
                connection.exec_driver_sql("CREATE SCHEMA tailboard")
            connection.commit()
            config.attributes["connection"] = connection
            _move(config, connection, target)
            connection.commit()
            connection.exec_driver_sql(f"SELECT pg_catalog.pg_advisory_unlock{lock}")
            connection.commit()
    except SQLAlchemyError as error:
        # The driver's words; SQLAlchemy's hold the whole file that failed.
        cause = getattr(error, "orig", None) or error
        stands = current_revision(url) or "base"
        says = first_line(cause)
        if isinstance(cause, errors.InsufficientPrivilege):
            says += "; `tailboard doctor` says which right to grant"
        raise DatabaseError(
            f"Migrating to {target} failed, and the database is at {stands}: {says}"
        ) from error
    finally:
        engine.dispose()
    return current_revision(url)


def _cancel(connection: psycopg.Connection[Any]) -> None:
    with suppress(psycopg.Error):  # it may end at any time
        connection.cancel_safe(timeout=_CANCEL_S)


def _move(config: Config, connection: Connection, target: str) -> None:
    script = ScriptDirectory.from_config(config)
    if target == "base":
        _require_detachable(connection, target)
        command.downgrade(config, target)
        connection.exec_driver_sql("DROP SCHEMA tailboard CASCADE")
        return
    known = [revision.revision for revision in script.walk_revisions()]
    if target != "head" and target not in known:
        raise DatabaseError(
            f"There is no schema version {target}; there are base, {', '.join(sorted(known))} and head."
        )
    current = MigrationContext.configure(
        connection, opts={"version_table_schema": "tailboard"}
    ).get_current_revision()
    connection.commit()
    if current is not None and current not in known:
        raise SchemaMissing(
            f"The database is at schema version {current}, newer than this Tailboard: upgrade Tailboard."
        )
    wanted = newest_revision() if target == "head" else target
    if current is not None and wanted < current:
        if wanted < _SOURCES:
            _require_detachable(connection, target)
        command.downgrade(config, target)
    else:
        command.upgrade(config, target)


def _require_detachable(connection: Connection, target: str) -> None:
    """Raise DatabaseError unless the role may drop every trigger: half of the way down is no place to stop at."""
    tables = connection.exec_driver_sql(query("sources_guarded").as_string()).scalars().all()
    connection.commit()
    if tables:
        raise DatabaseError(
            f"Going down to {target} detaches every source, and a trigger is dropped by the owner of its table: "
            f"{', '.join(tables)}. Run `tailboard detach`, or this, as a superuser or as a member of their owners too; "
            "nothing was changed."
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


@Operations.register_operation("run_file")
class RunFile(MigrateOperation):
    """`op.run_file("0001_log.up.sql")`: run one frozen SQL file as it is."""

    def __init__(self, name: str) -> None:
        self.name = name

    @classmethod
    def run_file(cls, operations: Operations, name: str) -> None:
        operations.invoke(cls(name))


@Operations.implementation_for(RunFile)
def _run_file(operations: Operations, operation: RunFile) -> None:
    sql = (migrations_folder() / "sql" / operation.name).read_text(encoding="utf-8")
    # no_parameters: a percent sign in the file is a percent sign, not a placeholder
    bind = operations.get_bind().execution_options(no_parameters=True)
    bind.exec_driver_sql(sql)
