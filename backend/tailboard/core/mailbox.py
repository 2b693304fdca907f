"""A mailbox: what waits for one client that is not taking it, in bounded memory.

Three stages, by bytes held:

    up to half      all of it, in order
    up to the limit only the newest entry of each job (and of the stats), in the order of those
    past the limit  nothing: one `reset lagged` at the newest cursor, and on from there

so that a client that falls behind gets fewer, newer events first, then an explicit break, and never a
silent gap. Parcels are shared with other clients until the mailbox has to shorten.
"""

from collections import deque
from typing import Final

from tailboard.core.frames import Entry, Parcel, reset_entry

DEFAULT_LIMIT: Final = 1 << 20
TAKE_LIMIT: Final = 128 << 10

# What an entry costs beside its JSON, so that very many tiny entries are bounded too.
_OVERHEAD: Final = 64


class Mailbox:
    """Ordered, bounded, never blocking. Keeps no time: whoever drains it knows since when it has not."""

    __slots__ = ("_newest", "_parcels", "collapses", "limit", "resets", "size")

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self.limit = limit
        self.size = 0
        self.collapses = 0
        self.resets = 0
        self._parcels: deque[Parcel] = deque()
        self._newest: dict[object, Entry] | None = None

    def put(self, parcel: Parcel) -> None:
        """Add what came last."""
        if self._newest is None:
            self._parcels.append(parcel)
            self.size += _cost(parcel)
            if self.size <= self.limit // 2:
                return
            self._collapse()
        else:
            self._keep(self._newest, parcel)
        if self.size > self.limit:
            self._overflow()

    def take(self) -> Parcel | None:
        """Remove what has waited longest; None when nothing waits."""
        if self._parcels:
            parcel = self._parcels.popleft()
            self.size -= _cost(parcel)
            return parcel
        if not self._newest:
            return None
        part: list[Entry] = []
        size = 0
        for key in list(self._newest):
            entry = self._newest[key]
            size += len(entry.data)
            if part and size > TAKE_LIMIT:
                break
            part.append(self._newest.pop(key))
            self.size -= len(entry.data) + _OVERHEAD
        if not self._newest:
            self._newest = None
        return Parcel(tuple(part))

    def clear(self) -> None:
        """Forget all that waits."""
        self._parcels.clear()
        self._newest = None
        self.size = 0

    def _collapse(self) -> None:
        newest: dict[object, Entry] = {}
        self.size = 0
        while self._parcels:
            self._keep(newest, self._parcels.popleft())
        self._newest = newest
        self.collapses += 1

    def _keep(self, newest: dict[object, Entry], parcel: Parcel) -> None:
        for entry in parcel.entries:
            key = entry.key if entry.key is not None else object()
            older = newest.pop(key, None)
            if older is not None:
                self.size -= len(older.data) + _OVERHEAD
            newest[key] = entry
            self.size += len(entry.data) + _OVERHEAD

    def _overflow(self) -> None:
        newest = self._newest or {}
        cursor = next(reversed(newest.values())).cursor
        self.clear()
        self.resets += 1
        self._parcels.append(Parcel((reset_entry("lagged", cursor),)))
        self.size = _cost(self._parcels[0])


def _cost(parcel: Parcel) -> int:
    return parcel.size + len(parcel.entries) * _OVERHEAD
