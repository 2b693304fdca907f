"""What can be asked where Tailboard is installed, and whether it is."""

from collections.abc import Iterator
from typing import Final, assert_never

from tailboard.db.adopting.upkeep import healths_sync
from tailboard.db.doctor.asking import Asked, one
from tailboard.db.doctor.findings import END_PREPARED, Finding, Judgement, Verdict, age
from tailboard.db.queries import query
from tailboard.db.schema import newest_revision, revision_of
from tailboard.sources.health import State

STUCK_S: Final = 5.0
"""Committed changes that have had no position for longer mean that the leader does not seal."""
_GIB: Final = 1024**3


def schema(connection: Asked) -> Judgement:
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


def _sealing(connection: Asked) -> Judgement:
    row = one(connection, "doctor_sealing")
    waiting = row.waiting_s or 0.0
    if row.leader is None:
        since = f"; changes have been waiting for {age(waiting)}" if row.waiting_s else ""
        advice = "Start `tailboard up` or `tailboard serve`; what was captured meanwhile will be sealed then."
        return Verdict.WARN, f"no server is sealing{since}", advice
    how = "writers wake it by NOTIFY" if row.armed else "it polls, and writers do without NOTIFY"
    found = f"process {row.leader} orders the changes; {how}"
    if waiting > STUCK_S:
        advice = (
            f"The sealer is stuck; see its log, or pg_terminate_backend({row.leader}): another takes over."
        )
        return Verdict.FAIL, f"{found}, but changes have been waiting for {age(waiting)}", advice
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
        f"{len(rows)} waiting; process {longest.pid} for {longest.relation} since {age(longest.seconds)}, "
        f"behind {blockers}"
    )
    if 0 in longest.blockers:
        return Verdict.WARN, found, END_PREPARED
    ends = "; ".join([f"SELECT pg_terminate_backend({pid})" for pid in longest.blockers])
    return Verdict.WARN, found, f"End what holds it: {ends}." if ends else ""


def _prepared(connection: Asked) -> Judgement:
    row = one(connection, "doctor_prepared")
    if row.allowed and row.notify:
        advice = (
            "Only if workers use PREPARE TRANSACTION, which fails after NOTIFY: "
            "UPDATE tailboard.settings SET value = 'false' WHERE key = 'notify'."
        )
        return Verdict.WARN, "two-phase commit is allowed, and writers NOTIFY", advice
    return Verdict.OK, "no conflict with NOTIFY", ""


def _log(connection: Asked) -> Judgement:
    row = one(connection, "doctor_log")
    found = f"{row.bytes / _GIB:.2f} GiB, reaching back {age(row.age_s or 0)}"
    if row.overflow:
        advice = "Readers see them; but keep a server running, it has leaves ready ahead of the writers."
        return Verdict.WARN, f"{found}, {row.overflow} changes in the overflow", advice
    if not row.ahead:
        advice = "Start a server, it makes leaves. Until then changes will go to the overflow."
        return Verdict.WARN, f"{found}, no leaf is ready ahead", advice
    return Verdict.OK, found, ""


CHECKS: Final = {
    "capture": _capture,
    "sealing": _sealing,
    "lock waits": _locks,
    "two-phase commit": _prepared,
    "log": _log,
}


def sources(connection: Asked) -> Iterator[Finding]:
    """One line for each adopted table."""
    for source in healths_sync(connection):
        match source.state:
            case State.OK:
                verdict = Verdict.WARN if source.faults else Verdict.OK
            case State.SYNCING:
                verdict = Verdict.WARN
            case State.FAULTY | State.DRIFTED | State.BROKEN:
                verdict = Verdict.FAIL
            case _:
                assert_never(source.state)
        yield Finding(f"source {source.name}", verdict, source.found, source.advice)
