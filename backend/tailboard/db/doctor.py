"""Look at a database the way a cautious operator would, and say what to do about each thing that is wrong.

Each check asks one query and judges its answer. A check that cannot be made is a finding too, never a crash.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from enum import StrEnum
from secrets import token_hex
from typing import Any, Final, LiteralString, assert_never

import msgspec
import psycopg
from psycopg import Connection, errors, sql
from psycopg.rows import namedtuple_row

from tailboard.db.adopting.upkeep import healths_sync
from tailboard.db.errors import first_line
from tailboard.db.queries import query
from tailboard.db.schema import newest_revision, revision_of
from tailboard.db.session import address, is_shared, set_up
from tailboard.errors import TailboardError
from tailboard.sources.health import State

_OLDEST_SERVER: Final = 140_000
_ROUND_TRIP_S: Final = 2.0
LONG_TRANSACTION_S: Final = 60.0
_TRANSACTIONS_NAMED: Final = 3
"""A transaction that has been open for longer is worth a word."""
STUCK_S: Final = 5.0
"""Committed changes that have had no position for longer mean that the leader does not seal."""
_GIB: Final = 1024**3
_END_PREPARED: Final = (
    "A prepared transaction is ended by name, in its database: "
    "SELECT gid, owner FROM pg_prepared_xacts, then COMMIT PREPARED or ROLLBACK PREPARED."
)
_LOCAL: Final = set_up({"statement_timeout": "10s"}, local=True)


class Verdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(msgspec.Struct, frozen=True):
    """What one check saw, and what to do about it (empty where nothing is to be done)."""

    check: str
    verdict: Verdict
    found: str
    advice: str = ""


Asked = Connection[Any]
"""A connection whose rows have named columns, of whatever type the query gives them."""

Judgement = tuple[Verdict, str, str]
"""Verdict, what was found, what to do."""


def examine(url: str, listen_url: str | None = None) -> Iterator[Finding]:
    """Make every check, yielding each finding as it is made. Reads only; leaves nothing behind."""
    try:
        connection = _connect(url)
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
        for name, check in _SERVER.items():
            yield _made(name, check, connection)
        if _value(connection, "SELECT pg_is_in_recovery()"):
            return  # the rest would be about the primary, whose servers and locks are not to be seen here
        # In no transaction: this connection would hold what may be a pooler's only one.
        yield Finding("listening", *_listening(connection, url, listen_url or url))
        schema = _made("schema", _schema, connection)
        yield schema
        if schema.verdict is not Verdict.OK:
            return
        for name, check in _TAILBOARD.items():
            yield _made(name, check, connection)
        yield from _sources(connection)


def _connect(url: str) -> Asked:
    return psycopg.connect(
        address(url, "doctor"), autocommit=True, row_factory=namedtuple_row, prepare_threshold=None
    )


def _made(name: str, check: Callable[[Asked], Judgement], connection: Asked) -> Finding:
    try:
        # Settings for this transaction alone: behind a pooler a session's would reach the workers.
        with connection.transaction():
            connection.execute(_LOCAL)
            return Finding(name, *check(connection))
    except (psycopg.Error, TailboardError) as error:
        return Finding(
            name, Verdict.FAIL, f"could not be checked: {first_line(error)}", "Check the role's rights."
        )


def _one(connection: Asked, name: str) -> Any:
    return connection.execute(query(name)).fetchone()


def _value(connection: Asked, statement: LiteralString) -> Any:
    row = connection.execute(statement).fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    return row[0]


def _server(connection: Asked) -> Judgement:
    row = _one(connection, "doctor_server")
    found = f"PostgreSQL {row.version}"
    if row.number < _OLDEST_SERVER:
        return Verdict.FAIL, found, "Tailboard needs PostgreSQL 14 or newer: upgrade the server."
    if row.standby:
        return Verdict.FAIL, f"{found}, a standby", "Use the URL of the primary: a standby takes no writes."
    if not (row.fsync and row.full_pages):
        advice = "A crash may lose or damage jobs and log alike: turn fsync and full_page_writes on."
        return Verdict.WARN, f"{found} with fsync or full_page_writes off", advice
    return Verdict.OK, found, ""


def _encoding(connection: Asked) -> Judgement:
    encoding = _one(connection, "doctor_server").encoding
    if encoding == "SQL_ASCII":
        advice = (
            "A job with text that is no UTF-8 stops the feed and its lists, and nothing here refuses it: let every"
            " worker write UTF-8, or dump the database and restore it into one with ENCODING 'UTF8'."
        )
        return Verdict.WARN, "SQL_ASCII: the database takes any bytes for text", advice
    return Verdict.OK, encoding, ""


def _rights(connection: Asked) -> Judgement:
    row = _one(connection, "doctor_rights")
    if row.owns is False:
        advice = f"Connect as the owner of the schema, or GRANT that role TO {row.role}."
        return Verdict.FAIL, f"{row.role} does not own the schema tailboard", advice
    if row.owns is None and not row.create_schema:
        database = connection.info.dbname
        advice = f"GRANT CREATE ON DATABASE {database} TO {row.role}, or migrate as another role."
        return Verdict.FAIL, f"{row.role} may not create the schema tailboard", advice
    if not row.identity:
        advice = f"GRANT EXECUTE ON FUNCTION pg_control_system() TO {row.role}: it tells a restored server."
        return Verdict.FAIL, f"{row.role} may not ask which server this is", advice
    if not row.monitor:
        advice = f"GRANT pg_monitor TO {row.role}, so that doctor can see other roles' transactions."
        return Verdict.WARN, f"{row.role} sees only its own transactions", advice
    return Verdict.OK, f"{row.role} has all that is needed", ""


def _clock(connection: Asked) -> Judgement:
    before = time.time()
    there = _value(connection, "SELECT extract(epoch FROM clock_timestamp())::float8")
    after = time.time()
    # Half a round trip of doubt on either side: only what lies outside of it is skew.
    skew = max(there - after, before - there, 0.0)
    if skew > 1:
        advice = "Ages will be shown wrongly: keep both clocks with NTP."
        return Verdict.WARN, f"this machine and the server are {skew:.1f} s apart", advice
    return Verdict.OK, "this machine and the server agree to within a second", ""


def _connections(connection: Asked) -> Judgement:
    row = _one(connection, "doctor_connections")
    found = f"{row.used} of {row.allowed} connections are taken"
    if row.used > row.allowed * 0.9:
        return Verdict.WARN, found, "Raise max_connections, or put a pooler before the workers."
    return Verdict.OK, found, ""


def _notify_queue(connection: Asked) -> Judgement:
    used = _one(connection, "doctor_notify").used
    found = f"{used:.0%} of the queue is in use"
    if used > 0.1:
        advice = "A session that LISTENs sits in an open transaction; end it (see open transactions)."
        return (Verdict.FAIL if used > 0.5 else Verdict.WARN), found, advice
    return Verdict.OK, found, ""


def _transactions(connection: Asked) -> Judgement:
    rows = connection.execute(query("doctor_transactions"), {"longer_s": LONG_TRANSACTION_S}).fetchall()
    if not rows:
        return Verdict.OK, "none has been open for long", ""
    named = [
        f"{row.who} ({row.what}{row.place}) for {_age(row.seconds)}, "
        + ("has written, and keeps the sealer awake" if row.wrote else "has only read")
        for row in rows[:_TRANSACTIONS_NAMED]
    ]
    if len(rows) > len(named):
        named.append("and others")
    found = f"{len(rows)} open for long: {'; '.join(named)}"
    costs = "the sealer looks for their end six times a second and " if rows[0].wrote else ""
    advice = (
        f"The feed goes on, but {costs}nothing is vacuumed until they end: "
        "commit them, or set idle_in_transaction_session_timeout."
    )
    if any(row.who.startswith("prepared transaction") for row in rows):
        advice += f" {_END_PREPARED}"
    return Verdict.WARN, found, advice


def _listening(connection: Asked, url: str, listen_url: str) -> Judgement:
    """LISTEN hears NOTIFY, in a session of its own, in the same database."""
    channel = sql.Identifier(f"tailboard_doctor_{token_hex(4)}")
    advice = (
        "A transaction pooler (PgBouncer, a cloud proxy) stands between: "
        "give its way round as TAILBOARD_LISTEN_URL, a direct connection to PostgreSQL."
    )
    try:
        with closing(_connect(listen_url)) as listener, closing(_connect(listen_url)) as other:
            if is_shared(listener, other):
                return Verdict.FAIL, "sessions share their server processes", advice
            if listen_url != url and _one(connection, "log_database") != _one(listener, "log_database"):
                advice = "Give a direct connection to the database of TAILBOARD_DATABASE_URL as TAILBOARD_LISTEN_URL."
                return Verdict.FAIL, f"it leads to another database, {listener.info.dbname}", advice
            listener.execute(sql.SQL("LISTEN {}").format(channel))
            other.execute(sql.SQL("NOTIFY {}").format(channel))
            if not list(listener.notifies(timeout=_ROUND_TRIP_S, stop_after=1)):
                return Verdict.FAIL, f"NOTIFY was not heard within {_ROUND_TRIP_S:.0f} s", advice
    except errors.ReadOnlySqlTransaction as error:
        advice = "It leads to a standby: give a direct connection to the primary as TAILBOARD_LISTEN_URL."
        return Verdict.FAIL, first_line(error), advice
    except psycopg.Error as error:
        return Verdict.FAIL, first_line(error), f"Check TAILBOARD_LISTEN_URL. {advice}"
    return Verdict.OK, "NOTIFY is heard, and the session is one of its own", ""


def _schema(connection: Asked) -> Judgement:
    found, wanted = revision_of(connection), newest_revision()
    if found is None:
        return Verdict.FAIL, "Tailboard is not installed in this database", "Run `tailboard migrate`."
    if found < wanted:
        return Verdict.FAIL, f"version {found}, this Tailboard needs {wanted}", "Run `tailboard migrate`."
    if found > wanted:
        return Verdict.FAIL, f"version {found}, newer than this Tailboard ({wanted})", "Upgrade Tailboard."
    return Verdict.OK, f"version {found}", ""


def _capture(connection: Asked) -> Judgement:
    rows = connection.execute(query("doctor_capture")).fetchall()
    missing = [row.name for row in rows if row.fires is None or not row.calls]
    if missing:
        advice = "Changes are being missed: restore the schema tailboard from a dump, or install it anew."
        found = f"the trigger {' and '.join(missing)} is missing or calls something else"
        return Verdict.FAIL, found, advice
    quiet = [row.name for row in rows if not row.fires]
    if quiet:
        advice = "; ".join(f"ALTER TABLE tailboard.jobs ENABLE ALWAYS TRIGGER {name}" for name in quiet)
        return Verdict.FAIL, f"the trigger {' and '.join(quiet)} does not always fire", f"{advice}."
    return Verdict.OK, "every change of tailboard.jobs is captured", ""


def _sources(connection: Asked) -> Iterator[Finding]:
    """One line for each adopted table."""
    try:
        with connection.transaction():
            connection.execute(_LOCAL)
            found = healths_sync(connection)
    except (psycopg.Error, TailboardError) as error:
        yield Finding(
            "sources", Verdict.FAIL, f"could not be checked: {first_line(error)}", "Check the role's rights."
        )
        return
    for source in found:
        match source.state:
            case State.OK:
                verdict = Verdict.OK
            case State.SYNCING:
                verdict = Verdict.WARN
            case State.FAULTY | State.DRIFTED | State.BROKEN:
                verdict = Verdict.FAIL
            case _:
                assert_never(source.state)
        yield Finding(f"source {source.name}", verdict, source.found, source.advice)


def _sealing(connection: Asked) -> Judgement:
    row = _one(connection, "doctor_sealing")
    waiting = row.waiting_s or 0.0
    if row.leader is None:
        since = f"; changes have been waiting for {_age(waiting)}" if row.waiting_s else ""
        advice = "Start `tailboard up` or `tailboard serve`; what was captured meanwhile will be sealed then."
        return Verdict.WARN, f"no server is sealing{since}", advice
    how = "writers wake it by NOTIFY" if row.armed else "it polls, and writers do without NOTIFY"
    found = f"process {row.leader} orders the changes; {how}"
    if waiting > STUCK_S:
        advice = (
            f"The sealer is stuck; see its log, or pg_terminate_backend({row.leader}): another takes over."
        )
        return Verdict.FAIL, f"{found}, but changes have been waiting for {_age(waiting)}", advice
    return Verdict.OK, found, ""


def _locks(connection: Asked) -> Judgement:
    rows = connection.execute(query("doctor_locks")).fetchall()
    if not rows:
        return Verdict.OK, "nobody waits for a lock on Tailboard's tables", ""
    longest = rows[0]
    blockers = (
        ", ".join([str(pid) if pid else "a prepared transaction" for pid in longest.blockers]) or "unknown"
    )
    found = (
        f"{len(rows)} waiting; process {longest.pid} for {longest.relation} since {_age(longest.seconds)}, "
        f"behind {blockers}"
    )
    if 0 in longest.blockers:
        return Verdict.WARN, found, _END_PREPARED
    ends = "; ".join([f"SELECT pg_terminate_backend({pid})" for pid in longest.blockers])
    return Verdict.WARN, found, f"End what holds it: {ends}." if ends else ""


def _prepared(connection: Asked) -> Judgement:
    row = _one(connection, "doctor_prepared")
    if row.allowed and row.notify:
        advice = (
            "Only if workers use PREPARE TRANSACTION, which fails after NOTIFY: "
            "UPDATE tailboard.settings SET value = 'false' WHERE key = 'notify'."
        )
        return Verdict.WARN, "two-phase commit is allowed, and writers NOTIFY", advice
    return Verdict.OK, "no conflict with NOTIFY", ""


def _log(connection: Asked) -> Judgement:
    row = _one(connection, "doctor_log")
    found = f"{row.bytes / _GIB:.2f} GiB, reaching back {_age(row.age_s or 0)}"
    if row.overflow:
        advice = "Readers see them; but keep a server running, it has leaves ready ahead of the writers."
        return Verdict.WARN, f"{found}, {row.overflow} changes in the overflow", advice
    if not row.ahead:
        advice = "Start a server, it makes leaves. Until then changes will go to the overflow."
        return Verdict.WARN, f"{found}, no leaf is ready ahead", advice
    return Verdict.OK, found, ""


def _age(seconds: float) -> str:
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


_SERVER: Final = {
    "server": _server,
    "encoding": _encoding,
    "rights": _rights,
    "clock": _clock,
    "connections": _connections,
    "notify queue": _notify_queue,
    "open transactions": _transactions,
}
"""What can be asked of any PostgreSQL."""

_TAILBOARD: Final = {
    "capture": _capture,
    "sealing": _sealing,
    "lock waits": _locks,
    "two-phase commit": _prepared,
    "log": _log,
}
"""What needs Tailboard's schema."""
