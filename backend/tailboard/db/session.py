"""Sessions of Tailboard's own, set alike whatever the database, the role or the environment sets for everybody.

An owner may have set a database to be read only unless asked, to SERIALIZABLE, to dates in German, or to a second for
each statement. That is meant for the workers: it must not decide what the log says, or whether it is sealed.
"""

from collections.abc import Mapping
from contextlib import closing
from typing import Any, Final

import psycopg
from psycopg import Connection
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL

from tailboard.db.errors import required, translated
from tailboard.errors import InvalidSetting

_LOOKS: Final = 5
_SETTINGS: Final = {
    "search_path": "pg_catalog",
    "jit": "off",  # costs more than any query here takes
    # How values are written and read.
    "timezone": "UTC",
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "standard_conforming_strings": "on",
    "backslash_quote": "safe_encoding",
    "quote_all_identifiers": "off",
    "plpgsql.extra_errors": "none",
    # What is read, and for how long: who wants a bound sets it.
    "row_security": "on",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_session_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "transaction_timeout": "0",  # since 17
}


def set_up(further: Mapping[str, str] | None = None, *, local: bool = False) -> bytes:
    """One SELECT that sets all of it, and `further` settings, for the session, or for a transaction alone. What this
    server's version does not know is left out.
    """
    settings = {**_SETTINGS, **(further or {})}
    return (
        SQL(
            "SELECT pg_catalog.count(pg_catalog.set_config(name, value, {})) FROM (VALUES {}) AS s (name, value)"
            " WHERE pg_catalog.current_setting(name, true) IS NOT NULL"
        )
        .format(local, SQL(", ").join(SQL("({}, {})").format(*pair) for pair in settings.items()))
        .as_bytes(None)
    )


def address(url: str, purpose: str, **further: Any) -> str:
    """What to connect with: a connection that says who it is, gives up in time, and speaks UTF-8."""
    name = f"tailboard {purpose}".rstrip()
    return make_conninfo(url, application_name=name, connect_timeout=5, client_encoding="UTF8", **further)


def connect(url: str, purpose: str, *, autocommit: bool = True) -> Connection[Any]:
    """A connection for one thread, past any pooler. Raises DatabaseUnavailable, DatabaseError, and InvalidSetting
    where a pooler stands between after all, before anything is set.
    """
    with translated():
        connection = psycopg.connect(address(url, purpose), autocommit=True)
        try:
            _require_own_session(connection, url)
            connection.execute(set_up())
            connection.autocommit = autocommit
        except BaseException:
            connection.close()
            raise
    return connection


def _require_own_session(connection: Connection[Any], url: str) -> None:
    if connection.info.backend_pid == _server_process(connection):
        return  # a pooler gives its clients numbers of its own
    with closing(psycopg.connect(address(url, "session"), autocommit=True)) as other:
        if not is_shared(connection, other):
            return
    raise InvalidSetting(
        "A transaction pooler such as PgBouncer stands between, and what Tailboard sets for its sessions would reach"
        " the workers: give the direct address of PostgreSQL as TAILBOARD_LISTEN_URL, beside the pooler's as"
        " TAILBOARD_DATABASE_URL."
    )


def is_shared(connection: Connection[Any], other: Connection[Any]) -> bool:
    """Whether the statements of two connections, none of them in a transaction, go to whatever server process is free:
    then one process serves both, or one connection is served by several. Nothing is held meanwhile, since the pooler
    may have one process alone. Each is asked a few times, because others who use it may come between.
    """
    seen = [(_server_process(connection), _server_process(other)) for _ in range(_LOOKS)]
    return len({*seen}) > 1 or seen[0][0] == seen[0][1]


def _server_process(connection: Connection[Any]) -> int:
    asked = "SELECT pg_catalog.pg_backend_pid()"
    return int(required(connection.execute(asked, prepare=False).fetchone(), asked)[0])
