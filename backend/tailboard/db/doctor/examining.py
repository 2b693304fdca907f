"""Making every check.

Each asks one query and judges its answer. A check that cannot be made is a finding too, never a crash.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import Final

import psycopg

from tailboard.db.doctor import installed, server
from tailboard.db.doctor.asking import Asked, connect, value
from tailboard.db.doctor.findings import Finding, Judgement, Verdict
from tailboard.db.doctor.listening import listening
from tailboard.db.errors import first_line
from tailboard.db.session import set_up
from tailboard.errors import TailboardError

_LOCAL: Final = set_up({"statement_timeout": "10s"}, local=True)


def examine(url: str, listen_url: str | None = None) -> Iterator[Finding]:
    """Make every check, yielding each finding as it is made. Reads only; leaves nothing behind."""
    try:
        connection = connect(url)
    except psycopg.Error as error:
        advice = "Check the URL, the password and the firewall."
        if "connection" in str(error) and ("too many" in str(error) or "slots" in str(error)):
            advice = (
                "End sessions that nobody needs, or raise max_connections or the role's CONNECTION LIMIT."
            )
        yield Finding("connection", Verdict.FAIL, first_line(error), advice)
        return
    with closing(connection):
        yield Finding("connection", Verdict.OK, f"connected to {connection.info.dbname}")
        for name, check in server.CHECKS.items():
            yield _made(name, check, connection)
        if value(connection, "SELECT pg_is_in_recovery()"):
            return  # the rest would be about the primary, whose servers and locks are not to be seen here
        # In no transaction: this connection would hold what may be a pooler's only one.
        yield Finding("listening", *listening(connection, url, listen_url or url))
        schema = _made("schema", installed.schema, connection)
        yield schema
        if schema.verdict is not Verdict.OK:
            return
        for name, check in installed.CHECKS.items():
            yield _made(name, check, connection)
        yield from _several("sources", installed.sources, connection)


def _made(name: str, check: Callable[[Asked], Judgement], connection: Asked) -> Finding:
    (finding,) = _several(name, lambda asked: [Finding(name, *check(asked))], connection)
    return finding


def _several(name: str, check: Callable[[Asked], Iterable[Finding]], connection: Asked) -> list[Finding]:
    """What a check finds, or that it could not be made."""
    try:
        # Settings for this transaction alone: behind a pooler a session's would reach the workers.
        with connection.transaction():
            connection.execute(_LOCAL)
            return list(check(connection))
    except (psycopg.Error, TailboardError) as error:
        return [
            Finding(
                name, Verdict.FAIL, f"could not be checked: {first_line(error)}", "Check the role's rights."
            )
        ]
