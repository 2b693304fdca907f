"""The database's clock, as far as a node knows it.

Whether a job's time has come is the database's to say: a node's own clock may be minutes off. What a node is told by
the database carries the moment at which it was written, which was over when it came; so the latest such moment,
carried on by a clock that only counts, is behind the database's by no more than the quickest delivery took.
"""

from datetime import UTC, datetime
from math import inf


class DatabaseClock:
    """Told what the database's clock showed; times of this node are monotonic seconds."""

    def __init__(self) -> None:
        self._ahead = -inf

    def observe(self, at: datetime, received: float) -> None:
        """The database's clock showed `at` at some moment before `received`."""
        self._ahead = max(self._ahead, at.timestamp() - received)

    def restart(self) -> None:
        """Forget what was observed: it may have been another server."""
        self._ahead = -inf

    def at(self, now: float) -> datetime | None:
        """What it shows now; None before anything was observed."""
        return None if self._ahead == -inf else datetime.fromtimestamp(self._ahead + now, UTC)
