"""The oracle: what every reader received, against the order that the log has and the ledger of the writers.

Pure: facts in, a verdict out. A Violation says which promise was broken, by whom, and where.

    ledger ---- what was committed ----> balance: each once, nothing else
    log    ---- the surviving order ---> History
    reader ---- what it was told ------> judged step by step: the same order, without a gap, or an explicit reset
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple, assert_never

from tailboard.core.cursor import Cursor


class Violation(AssertionError):
    """A promise was broken."""


class Seen(NamedTuple):
    """What of an event every interface must agree on."""

    type: str
    job: str
    """Its source and its id; of a `source_reset`, the source alone."""
    queue: str | None
    mark: str | None

    @property
    def entry(self) -> str:
        """What it pays of the ledger's debt."""
        return f"-{self.job}" if self.type == "job_deleted" else f"~{self.mark}"


# What a reader was told, in its order.


class Opened(NamedTuple):
    """It connected, and asked to go on from here."""

    at: Cursor


class Got(NamedTuple):
    cursor: Cursor
    seen: Seen
    version: int | None

    @property
    def about(self) -> str:
        return self.seen.job


class Left(NamedTuple):
    """A job no longer matches its filter."""

    cursor: Cursor
    job: str

    @property
    def about(self) -> str:
        return self.job


class Reset(NamedTuple):
    reason: str
    cursor: Cursor
    source: str | None = None
    """Given where only this source is to be loaded afresh: then it has a place in the order like any event."""

    @property
    def about(self) -> str:
        return self.source or ""

    @property
    def seen(self) -> Seen:
        return Seen(self.reason, self.about, None, None)


SOURCE_RESET: Final = "source_reset"

Step = Opened | Got | Left | Reset


class Entry(NamedTuple):
    """One event of the log as it stands: the queue before it tells what left a filter."""

    cursor: Cursor
    version: int
    seen: Seen
    was_queue: str | None


@dataclass
class History:
    """The surviving order: `entries[n]` has position n + 1. `ends` tells where each epoch was cut."""

    entries: list[Entry] = field(default_factory=list)
    epoch: int = 1
    ends: dict[int, int] = field(default_factory=dict)
    """For every epoch but the last one, the last of its positions that survived."""

    @property
    def head(self) -> Cursor:
        return self.entries[-1].cursor if self.entries else Cursor(1, 0)

    def append(self, entry: Entry) -> None:
        """Raises Violation where the log itself has a gap or goes backwards."""
        last = self.head
        if entry.cursor.position != last.position + 1 or entry.cursor.epoch < last.epoch:
            raise Violation(f"the log: {entry.cursor} follows {last}")
        self.entries.append(entry)

    def at(self, position: int) -> Entry:
        return self.entries[position - 1]

    def holds(self, cursor: Cursor) -> bool:
        """Whether this place still is one of the log; if not, it was lost."""
        if cursor.epoch == self.epoch:
            return cursor.position <= len(self.entries)
        return cursor.position <= self.ends.get(cursor.epoch, -1)

    def check_versions(self) -> None:
        """For one job, versions rise in the order of the log."""
        newest: dict[str, int] = {}
        for entry in self.entries:
            if entry.seen.type == SOURCE_RESET:
                continue
            if newest.get(entry.seen.job, -1) >= entry.version:
                raise Violation(f"the log: {entry.cursor} has an older version of job {entry.seen.job}")
            newest[entry.seen.job] = entry.version

    @property
    def source_resets(self) -> int:
        return sum(entry.seen.type == SOURCE_RESET for entry in self.entries)

    def balance(self, owed: Counter[str], *, faults: int = 0, source: str = "") -> Counter[str]:
        """Each committed change once, and nothing else. Returns those of an adopted `source` that are missing because
        its capture failed: at most one for each of the `faults` that it has counted since the last time. A replacement
        whose INSERT was missed is told as a deletion, which counts as minus one.
        """
        paid = Counter(entry.seen.entry for entry in self.entries if entry.seen.type != SOURCE_RESET)
        lost, invented = owed - paid, paid - owed
        missed = Counter({name: n for name, n in lost.items() if name[1:].startswith(f"{source}/")})
        halves = Counter({name: n for name, n in invented.items() if name.startswith(f"-{source}/")})
        if halves.total() <= missed.total() <= faults:
            lost -= missed
            invented -= halves
            missed.subtract(halves)
        if lost or invented:
            raise Violation(f"the log: lost {_few(lost)}; repeated or invented {_few(invented)}")
        return missed


