"""The events that were published last, for those who were away for a moment."""

from collections import deque

from tailboard.core.cursor import Cursor
from tailboard.live.groups import Sighting


class Recent:
    """All events between two places, as many as fit into `limit` bytes. `head` is how far the hub has published."""

    def __init__(self, limit: int) -> None:
        self.head = Cursor(1, 0)
        self._first = self.head
        self._limit = limit
        self._sightings: deque[Sighting] = deque()
        self._bytes = 0

    def begin(self, head: Cursor) -> None:
        """Forget all, and go on from this place."""
        self._sightings.clear()
        self._bytes = 0
        self.head = self._first = head

    def add(self, sighting: Sighting) -> None:
        self._sightings.append(sighting)
        self._bytes += _size(sighting)
        while self._bytes > self._limit:
            oldest = self._sightings.popleft()
            self._bytes -= _size(oldest)
            self._first = oldest.event.cursor

    def after(self, cursor: Cursor) -> list[Sighting] | None:
        """All that followed the cursor up to `head`; None where that is not known any more, or not yet."""
        if not self._first <= cursor <= self.head or cursor.epoch != self.head.epoch:
            return None
        return [sighting for sighting in self._sightings if sighting.event.cursor > cursor]


def _size(sighting: Sighting) -> int:
    return len(sighting.event.change.card or b"") + 512
