"""What can be asked of any PostgreSQL."""

import time
from typing import Final

from tailboard.db.doctor.asking import Asked, one, value
from tailboard.db.doctor.findings import END_PREPARED, Judgement, Verdict, age
from tailboard.db.queries import query

_OLDEST_SERVER: Final = 140_000
LONG_TRANSACTION_S: Final = 60.0
"""A transaction that has been open for longer is worth a word."""
_TRANSACTIONS_NAMED: Final = 3


def _server(connection: Asked) -> Judgement:
    row = one(connection, "doctor_server")
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
    encoding = one(connection, "doctor_server").encoding
    if encoding == "SQL_ASCII":
        advice = (
            "A job with text that is no UTF-8 stops the feed and its lists, and nothing here refuses it: let every"
            " worker write UTF-8, or dump the database and restore it into one with ENCODING 'UTF8'."
        )
        return Verdict.WARN, "SQL_ASCII: the database takes any bytes for text", advice
    return Verdict.OK, encoding, ""


def _rights(connection: Asked) -> Judgement:
    row = one(connection, "doctor_rights")
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
    there = value(connection, "SELECT extract(epoch FROM clock_timestamp())::float8")
    after = time.time()
    # Half a round trip of doubt on either side: only what lies outside of it is skew.
    skew = max(there - after, before - there, 0.0)
    if skew > 1:
        advice = "Ages will be shown wrongly: keep both clocks with NTP."
        return Verdict.WARN, f"this machine and the server are {skew:.1f} s apart", advice
    return Verdict.OK, "this machine and the server agree to within a second", ""


def _connections(connection: Asked) -> Judgement:
    row = one(connection, "doctor_connections")
    found = f"{row.used} of {row.allowed} connections are taken"
    if row.used > row.allowed * 0.9:
        return Verdict.WARN, found, "Raise max_connections, or put a pooler before the workers."
    return Verdict.OK, found, ""


def _notify_queue(connection: Asked) -> Judgement:
    used = one(connection, "doctor_notify").used
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
        f"{row.who} ({row.what}{row.place}) for {age(row.seconds)}, "
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
        advice += f" {END_PREPARED}"
    return Verdict.WARN, found, advice


CHECKS: Final = {
    "server": _server,
    "encoding": _encoding,
    "rights": _rights,
    "clock": _clock,
    "connections": _connections,
    "notify queue": _notify_queue,
    "open transactions": _transactions,
}
