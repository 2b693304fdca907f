"""How far what readers are told is behind what is committed, as far as a node can know it.

While ticks come, it is how long before its delivery the newest was sealed. A feed that stands still brings none: then
it is how long something committed has been seen without a tick, or how long the log could not be looked at.
"""

from typing import Final

LOOK_S: Final = 1.0
"""How often a node looks at the log, whatever happens."""


class Lag:
    """Told what a node finds when it looks at the log; times of this node are monotonic seconds."""

    def __init__(self) -> None:
        self._late_s = 0.0
        self._looked: float | None = None
        self._waits_since: float | None = None

    def looked(self, now: float) -> None:
        """The log was looked at, whatever was found."""
        self._looked = now

    def delivered(self, sealed_before_s: float, now: float) -> None:
        """Ticks were found and delivered; the newest had been sealed that long before."""
        self._looked = now
        self._late_s = sealed_before_s
        self._waits_since = None

    def nothing_new(self, now: float, *, waits: bool) -> None:
        """No tick was found; `waits` says whether something committed has none."""
        self._looked = now
        if not waits:
            self._waits_since = None
            if self._late_s > LOOK_S:
                self._late_s = 0.0  # what was late has come
        elif self._waits_since is None:
            self._waits_since = now

    def ms(self, now: float) -> float:
        """The lag in milliseconds; 0 before anything was found."""
        waited = 0.0 if self._waits_since is None else now - self._waits_since
        return 1000 * max(self._late_s, waited, self._unseen(now))

    def away(self, now: float) -> bool:
        """Whether the log cannot be looked at: nobody knows then what it holds."""
        return self._unseen(now) > 0

    def _unseen(self, now: float) -> float:
        unseen = 0.0 if self._looked is None else now - self._looked
        return unseen if unseen > 2 * LOOK_S else 0.0
