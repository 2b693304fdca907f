"""When to count an adopted source again, decided from what was seen of it.

A source is counted when it was attached, and whenever the log may not have the whole story: after its table was
emptied, faults of its capture, other files under its table (partitions come, go and are rewritten), trouble that is
over. Where very many of its jobs are scheduled, the counts follow time for a while only (`core/dues.py`), and it is
counted again before that is over. Where rows were written and nothing was captured, and now and then anyway, it is
counted as well, but readers are only told where the counts were wrong. Counting costs, so the pause between two counts
grows with what the last one took, and while captures go on failing.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import Final, assert_never

from tailboard.sources.look import Look

LOOK_EVERY_S: Final = 2.0
_FAULTS_PAUSE_S: Final = 5.0
_LONGEST_FAULTS_PAUSE_S: Final = 300.0
_SUSPICION_PAUSE_S: Final = 30.0
_AHEAD_S: Final = 120.0
_AHEAD_PAUSE_S: Final = 30.0
_ROUTINE_PAUSE_S: Final = 900.0
_FAILED_PAUSE_S: Final = 2.0
_LONGEST_FAILED_PAUSE_S: Final = 60.0
_SHARE: Final = 20
"""Counting takes at most one part in so many of the time."""


class Reason(StrEnum):
    """Why a source is to be counted."""

    ATTACHED = "attached"
    EMPTIED = "emptied"
    FAULTS = "faults"
    AHEAD = "ahead"
    FILES = "files"
    REPAIRED = "repaired"
    SUSPICION = "suspicion"
    ROUTINE = "routine"

    @property
    def only_a_check(self) -> bool:
        """Whether the counts may well be right, so that readers are told only where they are not."""
        return self in {Reason.FILES, Reason.SUSPICION, Reason.ROUTINE}


@dataclass(slots=True)
class Memory:
    """What the leader remembers of a source between looks. Times are monotonic seconds."""

    counted: float = float("-inf")
    took_s: float = 0.0
    known_s: float = inf
    """For how long the counts will follow time, when last looked at."""
    tuples: int = -1
    """Tuples written when the source was last counted."""
    quiet: int = 0
    """Looks in a row at which tuples had been written and nothing captured."""
    last_tuples: int = -1
    last_captured: int = -1
    faults_pause_s: float = _FAULTS_PAUSE_S
    failures: int = 0
    retry_at: float = float("-inf")
    broken: bool = False
    faulty: bool = False
    """Whether it was said that it is."""
    repaired: bool = False
    renewed_for: list[str] | None = None
    """The changed columns for which it was last written anew, or could not be; None before this release has looked."""
    misfit: str | None = None
    """Why it does not fit these columns."""
    waits: bool = False
    """Whether it is to be written anew, and could not be just now."""
    barrier: tuple[int, int] | None = None
    """Faults seen, and a transaction id: once all older transactions have ended, a count makes these faults good."""
    barrier_since: float = 0.0

    def seen(self, look: Look, captured: int, *, broken: bool, known_s: float = inf) -> None:
        """Take in a look; `captured` is how many changes of the source this node has ever followed, `broken`
        whether nothing is captured just now, `known_s` for how many seconds the counts follow time.
        """
        self.known_s = known_s
        moved = self.last_tuples >= 0 and look.tuples != self.last_tuples
        if captured != self.last_captured or self.last_tuples < 0:
            self.quiet = 0
        elif moved or self.quiet:
            self.quiet += 1
        if self.tuples < 0:
            self.tuples = look.tuples
        self.last_tuples, self.last_captured = look.tuples, captured
        was_broken = self.broken or look.trouble is not None
        self.repaired = self.repaired or (was_broken and not broken)
        self.broken = broken

    def succeeded(self, look: Look, reason: Reason, now: float, took_s: float) -> None:
        """It was counted."""
        if reason is Reason.FAULTS and now - self.counted < 4 * self.faults_pause_s:
            self.faults_pause_s = min(2 * self.faults_pause_s, _LONGEST_FAULTS_PAUSE_S)
        elif reason is not Reason.FAULTS and look.faults == look.faults_counted:
            self.faults_pause_s = _FAULTS_PAUSE_S
        self.counted, self.took_s, self.tuples = now, took_s, look.tuples
        self.quiet, self.failures, self.repaired = 0, 0, False

    def failed(self, now: float, took_s: float) -> None:
        """It could not be counted; the next attempt is later each time, and much later where this one took long."""
        pause = min(_FAILED_PAUSE_S * 2**self.failures, _LONGEST_FAILED_PAUSE_S)
        pause = max(pause, min(_SHARE * took_s, _ROUTINE_PAUSE_S))
        self.failures = min(self.failures + 1, 10)
        self.retry_at = now + pause

    def wanted(self, look: Look) -> Reason | None:
        """Why its counts may be wrong, if they may be."""
        if not look.synced:
            return Reason.ATTACHED
        if look.emptied:
            return Reason.EMPTIED
        if self.repaired:
            return Reason.REPAIRED
        if look.faults > look.faults_counted:
            return Reason.FAULTS
        if self.known_s < _AHEAD_S + _SHARE * self.took_s:
            return Reason.AHEAD
        if look.shape != look.shape_counted:
            return Reason.FILES
        if self.quiet >= 3:
            return Reason.SUSPICION
        return Reason.ROUTINE if look.tuples != self.tuples else None

    def wrong(self, look: Look) -> Reason | None:
        """Why its counts are wrong until then, as far as is known."""
        reason = self.wanted(look)
        if reason is None or reason.only_a_check or (reason is Reason.AHEAD and self.known_s > 0):
            return None
        return reason

    def due(self, look: Look, now: float) -> Reason | None:
        """Why to count it now, if it is time."""
        reason = self.wanted(look)
        if reason is None or not (look.found and look.written) or now < self.retry_at:
            return None
        pause = max(self._pause(reason), _SHARE * self.took_s)
        return reason if now >= self.counted + pause else None

    def _pause(self, reason: Reason) -> float:
        match reason:
            case Reason.ATTACHED | Reason.EMPTIED | Reason.REPAIRED | Reason.FILES:
                return 0.0
            case Reason.FAULTS:
                return self.faults_pause_s
            case Reason.AHEAD:
                return _AHEAD_PAUSE_S
            case Reason.SUSPICION:
                return _SUSPICION_PAUSE_S
            case Reason.ROUTINE:
                return _ROUTINE_PAUSE_S
            case _:
                assert_never(reason)