@dataclass
class Verdict:
    """What was checked for one reader."""

    place: Cursor
    events: int = 0
    skipped: int = 0
    """Positions that an explicit reset passed over."""
    void: int = 0
    """Events of a primary that was lost afterwards."""
    collapsed: int = 0
    resets: Counter[str] = field(default_factory=Counter)


Matches = Callable[[Entry], bool | None]
"""Whether a filter shows the entry: True an event, None a job that leaves, False nothing."""


def everything(_: Entry) -> bool:
    return True


def queue_is(queue: str) -> Matches:
    def matches(entry: Entry) -> bool | None:
        if entry.seen.queue == queue or entry.seen.type == SOURCE_RESET:
            return True
        return None if entry.was_queue == queue else False

    return matches


_REASONS: Final = frozenset({"epoch_changed", "lagged", "cursor_expired"})


def judge(
    who: str,
    steps: Iterable[Step],
    history: History,
    *,
    place: Cursor,
    matches: Matches = everything,
    slow: bool = False,
    disaster: bool = False,
) -> Verdict:
    """Judge what one reader was told since `place`.

    A `slow` one may be told the newest of each job only, and may be reset as lagged. After a `disaster`, in which
    PostgreSQL lost commits, anybody may be reset. Every other reset is a broken promise.
    """
    verdict = Verdict(place)
    at = place
    collapsed: dict[str, Cursor] = {}

    def follow(step: Got | Left | Reset) -> None:
        missed = _follow(who, step, at, history, matches, disaster=disaster, verdict=verdict)
        if missed and not slow:
            cursor, job = missed[0].cursor, missed[0].seen.job
            raise Violation(
                f"{who}: lost {len(missed)} events before {step.cursor}, first {cursor} of job {job}"
            )
        collapsed.update({entry.seen.job: entry.cursor for entry in missed})

    for step in steps:
        match step:
            case Opened(cursor):
                at = cursor
            case Reset(reason, cursor, None):
                lagging = slow and reason == "lagged"
                if reason not in _REASONS or not (disaster or lagging):
                    raise Violation(f"{who}: reset ({reason}) at {at} for no reason")
                verdict.resets[reason] += 1
                verdict.skipped += max(0, cursor.position - at.position)
                at = cursor
                collapsed.clear()
            case Got() | Left() | Reset():
                follow(step)
                collapsed.pop(step.about, None)
                verdict.resets.update([step.reason] if isinstance(step, Reset) else [])
                at = step.cursor
            case _:
                assert_never(step)
    if collapsed and arrived(at, history, matches):
        raise Violation(
            f"{who}: never told the newest of {len(collapsed)} jobs, such as {next(iter(collapsed))}"
        )
    verdict.place = at
    return verdict


def arrived(place: Cursor, history: History, matches: Matches = everything) -> bool:
    """Whether nothing that a reader at `place` has to be told is missing."""
    if not history.holds(place):
        return False
    return all(matches(entry) is False for entry in history.entries[place.position :])


def _follow(
    who: str,
    step: Got | Left | Reset,
    at: Cursor,
    history: History,
    matches: Matches,
    *,
    disaster: bool,
    verdict: Verdict,
) -> list[Entry]:
    """Check one event against the log; return what was left out before it."""
    cursor = step.cursor
    if cursor.position <= at.position:
        raise Violation(f"{who}: {cursor} came after {at}: repeated, or out of order")
    if not history.holds(cursor):
        if not disaster:
            raise Violation(f"{who}: {cursor} is not in the log")
        verdict.void += 1
        return []
    if not history.holds(at) and at.position:
        raise Violation(f"{who}: went on to {cursor} from {at}, which was lost, without a reset")
    entry = history.at(cursor.position)
    shown = matches(entry)
    if not isinstance(step, Left):
        if shown is not True or entry.seen != step.seen or entry.cursor != cursor:
            raise Violation(f"{who}: told {step.seen} at {cursor}, where the log has {entry}")
        if isinstance(step, Got) and step.version not in {None, entry.version}:
            raise Violation(f"{who}: told version {step.version} at {cursor}, where the log has {entry}")
    elif shown is not None or entry.seen.job != step.job:
        raise Violation(f"{who}: told that {step.job} left at {cursor}, where the log has {entry}")
    missed = [e for e in history.entries[at.position : cursor.position - 1] if matches(e) is not False]
    verdict.events += 1
    verdict.collapsed += len(missed)
    return missed


def _few(found: Counter[str]) -> str:
    shown = ", ".join(f"{name} ({n} times)" for name, n in found.most_common(5))
    return f"{found.total()} [{shown}]" if found else "0"
