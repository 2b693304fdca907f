"""The hub: fans events out to subscriptions, and joins those who come back to the live stream.

    Tailer --publish(tick)--> Hub --one parcel a filter--> Subscriptions

`publish` is synchronous and only sorts events by filter. Delivery follows in the next turn of the event
loop, so that ticks which arrive together leave together, and in paced slices when a bulk statement brings
more than sockets can take at once: a healthy client keeps up, and the rest of the server has its turns.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from secrets import token_hex
from time import monotonic, time
from typing import Final, NamedTuple, Protocol

import msgspec

from tailboard.core.change import Op
from tailboard.core.cursor import Cursor
from tailboard.core.event import Event, Tick
from tailboard.core.filter import Filter
from tailboard.core.frames import (
    Entry,
    Parcel,
    caught_up_entry,
    heartbeat_entry,
    parcels,
    reset_entry,
    stats_entry,
    subscribed_entry,
)
from tailboard.core.mailbox import DEFAULT_LIMIT
from tailboard.errors import CursorExpired, Overloaded
from tailboard.live.groups import Group, Groups, Sighting
from tailboard.live.service import Service
from tailboard.live.subscription import (
    RESTARTING,
    TOO_SLOW,
    ConnectionInfo,
    Outlet,
    Peer,
    Subscription,
)

_WHEEL: Final = 25
_BEHIND_MS: Final = 2_000
"""A lag that is told at once."""
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


class HubLimits(msgspec.Struct, frozen=True, kw_only=True):
    """All that bounds what clients can cost, and the rhythm they are served in."""

    connections: int = 10_000
    mailbox_bytes: int = DEFAULT_LIMIT
    frame_bytes: int = 256 << 10
    """More than this for one filter is cut into several frames, sent `pace_s` apart."""
    pace_s: float = 0.004
    backlog_bytes: int = 32 << 20
    """What may wait for one filter; past it all its subscriptions are reset."""
    recent_bytes: int = 4 << 20
    """Events kept in memory for those who were away for a moment."""
    replays: int = 8
    """Resumptions that read the database at one time."""
    grace_s: float = 30
    """How long a client may take nothing before it is closed."""
    heartbeat_s: float = 25
    behind_s: float = 5
    """Between heartbeats while the feed is behind."""
    stats_interval_s: float = 0.25


class HubCounters(msgspec.Struct):
    """Totals since the start."""

    events: int = 0
    delivered: int = 0
    connected: int = 0
    refused: int = 0
    replayed: int = 0
    reset: int = 0
    closed_slow: int = 0


class Hub(Service):
    """Serves every subscription on this node; as a service, it sends heartbeats and closes who stalls.

    All methods belong to the event loop's thread.

    `stats`, `lag_ms` and `away` are asked when something is to be sent. `head` is the place up to which the hub
    has published; the composition root sets it with `begin` before the first subscription.
    """

    name = "hub"

    def __init__(
        self,
        log: LogReader,
        *,
        stats: Callable[[], tuple[Cursor, Mapping[str, int]]],
        lag_ms: Callable[[], float],
        away: Callable[[], bool] = lambda: False,
        limits: HubLimits | None = None,
    ) -> None:
        super().__init__()
        self.limits = limits or HubLimits()
        self.counters = HubCounters()
        self.head = Cursor(1, 0)
        self._reader = log
        self._stats = stats
        self._lag_ms = lag_ms
        self._away = away
        self._groups = Groups(self.limits.backlog_bytes)
        self._subscriptions: dict[Subscription, int] = {}
        self._wheel: list[dict[Subscription, None]] = [{} for _ in range(_WHEEL)]
        self._recent: deque[Sighting] = deque()
        self._recent_bytes = 0
        self._recent_from = self.head
        self._replays = asyncio.Semaphore(self.limits.replays)
        self._flush_handle: asyncio.Handle | None = None
        self._stats_handle: asyncio.TimerHandle | None = None
        self._stats_sent = float("-inf")
        self._stats_due = False
        self._stats_told: Mapping[str, int] = {}
        self._behind = False
        self._behind_due = float("-inf")
        self.closed = False

    @property
    def connected(self) -> int:
        """Open connections, subscribed or not."""
        return len(self._subscriptions)

    def begin(self, head: Cursor) -> None:
        """Take the place after which the first tick will come."""
        self.head = self._recent_from = head

    # From the tailer

    @property
    def reads_events(self) -> bool:
        """Whether anybody is connected; else counts do, and nothing is kept in memory for those to come."""
        return bool(self._subscriptions)

    def publish(self, tick: Tick) -> None:
        """Hand a tick to everybody whose filter it concerns."""
        if tick.quiet is not None:
            self._pass_over(tick)
            return
        for event in tick.events:
            sighting = Sighting(event)
            self._remember(sighting)
            if event.change.op is Op.RESET:
                self._publish_source_reset(event)
                continue
            for group in self._groups.of(sighting):
                entry = sighting.entry_for(group.filter)
                if entry is not None:
                    group.add(entry)
        self.head = tick.cursor
        self.counters.events += len(tick.events)
        self._stats_due = True
        if self._flush_handle is None and self._groups:
            self._flush_handle = asyncio.get_running_loop().call_soon(self._flush)

    def reset(self, reason: str, cursor: Cursor) -> None:
        """The log was replaced: tell everybody, and go on from `cursor`."""
        self.head = self._recent_from = cursor
        self._recent.clear()
        self._recent_bytes = 0
        entry = reset_entry(reason, cursor)
        for group in self._groups:
            group.clear()
            self.counters.reset += len(group.subscriptions)
            for subscription in group.subscriptions:
                subscription.restart(entry)
        self._stats_due = True
        self._flush()

    # From the transports

    def open(self, outlet: Outlet, peer: Peer) -> Subscription:
        """Count a connection in. Raises Overloaded when there are too many, or when the hub has closed.

        Whoever opens must `leave`, always.
        """
        if self.closed or len(self._subscriptions) >= self.limits.connections:
            self.counters.refused += 1
            raise Overloaded("too many connections; try again later")
        subscription = Subscription(
            token_hex(8),
            outlet,
            peer,
            place=self.head,
            mailbox_limit=self.limits.mailbox_bytes,
            since=time(),
        )
        slot = self.counters.connected % _WHEEL
        self.counters.connected += 1
        self._subscriptions[subscription] = slot
        self._wheel[slot][subscription] = None
        return subscription

    async def follow(self, subscription: Subscription, filter_: Filter, cursor: Cursor | None) -> None:
        """Serve the subscription with this filter, from the cursor or from now; return when it is live.

        What it followed before ends. Raises InvalidCursor, Disconnected, DatabaseUnavailable; then it
        follows nothing.
        """
        subscription.welcome = True
        self._detach(subscription)
        subscription.filter = filter_
        if cursor is None:
            if subscription.answers:
                subscription.say(subscribed_entry(self.head, recovered=False))
            self._attach(subscription, self.head)
            return
        subscription.place = cursor
        try:
            place = await self._replay(subscription, cursor)
        except CursorExpired as expired:
            place = self.head
            self.counters.reset += 1
            answer = (subscribed_entry(place, recovered=False),) if subscription.answers else ()
            subscription.restart(*answer, reset_entry(expired.reason, place))
        self._attach(subscription, place)

    def leave(self, subscription: Subscription) -> None:
        """Forget the connection; safe twice."""
        self._detach(subscription)
        slot = self._subscriptions.pop(subscription, None)
        if slot is not None:
            self._wheel[slot].pop(subscription, None)

    def connections(self) -> list[ConnectionInfo]:
        """Everybody who listens, in the order in which they came."""
        return [subscription.info(self.head) for subscription in self._subscriptions]

    # From the composition root

    async def run(self) -> None:
        period = min(self.limits.heartbeat_s / _WHEEL, self.limits.grace_s / 4, self.limits.stats_interval_s)
        spokes = self.limits.heartbeat_s / _WHEEL
        due = monotonic() + spokes
        slot = 0
        self.ready()
        while True:
            await asyncio.sleep(period)
            now = monotonic()
            self._close_stalled(now)
            self._look_at_stats()
            self._look_at_lag(now)
            while due <= now:
                self._beat(self._wheel[slot])
                slot = (slot + 1) % _WHEEL
                due += spokes

    def close(self) -> None:
        """End every connection and let none in; safe twice. What is pending is sent first."""
        self.closed = True
        if self._stats_handle is not None:
            self._stats_handle.cancel()
        for group in self._groups:
            while group.pending:
                self._send_slice(group)
        for subscription in list(self._subscriptions):
            subscription.outlet.finish(RESTARTING)

    # Delivery

    def _flush(self) -> None:
        """Send the next slice to every group, and see to it that the rest follows."""
        if self._flush_handle is not None:
            self._flush_handle.cancel()
            self._flush_handle = None
        stats = self._stats_now()
        more = False
        for group in self._groups:
            if stats is not None:
                group.add(stats)
            if group.pending:
                self._send_slice(group)
                more = more or group.pending
        if more:
            loop = asyncio.get_running_loop()
            self._flush_handle = loop.call_later(self.limits.pace_s, self._flush)

    def _send_slice(self, group: Group) -> None:
        parcel = group.take(self.limits.frame_bytes)
        self.counters.delivered += len(parcel.entries) * len(group.subscriptions)
        for subscription in group.subscriptions:
            subscription.deliver(parcel)

    def _stats_now(self) -> Entry | None:
        """The stats entry if one may go now; else see to it that one goes as soon as it may."""
        if not self._stats_due or not self._groups or self.closed:
            return None
        wait = self._stats_sent + self.limits.stats_interval_s - monotonic()
        if wait > 0:
            if self._stats_handle is None:
                self._stats_handle = asyncio.get_running_loop().call_later(wait, self._flush_stats)
            return None
        self._stats_due = False
        self._stats_sent = monotonic()
        cursor, counts = self._stats()
        self._stats_told = dict(counts)
        return stats_entry(cursor, counts)

    def _look_at_stats(self) -> None:
        """Time alone moves counts, too: jobs become pending without a change."""
        if self._groups and not self._stats_due and self._stats()[1] != self._stats_told:
            self._stats_due = True
            self._flush()

    def _flush_stats(self) -> None:
        self._stats_handle = None
        self._flush()

    def _publish_source_reset(self, event: Event) -> None:
        source = event.change.source
        entry = reset_entry("source_reset", event.cursor, source)
        for group in self._groups:
            if group.filter.touches(source):
                group.add(entry)

    def _pass_over(self, digest: Tick) -> None:
        self._recent.clear()
        self._recent_bytes = 0
        self.head = self._recent_from = digest.cursor
        self.counters.events += digest.n
        self._stats_due = True

    def _look_at_lag(self, now: float) -> None:
        """A feed that has fallen behind says so at once, then every few seconds, and again when it has caught up."""
        behind = self._lag_ms() > _BEHIND_MS
        if behind == self._behind and (not behind or now < self._behind_due):
            return
        # Having caught up, everybody is told; who has events to come first is told the next time.
        self._behind = not self._beat(self._subscriptions) or behind
        self._behind_due = now + self.limits.behind_s

    def _beat(self, subscriptions: Iterable[Subscription]) -> bool:
        """Send a heartbeat to who wants it; return whether all of them got it."""
        told_all = True
        lag_ms, away = self._lag_ms(), self._away()
        shared = Parcel((heartbeat_entry(self.head, lag_ms, away=away),))
        for subscription in subscriptions:
            if not subscription.heartbeats:
                continue
            if not subscription.live or subscription.ahead is not None:
                subscription.say(heartbeat_entry(subscription.place, lag_ms, away=away))
            elif not self._groups.pending(subscription.filter):
                # A heartbeat may not overtake events: its cursor says that they have been sent.
                subscription.deliver(shared)
            else:
                told_all = False
        return told_all

    def _close_stalled(self, now: float) -> None:
        deadline = now - self.limits.grace_s
        for subscription in self._subscriptions:
            stalled = subscription.stalled_since
            if stalled is not None and stalled < deadline:
                subscription.stalled_since = None
                self.counters.closed_slow += 1
                subscription.outlet.finish(TOO_SLOW)

    # Joining

    def _attach(self, subscription: Subscription, place: Cursor) -> None:
        subscription.place = place
        subscription.live = True
        if subscription.answers:
            subscription.say(caught_up_entry(place))
        if self._behind and subscription.heartbeats:
            # The others have been told; who comes now would take the feed for a live one until they are told again.
            subscription.say(heartbeat_entry(place, self._lag_ms(), away=self._away()))
        if place <= self.head:
            cursor, counts = self._stats()
            subscription.say(stats_entry(cursor, counts))
            if not self._groups:
                self._stats_told = dict(counts)
        if place > self.head or self._groups.pending(subscription.filter):
            subscription.ahead = place
        self._groups.join(subscription)

    def _detach(self, subscription: Subscription) -> None:
        if subscription.live:
            self._groups.leave(subscription)
            subscription.live = False
            subscription.ahead = None

    async def _replay(self, subscription: Subscription, cursor: Cursor) -> Cursor:
        """Send what followed the cursor, until it meets the live stream; return where.

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
                    if reached < self.head and len(sightings) >= _PAGE:
                        upcoming = tasks.create_task(self._following(reached))
                    await self._send(subscription, sightings)
            except BaseExceptionGroup as failed:
                # The reader's failure or the client's: either ends the replay, and is told by its own name.
                raise failed.exceptions[0] from None
            subscription.place = cursor = reached
            if upcoming is not None:
                sightings, reached, published = upcoming.result()
            elif reached >= self.head:
                return reached
            else:
                sightings, reached, published = await self._following(reached)

    async def _following(self, cursor: Cursor) -> _Following:
        """Some of what followed the cursor, from memory if it is there."""
        if self._remembers(cursor):
            found = [sighting for sighting in self._recent if sighting.event.cursor > cursor]
            return _Following(found, self.head, self.head)
        async with self._replays:
            published = self.head
            page = await self._reader.read(cursor, _PAGE)
        return _Following([Sighting(event) for event in page.events], page.cursor, published)

    async def _send(self, subscription: Subscription, sightings: list[Sighting]) -> None:
        self.counters.replayed += len(sightings)
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
        for parcel in parcels(entries, self.limits.frame_bytes):
            subscription.deliver(parcel)
            await subscription.drain()

    def _remembers(self, cursor: Cursor) -> bool:
        return self._recent_from <= cursor <= self.head and cursor.epoch == self.head.epoch

    def _remember(self, sighting: Sighting) -> None:
        self._recent.append(sighting)
        self._recent_bytes += len(sighting.event.change.card or b"") + 512
        while self._recent_bytes > self.limits.recent_bytes:
            oldest = self._recent.popleft()
            self._recent_bytes -= len(oldest.event.change.card or b"") + 512
            self._recent_from = oldest.event.cursor
