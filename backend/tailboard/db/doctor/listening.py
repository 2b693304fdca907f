"""Whether what is committed can be heard of: LISTEN hears NOTIFY, in a session of its own, in the same database."""

from contextlib import closing
from secrets import token_hex
from typing import Final

import psycopg
from psycopg import errors, sql

from tailboard.db.doctor.asking import Asked, connect, one
from tailboard.db.doctor.findings import Judgement, Verdict
from tailboard.db.errors import first_line
from tailboard.db.session import is_shared

_ROUND_TRIP_S: Final = 2.0


def listening(connection: Asked, url: str, listen_url: str) -> Judgement:
    channel = sql.Identifier(f"tailboard_doctor_{token_hex(4)}")
    advice = (
        "A transaction pooler (PgBouncer, a cloud proxy) stands between: "
        "give its way round as TAILBOARD_LISTEN_URL, a direct connection to PostgreSQL."
    )
    try:
        with closing(connect(listen_url)) as listener, closing(connect(listen_url)) as other:
            if is_shared(listener, other):
                return Verdict.FAIL, "sessions share their server processes", advice
            if listen_url != url and one(connection, "log_database") != one(listener, "log_database"):
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
