"""When counts are told: with the events that changed them, or by themselves where time has, and not too often."""

import asyncio
from collections.abc import Callable, Mapping
from time import monotonic

from tailboard.core.cursor import Cursor
from tailboard.core.frames import Entry, stats_entry


class StatsPace:
    """Lets the counts go once in `interval_s`, and calls `flush` as soon as they may where they were held back."""

    def __init__(
        self,
        stats: Callable[[], tuple[Cursor, Mapping[str, int]]],
        interval_s: float,
        flush: Callable[[], None],
    ) -> None:
        self._stats = stats
        self._interval_s = interval_s
        self._flush = flush
        self._due = False
        self._told_at = float("-inf")
        self._told: Mapping[str, int] = {}
        self._handle: asyncio.TimerHandle | None = None

    def changed(self) -> None:
        """Events came, so that counts are to be told."""
        self._due = True

    def moved(self) -> bool:
        """Whether time alone has moved them: jobs become pending without a change."""
        return not self._due and self._stats()[1] != self._told

    def take(self) -> Entry | None:
        """What everybody is to be told, if it may go now; else see to it that it goes as soon as it may."""
        if not self._due:
            return None
        wait = self._told_at + self._interval_s - monotonic()
        if wait > 0:
            if self._handle is None:
                self._handle = asyncio.get_running_loop().call_later(wait, self._flush_now)
            return None
        self._due = False
        self._told_at = monotonic()
        return self.newest(alone=True)

    def newest(self, *, alone: bool) -> Entry:
        """The counts of now, for one who comes; `alone` where nobody else has been told others."""
        cursor, counts = self._stats()
        if alone:
            self._told = dict(counts)
        return stats_entry(cursor, counts)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()

    def _flush_now(self) -> None:
        self._handle = None
        self._flush()
