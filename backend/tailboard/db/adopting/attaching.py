"""Attaching a table and detaching it again: each in one transaction that never keeps the owner's writers waiting long.

CREATE TRIGGER waits for every open writer of the table, and whoever comes meanwhile waits behind it. So it waits for
a fifth of a second at most, gives way, and tries again.
"""

import random
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from psycopg import Connection, errors
from psycopg.sql import SQL, Composed, Identifier, Literal

from tailboard.db.adopting.described import Described
from tailboard.db.adopting.describing import describe
from tailboard.db.adopting.generating import EMPTIED_TRIGGER, FOLLOW_TRIGGER, TRIGGER
from tailboard.db.adopting.installing import install, refuse_attached
from tailboard.db.adopting.preview import preview
from tailboard.db.adopting.refusals import said
from tailboard.db.errors import translated
from tailboard.db.queries import query
from tailboard.errors import AttachRefused, DatabaseError, SourceNotFound
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


def attach(
    connection: Connection[Any],
    source: Source,
    waiting: Waiting = lambda _: None,
    *,
    previewed: bool = False,
) -> Described:
    """Put a table on the board. Raises InvalidSource and AttachRefused, and then nothing has changed.

    `previewed` says that the data has been looked at just now. The rows are counted by the sealer, soon after or when
    a server starts: until then the source is not synced.
    """
    if not previewed:
        preview(connection, source, measure=False)
    return _patiently(connection, lambda: _attach(connection, source), waiting, f"The table {source.table}")


def detach(connection: Connection[Any], name: str, waiting: Waiting = lambda _: None) -> None:
    """Take a source off the board, and every trace of it off its table. Raises SourceNotFound and AttachRefused."""
    try:
        _patiently(
            connection,
            lambda: connection.execute("SELECT tailboard.detach(%s)", [name]),
            waiting,
            f"The table of {name}",
        )
    except DatabaseError as error:
        if isinstance(error.__cause__, errors.UndefinedObject):
            raise SourceNotFound(_not_attached(connection, name)) from error
        if isinstance(error.__cause__, errors.InsufficientPrivilege):
            raise AttachRefused(_not_owned(connection, name, error)) from error
        if isinstance(error.__cause__, errors.DependentObjectsStillExist):
            depends = error.__cause__.diag.message_detail
            raise AttachRefused(
                f"{name} stays attached: {depends}. Drop what depends on it, and detach again."
            ) from error
        raise


def _attach(connection: Connection[Any], source: Source) -> Described:
    refuse_attached(connection, source)
    described = describe(connection, source)
    install(connection, described)
    _watch(connection, described)
    return described


def _watch(connection: Connection[Any], described: Described) -> None:
    """The triggers: the only thing that touches the owner's tables, and the last."""
    source = described.source
    watch = Identifier("tailboard", f"watch_{source.name}")
    create = _DEFERRED_TRIGGER if source.remembers else _TRIGGER
    _create(connection, create.format(TRIGGER, Identifier(*source.table), watch, SQL("")))
    tables = [source.table]
    for number, follow in enumerate(source.follows, start=1):
        touch = Identifier("tailboard", f"touch_{source.name}")
        _create(
            connection,
            _DEFERRED_TRIGGER.format(FOLLOW_TRIGGER, Identifier(*follow.table), touch, Literal(str(number))),
        )
        tables.append(follow.table)
    for table in tables:
        _create(
            connection,
            _EMPTIED_TRIGGER.format(EMPTIED_TRIGGER, Identifier(*table), Literal(source.name)),
        )
    if source.remembers:
        remember = Identifier("tailboard", f"remember_{source.name}")
        connection.execute(SQL("SELECT {}()").format(remember))


def _create(connection: Connection[Any], trigger: Composed) -> None:
    try:
        connection.execute(trigger)
    except errors.DuplicateObject as error:
        raise AttachRefused(
            f"{said(error)}: another source watches or follows it, or it was copied or restored with its triggers. "
            "Detach that source first; a trigger tailboard_… that is of none, DROP."
        ) from error


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
            except (
                errors.LockNotAvailable,
                errors.DeadlockDetected,
                errors.UniqueViolation,  # somebody attaches the table under another name
                errors.InternalError_,
            ) as error:
                if isinstance(error, errors.InternalError_) and "concurrently updated" not in str(error):
                    raise
                waiting(tries)
                time.sleep(pause * random.uniform(0.5, 1.0))
                pause = min(pause * 1.5, _LONGEST_PAUSE_S)
    raise AttachRefused(
        f"{what} was locked by others at each of {_TRIES} tries; nothing was changed. "
        "See who holds it with `tailboard doctor`, and try again."
    )


def _not_owned(connection: Connection[Any], name: str, error: DatabaseError) -> str:
    row = connection.execute(query("adopting_owner"), {"name": name}).fetchone()
    advice = " Detach it as a superuser."
    if row is not None and not row[2]:
        advice = f" Detach it as a superuser, or GRANT {row[0]} TO {row[1]} first."
    return f"{name} stays attached: {error}. A trigger is dropped by the owner of its table.{advice}"


def _not_attached(connection: Connection[Any], name: str) -> str:
    names = [row[0] for row in connection.execute(query("adopting_names")).fetchall()]
    there = f"attached are {', '.join(names)}" if names else "none is"
    return f"No source {name} is attached; {there}."
