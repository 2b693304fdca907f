"""The database's clock, as far as a node knows it.

Whether a job's time has come is the database's to say: a node's own clock may be minutes off. What a node is told by
the database carries the moment at which it was written, which was over when it came; so the latest such moment,
carried on by a clock that only counts, is behind the database's by no more than the quickest delivery took. Only
what came lately counts: a clock that was ahead and has been put right is followed within two minutes.
"""

from datetime import UTC, datetime
from math import inf
from typing import Final

WINDOW_S: Final = 60.0
"""The quickest delivery of this window and of the one before it is what is believed."""


class DatabaseClock:
    """Told what the database's clock showed; times of this node are monotonic seconds."""

    def __init__(self) -> None:
        self._before = self._ahead = self._since = -inf

    def observe(self, at: datetime, received: float) -> None:
        """The database's clock showed `at` at some moment before `received`."""
        if received - self._since >= WINDOW_S:
            self._before, self._ahead, self._since = self._ahead, -inf, received
        self._ahead = max(self._ahead, at.timestamp() - received)

    def restart(self) -> None:
        """Forget what was observed: it may have been another server."""
        self._before = self._ahead = self._since = -inf

    def at(self, now: float) -> datetime | None:
        """What it shows now; None before anything was observed."""
        ahead = max(self._before, self._ahead)
        return None if ahead == -inf else datetime.fromtimestamp(ahead + now, UTC)
