"""The doorbell's decisions: when the sealer sleeps, polls, mutes the bell, and arms it again.

    ARMED ----- busy ------> MUTED        writers stop to NOTIFY; the sealer polls
      ^                        |
      |                     quiet
      |                        v
      +-- all old writers -- LINGERING    the bell is armed, but a writer that read "muted" may not have
              have ended                  committed yet: go on polling until the last of them has ended

Facts in, decisions out: the sealer seals, reports what it saw, and does what `after_seal` says.
Why muting matters: a transaction that NOTIFYs holds a lock global to the cluster until its commit is
flushed, so under load notifying commits would happen one at a time.
"""

from enum import Enum, auto
from typing import Final, NamedTuple

POLL_S: Final = 0.005
"""While muted, and changes keep coming."""
FULL_POLL_S: Final = 0.015
"""While muted, and changes come as fast as FULL_SEAL in POLL_S or faster: fewer, fuller ticks leave the writers more
of the machine. A seal, its tick and a reader cost the machine a millisecond or two, however few they are. Of 25 ms the
writers gained a hundredth of their speed, and the p99 of a saturated machine went from 48 to 78 ms.
"""
UNWATCHED_POLL_S: Final = 0.25
"""While muted, changes keep coming, and nobody follows them."""
FULL_SEAL: Final = 4
LINGER_POLL_S: Final = 0.010
"""The first pause while lingering; it doubles while old transactions stay open, up to LONGEST_LINGER_S."""
LONGEST_LINGER_S: Final = 0.160
SAFETY_S: Final = 1.0
"""The longest the sealer ever sleeps, whatever the bell says."""
SILENT_POLL_S: Final = 0.025
"""Where NOTIFY is turned off altogether."""
BUSY_CHANGES: Final = 4
"""Changes in one seal that mean load."""
BUSY_WAKE_S: Final = 0.010
"""Wakes closer together than this, several times in a row, mean load."""
BUSY_WAKES: Final = 4
QUIET_POLLS: Final = 5
"""So many more empty polls than polls with one change, and the bell is armed. Without any change is no condition: at 50
changes a second, which an armed bell serves sooner, five empty polls in a row never come.
"""


class State(Enum):
    ARMED = auto()
    MUTED = auto()
    LINGERING = auto()


class Act(Enum):
    """What to do with the bell before waiting."""

    NOTHING = auto()
    MUTE = auto()
    ARM = auto()
    """Set the bell, then draw a fresh transaction id and report it with `armed`."""


class Decision(NamedTuple):
    act: Act
    sleep_s: float
    listen: bool
    """Whether a notification should cut the sleep short. While the bell is muted none is owed."""


class Bell:
    """One sealer's view of the bell. Starts MUTED, whatever the database says: nobody knows what writers read.

    `watched` says whether anybody follows the feed just now: where nobody does, changes gather for longer.
    """

    def __init__(self, *, notify: bool = True) -> None:
        self.notify = notify
        self.watched = True
        self.state = State.MUTED
        self._quiet = 0
        self._hurried = 0
        self._last_wake = float("-inf")
        self._barrier: int | None = None
        self._passed = False
        self._linger_s = LINGER_POLL_S
        self._gathered_s = POLL_S

    def armed(self, barrier: int) -> None:
        """The bell has been set, and `barrier` is a transaction id drawn after that.

        Every writer that could have read "muted" has an older id. A snapshot's xmax would not do: it is the
        latest *completed* id plus one, so a writer in flight can be in neither of its lists.
        """
        self.state = State.LINGERING
        self._barrier = barrier
        self._passed = False
        self._linger_s = LINGER_POLL_S

    def after_seal(self, sealed: int, oldest_running: int, now: float) -> Decision:
        """Decide what follows a seal that found `sealed` changes, under a snapshot whose xmin was
        `oldest_running`, at `now` (monotonic seconds).
        """
        if not self.notify:
            # The bell stays muted for good: PREPARE TRANSACTION fails after a NOTIFY.
            act = Act.MUTE if self.state is not State.MUTED or self._quiet == 0 else Act.NOTHING
            self.state, self._quiet = State.MUTED, 1
            return Decision(act, self._poll_s(sealed) if sealed else SILENT_POLL_S, listen=False)
        match self.state:
            case State.ARMED:
                return self._when_armed(sealed, now)
            case State.MUTED:
                return self._when_muted(sealed)
            case State.LINGERING:
                return self._when_lingering(sealed, oldest_running, now)

    def _when_armed(self, sealed: int, now: float) -> Decision:
        if sealed:
            self._hurried = self._hurried + 1 if now - self._last_wake < BUSY_WAKE_S else 0
            self._last_wake = now
        if sealed >= BUSY_CHANGES or self._hurried >= BUSY_WAKES:
            self.state, self._quiet, self._hurried = State.MUTED, 0, 0
            return Decision(Act.MUTE, POLL_S, listen=False)
        return Decision(Act.NOTHING, SAFETY_S, listen=True)

    def _when_muted(self, sealed: int) -> Decision:
        match sealed:
            case 0:
                self._quiet += 1
            case 1:
                self._quiet = max(0, self._quiet - 1)
            case _:
                self._quiet = 0
        if self._quiet >= QUIET_POLLS:
            return Decision(Act.ARM, POLL_S, listen=True)
        return Decision(Act.NOTHING, self._poll_s(sealed), listen=False)

    def _poll_s(self, sealed: int) -> float:
        """How long to let changes gather."""
        if sealed and not self.watched:
            return UNWATCHED_POLL_S
        # By the rate, not by the number: what gathers in a long pause must not be the reason for the next long pause.
        full = sealed >= FULL_SEAL * self._gathered_s / POLL_S
        self._gathered_s = FULL_POLL_S if full else POLL_S
        return self._gathered_s

    def _when_lingering(self, sealed: int, oldest_running: int, now: float) -> Decision:
        if sealed >= BUSY_CHANGES:
            self.state, self._quiet = State.MUTED, 0
            return Decision(Act.MUTE, POLL_S, listen=False)
        assert self._barrier is not None  # noqa: S101 - set by `armed`, which alone enters this state
        if self._passed:
            # This seal began after every old writer had ended, so it saw all that they wrote.
            self.state, self._hurried, self._last_wake = State.ARMED, 0, now
            return Decision(Act.NOTHING, SAFETY_S, listen=True)
        self._passed = oldest_running > self._barrier
        if self._passed:
            return Decision(Act.NOTHING, 0.0, listen=False)
        pause, self._linger_s = self._linger_s, min(self._linger_s * 2, LONGEST_LINGER_S)
        return Decision(Act.NOTHING, pause, listen=True)
