"""Replaying: who comes back is sent what it missed, from memory or from the log, until it meets the live stream.

cursor --Recent or LogReader--> events --its filter--> Subscription
"""

import asyncio
from typing import Final, NamedTuple, Protocol

from tailboard.core.change import Op
from tailboard.core.cursor import Cursor
from tailboard.core.event import Event
from tailboard.core.frames import Entry, parcels, reset_entry, subscribed_entry
from tailboard.errors import CursorExpired
from tailboard.live.groups import Sighting
from tailboard.live.limits import HubCounters, HubLimits
from tailboard.live.recent import Recent
from tailboard.live.subscription import Subscription

_PAGE: Final = 1000
_TURN: Final = 100
"""Events of a replay that are written out in one turn of the event loop."""


class Page(Protocol):
    @property
    def events(self) -> tuple[Event, ...]: ...
    @property
    def cursor(self) -> Cursor: ...


class LogReader(Protocol):
    async def read(self, after: Cursor, limit: int) -> Page:
        """Raises CursorExpired, InvalidCursor, DatabaseUnavailable."""
        ...


class _Following(NamedTuple):
    """Some of what followed a place, the place after it, and how far the hub had published before it was looked for."""

    sightings: list[Sighting]
    reached: Cursor
    published: Cursor


class Replays:
    """All replays of a node, of which only so many read the log at one time."""

    def __init__(self, log: LogReader, recent: Recent, limits: HubLimits, counters: HubCounters) -> None:
        self._reader = log
        self._recent = recent
        self._frame_bytes = limits.frame_bytes
        self._turns = asyncio.Semaphore(limits.replays)
        self._counters = counters

    async def send(self, subscription: Subscription, cursor: Cursor) -> Cursor:
        """Send what followed the cursor, until it meets the live stream; return where. Raises CursorExpired,
        InvalidCursor, Disconnected, DatabaseUnavailable.

        Far behind, the next page is read while one is sent. Close to the live stream it is not: nothing may
        come between reading the last page and going live, or a busy log would never be met.
        """
        sightings, reached, published = await self._following(cursor)
        if subscription.answers:
            subscription.say(subscribed_entry(cursor, recovered=True))
        while True:
            if reached == cursor < published:
                raise CursorExpired("the log ends before the live stream", reason="lagged")
            upcoming: asyncio.Task[_Following] | None = None
            try:
                async with asyncio.TaskGroup() as tasks:
                    if reached < self._recent.head and len(sightings) >= _PAGE:
                        upcoming = tasks.create_task(self._following(reached))
                    await self._send(subscription, sightings)
            except BaseExceptionGroup as failed:
                # The reader's failure or the client's: either ends the replay, and is told by its own name.
                raise failed.exceptions[0] from None
            subscription.place = cursor = reached
            if upcoming is not None:
                sightings, reached, published = upcoming.result()
            elif reached >= self._recent.head:
                return reached
            else:
                sightings, reached, published = await self._following(reached)

    async def _following(self, cursor: Cursor) -> _Following:
        """Some of what followed the cursor, from memory if it is there."""
        head = self._recent.head
        found = self._recent.after(cursor)
        if found is not None:
            return _Following(found, head, head)
        async with self._turns:
            published = self._recent.head
            page = await self._reader.read(cursor, _PAGE)
        return _Following([Sighting(event) for event in page.events], page.cursor, published)

    async def _send(self, subscription: Subscription, sightings: list[Sighting]) -> None:
        self._counters.replayed += len(sightings)
        entries: list[Entry] = []
        for place, sighting in enumerate(sightings):
            if place and place % _TURN == 0:
                # for the page that is being read meanwhile, and for everybody else
                await asyncio.sleep(0)
            if sighting.event.change.op is Op.RESET:
                source = sighting.event.change.source
                if subscription.filter.touches(source):
                    entries.append(reset_entry("source_reset", sighting.event.cursor, source))
            elif (entry := sighting.entry_for(subscription.filter)) is not None:
                entries.append(entry)
        for parcel in parcels(entries, self._frame_bytes):
            subscription.deliver(parcel)
            await subscription.drain()
