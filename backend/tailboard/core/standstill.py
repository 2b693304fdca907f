"""When a leader that does nothing may lose its place: the proof of it, and how much of it is asked for.

Changes have waited, no tick was made, and the leader's session has asked the server nothing, from one look to the
next for the whole of the patience. A leader whose statement takes long is not silent, and one that sleeps wakes
within a second whatever happens. To be wrong costs an election and no more: the lock, and the key of the ticks, still
let one sealer seal. Where it happens often, as on a machine on which everybody is slow, the patience doubles.
"""

from collections import deque
from datetime import datetime
from typing import Final, NamedTuple

FIRST_PATIENCE_S: Final = 1.0
LONGEST_PATIENCE_S: Final = 8.0
"""Longer than the server itself bears a leader's silence."""
AT_ONCE: Final = 5
"""So many leaders in a minute lose their places for the first patience; each more doubles it."""
_MINUTE_S: Final = 60.0


class Leader(NamedTuple):
    """The session that leads and has nothing to do: which, and since when."""

    pid: int
    idle_since: datetime


class Standstill(NamedTuple):
    """Changes wait that the newest tick has not; `leader` where it was the newest at the last look, too, and the
    leader's session is idle.
    """

    tick_id: int
    leader: Leader | None


class Vigil:
    """One follower's eye on its leader."""

    def __init__(self) -> None:
        self.tick_id: int | None = None
        """The newest tick at the last look, where changes waited then."""
        self._seen: Standstill | None = None
        self._since = 0.0
        self._proven: deque[float] = deque()

    def silent(self, seen: Standstill | None, now: float) -> Leader | None:
        """Report a look, at `now` (monotonic seconds); return the leader if its silence is proven."""
        self.tick_id = None if seen is None else seen.tick_id
        if seen is None or seen.leader is None or seen != self._seen:
            self._seen, self._since = seen, now
            return None
        if now - self._since < self._patience_s(now):
            return None
        self._proven.append(now)
        self._seen = None
        return seen.leader

    def _patience_s(self, now: float) -> float:
        while self._proven and now - self._proven[0] > _MINUTE_S:
            self._proven.popleft()
        doublings = max(0, len(self._proven) + 1 - AT_ONCE)
        return min(FIRST_PATIENCE_S * float(2**doublings), LONGEST_PATIENCE_S)
