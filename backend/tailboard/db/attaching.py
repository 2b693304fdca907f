"""Attaching a table and detaching it again: each in one transaction that never keeps the owner's writers waiting long.

CREATE TRIGGER waits for every open writer of the table, and whoever comes meanwhile waits behind it. So it waits for
a fifth of a second at most, gives way, and tries again.
"""

import random
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec
import psycopg
from psycopg import Connection, errors
from psycopg.sql import SQL, Identifier, Literal

from tailboard.db.described import Described, describe
from tailboard.db.errors import translated
from tailboard.db.generating import EMPTIED_TRIGGER, FOLLOW_TRIGGER, TRIGGER, Generated
from tailboard.db.queries import query
from tailboard.db.remembering import Remembering
from tailboard.errors import AttachRefused, SourceNotFound
from tailboard.sources.source import Source

T = TypeVar("T")

_TRIGGER: Final = SQL(
    "CREATE TRIGGER {} AFTER INSERT OR UPDATE OR DELETE ON {} FOR EACH ROW EXECUTE FUNCTION {}({})"
)
_DEFERRED_TRIGGER: Final = SQL(
    "CREATE CONSTRAINT TRIGGER {} AFTER INSERT OR UPDATE OR DELETE ON {} DEFERRABLE INITIALLY DEFERRED"
    " FOR EACH ROW EXECUTE FUNCTION {}({})"
)
_EMPTIED_TRIGGER: Final = SQL(
    "CREATE TRIGGER {} AFTER TRUNCATE ON {} FOR EACH STATEMENT EXECUTE FUNCTION tailboard.capture_emptied({})"
)
_LOCK_TIMEOUT_MS: Final = 200
_TRIES: Final = 30
_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 2.0

Waiting = Callable[[int], None]
"""Told each time that a lock was not to be had, with how often that was."""


def connect(url: str, purpose: str = "attach") -> Connection[Any]:
    """A connection in which everything outside of PostgreSQL's catalog has to be named with its schema."""
    with translated():
        connection = psycopg.connect(
            url, autocommit=True, connect_timeout=5, application_name=f"tailboard {purpose}"
        )
        connection.execute(
            "SELECT set_config('search_path', 'pg_catalog', false), set_config('timezone', 'UTC', false),"
            " set_config('jit', 'off', false)"
        )
    return connection


def attach(connection: Connection[Any], source: Source, waiting: Waiting = lambda _: None) -> Described:
    """Put a table on the board. Raises InvalidSource and AttachRefused, and then nothing has changed.

    Its rows are counted by the sealer, soon after or when a server starts: until then the source is not synced.
    """
    return _patiently(connection, lambda: _attach(connection, source), waiting, f"The table {source.table}")


def detach(connection: Connection[Any], name: str, waiting: Waiting = lambda _: None) -> None:
    """Take a source off the board, and every trace of it off its table. Raises SourceNotFound and AttachRefused."""

    def work() -> None:
        try:
            connection.execute("SELECT tailboard.detach(%s)", [name])
        except errors.UndefinedObject as error:
            raise SourceNotFound(_not_attached(connection, name)) from error

    _patiently(connection, work, waiting, f"The table of {name}")


def install(connection: Connection[Any], described: Described) -> None:
    """Make, or make anew, what a source has in Tailboard's schema; nothing on the owner's table."""
    source = described.source
    generated = Generated(described, connection)
    connection.execute("SELECT tailboard.drop_reading(%s)", [source.name])
    remembering = Remembering(generated, described, connection) if source.remembers else None
    functions = generated.reading_functions() + (remembering.functions() if remembering else [])
    for function in functions:
        connection.execute(function)
    connection.execute(
        query("source_store"),
        {
            "name": source.name,
            "table": str(source.table),
            "relation": described.table.oid,
            "definition": msgspec.json.encode(source.definition).decode(),
            "columns": msgspec.json.encode(described.fingerprint).decode(),
            "capture": (remembering or generated).capture(),
        },
    )
    connection.execute("SELECT tailboard.write_captures(%s)", [source.name])
    _own(connection, described)


def _attach(connection: Connection[Any], source: Source) -> Described:
    refuse_attached(connection, source)
    described = describe(connection, source)
    connection.execute(
        SQL("CREATE SEQUENCE IF NOT EXISTS {}").format(Identifier("tailboard", f"faults_{source.name}"))
    )
    install(connection, described)
    _watch(connection, described)
    return described


def refuse_attached(connection: Connection[Any], source: Source) -> None:
    """Raise AttachRefused where the name is taken, or the table is on the board already."""
    row = connection.execute(
        query("source_taken"),
        {"name": source.name, "schema": source.table.schema, "table": source.table.table},
    ).fetchone()
    if row is None:
        return
    name, table = row
    if name == source.name:
        raise AttachRefused(
            f"A source {name} is attached already, to {table}: "
            f"`tailboard detach {name}` first, or choose another --name."
        )
    raise AttachRefused(f"{table} is attached already, as {name}: `tailboard detach {name}` first.")


def _watch(connection: Connection[Any], described: Described) -> None:
    """The triggers: the only thing that touches the owner's tables, and the last."""
    source = described.source
    watch = Identifier("tailboard", f"watch_{source.name}")
    create = _DEFERRED_TRIGGER if source.remembers else _TRIGGER
    connection.execute(create.format(TRIGGER, Identifier(*source.table), watch, SQL("")))
    tables = [source.table]
    for number, follow in enumerate(source.follows, start=1):
        touch = Identifier("tailboard", f"touch_{source.name}")
        connection.execute(
            _DEFERRED_TRIGGER.format(FOLLOW_TRIGGER, Identifier(*follow.table), touch, Literal(str(number)))
        )
        tables.append(follow.table)
    for table in tables:
        connection.execute(_EMPTIED_TRIGGER.format(EMPTIED_TRIGGER, Identifier(*table), Literal(source.name)))
    if source.remembers:
        remember = Identifier("tailboard", f"remember_{source.name}")
        connection.execute(SQL("SELECT {}()").format(remember))


def _own(connection: Connection[Any], described: Described) -> None:
    """Give what was made to the owner of the schema, as whom the capture runs and the sealer renews it."""
    connection.execute(
        "SELECT tailboard.own_source(%s, %s)", [described.source.name, described.table.partitioned]
    )


def _patiently(connection: Connection[Any], work: Callable[[], T], waiting: Waiting, what: str) -> T:
    """Do work in a transaction that gives way at once where a lock is not to be had, again and again."""
    pause = _PAUSE_S
    with translated():
        for tries in range(1, _TRIES + 1):
            try:
                with connection.transaction():
                    connection.execute(
                        "SELECT set_config('lock_timeout', %s, true)", [f"{_LOCK_TIMEOUT_MS}ms"]
                    )
                    return work()
            except (errors.LockNotAvailable, errors.DeadlockDetected, errors.InternalError_) as error:
                if isinstance(error, errors.InternalError_) and "concurrently updated" not in str(error):
                    raise
                waiting(tries)
                time.sleep(pause * random.uniform(0.5, 1.0))
                pause = min(pause * 1.5, _LONGEST_PAUSE_S)
    raise AttachRefused(
        f"{what} was locked by others at each of {_TRIES} tries; nothing was changed. "
        "See who holds it with `tailboard doctor`, and try again."
    )


def _not_attached(connection: Connection[Any], name: str) -> str:
    names = [row[0] for row in connection.execute(query("source_names")).fetchall()]
    there = f"attached are {', '.join(names)}" if names else "none is"
    return f"No source {name} is attached; {there}."
