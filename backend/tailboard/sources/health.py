"""How each adopted source is: watched or not, its table changed or gone, faults of its capture, counted or not yet."""

from datetime import datetime
from enum import StrEnum

import msgspec

from tailboard.sources.look import Look


class State(StrEnum):
    """From good to bad; a source has the worst that is true of it."""

    OK = "ok"
    SYNCING = "syncing"
    """Its rows have not been counted since it was attached, or since something was missed."""
    FAULTY = "faulty"
    """The capture could not record some changes, or the rows could not be counted."""
    DRIFTED = "drifted"
    """Columns that the expressions look at have changed."""
    BROKEN = "broken"
    """Nothing is captured: the table or its triggers are gone."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """A source's state, what was found, and what to do about it (empty where nothing is to be done)."""

    name: str
    table: str
    state: State
    found: str
    advice: str
    faults: int
    last_fault: str | None
    last_fault_at: datetime | None
    attached_at: datetime
    counted_at: datetime | None
    """When its rows were last counted."""


def judge(seen: Look) -> Health:
    """The worst that is true of a source."""
    state, found, advice = _verdict(seen)
    return Health(
        name=seen.name,
        table=seen.table,
        state=state,
        found=found,
        advice=advice,
        faults=seen.faults,
        last_fault=seen.last_fault,
        last_fault_at=seen.last_fault_at,
        attached_at=seen.attached_at,
        counted_at=seen.counted_at,
    )


def _verdict(seen: Look) -> tuple[State, str, str]:
    again = f"tailboard detach {seen.name}, then attach it again."
    return _broken(seen, again) or _impaired(seen, again) or _well(seen, again)


def _broken(seen: Look, again: str) -> tuple[State, str, str] | None:
    name = seen.name
    if seen.restored:
        return None
    if not seen.there:
        if seen.found:
            return (
                State.BROKEN,
                f"{seen.table} was dropped and made anew, and nobody watches the new one",
                again,
            )
        return State.BROKEN, f"{seen.table} is gone", f"tailboard detach {name}."
    if seen.renamed:
        return State.BROKEN, f"{seen.table} has another name now", f"Correct the definition; {again}"
    if seen.watched is None or seen.followed < seen.follows:
        return State.BROKEN, "a trigger of Tailboard's is missing", again
    if not seen.watched:
        return (
            State.BROKEN,
            "a trigger of Tailboard's is disabled",
            f"ALTER TABLE {seen.table} {', '.join(f'ENABLE TRIGGER {name}' for name in seen.triggers)}.",
        )
    if seen.unwatched:
        parts = ", ".join(seen.unwatched)
        advice = f"ALTER TABLE {seen.unwatched[0]} ENABLE TRIGGER {seen.triggers[0]}, and so for each."
        return State.BROKEN, f"a trigger of Tailboard's is disabled on {parts}", advice
    if seen.heirs:
        heir = seen.heirs[0]
        found = f"{heir} inherits from {seen.table}, whose triggers do not see its rows"
        return State.BROKEN, found, f"ALTER TABLE {heir} NO INHERIT {seen.table}, or tailboard detach {name}."
    if not seen.readable:
        return State.BROKEN, f"the function tailboard.source_{name}() is missing", again
    return None


def _impaired(seen: Look, again: str) -> tuple[State, str, str] | None:
    if seen.restored:
        return (
            State.SYNCING,
            f"{seen.table} was restored, and not counted since",
            "A running server counts it soon.",
        )
    noted = seen.trouble
    if noted is None and seen.failure is not None:
        noted = f"its rows could not be counted: {seen.failure}"
    if seen.changed:
        found = f"columns have changed: {'; '.join(_changes(seen))}"
        if noted is not None:
            return State.DRIFTED, f"{found}; {noted.rstrip('.')}", f"Correct the definition; {again}"
        return (
            State.DRIFTED,
            found,
            f"A running server renews the capture where the expressions still hold; else correct them and {again}",
        )
    if seen.denied is not None:
        advice = f"GRANT SELECT ON {seen.table} TO {seen.denied}, and USAGE on its schema."
        return State.FAULTY, f"{seen.denied} may not read {seen.table}, so its jobs are not listed", advice
    if noted is not None:
        advice = "If that does not help, "
        if seen.trouble is None:
            advice = "A running server tries again. If that does not help, correct the table or the definition, and "
        return State.FAULTY, noted.rstrip("."), advice + again
    if seen.faults > seen.faults_counted:
        return (
            State.FAULTY,
            f"{_missed(seen)}{_last(seen)}",
            f"A running server counts the rows again. Correct the definition or the data; {again}",
        )
    return None


def _well(seen: Look, again: str) -> tuple[State, str, str]:
    if not seen.synced:
        return State.SYNCING, "its rows have not been counted yet", "A running server counts them soon."
    if seen.faults:
        return (
            State.OK,
            f"{_missed(seen)}, and the rows have been counted since{_last(seen)}",
            f"Correct the definition or the data, or it happens again. To forget this: {again}",
        )
    return State.OK, "every change is captured", ""


def _missed(seen: Look) -> str:
    missed = "a change or status" if seen.faults == 1 else f"{seen.faults} changes or statuses"
    return f"{missed} could not be recorded"


def _last(seen: Look) -> str:
    """What the last fault said; a fault counts also if its worker rolled back, which takes back what it said."""
    return "" if seen.last_fault is None else f"; the last: {seen.last_fault}"


def _changes(seen: Look) -> list[str]:
    """What has changed of the columns that matter, each as the end of a sentence."""
    return [
        f"{column} is {seen.columns_now[column]}, it was {seen.columns[column]}"
        if column in seen.columns_now
        else f"{column} is gone"
        for column in seen.changed
    ]
