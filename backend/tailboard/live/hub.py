"""The hub: fans events out to subscriptions, and joins those who come back to the live stream.

    Tailer --publish(tick)--> Hub --one parcel a filter--> Subscriptions

`publish` is synchronous and only sorts events by filter. Delivery follows in the next turn of the event
loop, so that ticks which arrive together leave together, and in paced slices when a bulk statement brings
more than sockets can take at once: a healthy client keeps up, and the rest of the server has its turns.
"""

import asyncio
from collections.abc import Callable, Mapping
from secrets import token_hex
from time import monotonic, time

from tailboard.core.change import Op
from tailboard.core.cursor import Cursor
from tailboard.core.event import Event, Tick
from tailboard.core.filter import Filter
from tailboard.core.frames import caught_up_entry, reset_entry, subscribed_entry
from tailboard.errors import CursorExpired, Overloaded
from tailboard.live.groups import Group, Groups, Sighting
from tailboard.live.heartbeats import Heartbeats
from tailboard.live.limits import HubCounters, HubLimits
from tailboard.live.pacing import StatsPace
from tailboard.live.recent import Recent
from tailboard.live.replaying import LogReader, Replays
from tailboard.live.service import Service
from tailboard.live.subscription import (
    RESTARTING,
    TOO_SLOW,
    ConnectionInfo,
    Outlet,
    Peer,
    Subscription,
)


class Hub(Service):
    """Serves every subscription on this node; as a service, it sends heartbeats and closes who stalls.

    All methods belong to the event loop's thread.

    `stats`, `lag_ms` and `away` are asked when something is to be sent. The composition root sets `head` with `begin`
    before the first subscription.
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
        self._recent = Recent(self.limits.recent_bytes)
        self._replays = Replays(log, self._recent, self.limits, self.counters)
        self._groups = Groups(self.limits.backlog_bytes)
        self._heartbeats = Heartbeats(
            self._groups, self._recent, lag_ms=lag_ms, away=away, limits=self.limits
        )
        self._stats = StatsPace(stats, self.limits.stats_interval_s, self._flush)
        self._subscriptions: dict[Subscription, int] = {}
        """Each with its spoke of the heartbeats."""
        self._flush_handle: asyncio.Handle | None = None
        self.closed = False

    @property
    def head(self) -> Cursor:
        """The place up to which events have been published."""
        return self._recent.head

    @property
    def connected(self) -> int:
        """Open connections, subscribed or not."""
        return len(self._subscriptions)

    def begin(self, head: Cursor) -> None:
        """Take the place after which the first tick will come."""
        self._recent.begin(head)

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
            self._recent.add(sighting)
            if event.change.op is Op.RESET:
                self._publish_source_reset(event)
                continue
            for group in self._groups.of(sighting):
                entry = sighting.entry_for(group.filter)
                if entry is not None:
                    group.add(entry)
        self._recent.head = tick.cursor
        self.counters.events += len(tick.events)
        self._stats.changed()
        if self._flush_handle is None and self._groups:
            self._flush_handle = asyncio.get_running_loop().call_soon(self._flush)

    def reset(self, reason: str, cursor: Cursor) -> None:
        """The log was replaced: tell everybody, and go on from `cursor`."""
        self._recent.begin(cursor)
        entry = reset_entry(reason, cursor)
        for group in self._groups:
            group.clear()
            self.counters.reset += len(group.subscriptions)
            for subscription in group.subscriptions:
                subscription.restart(entry)
        self._stats.changed()
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
        self.counters.connected += 1
        self._subscriptions[subscription] = self._heartbeats.add(subscription)
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
            place = await self._replays.send(subscription, cursor)
        except CursorExpired as expired:
            place = self.head
            self.counters.reset += 1
            answer = (subscribed_entry(place, recovered=False),) if subscription.answers else ()
            subscription.restart(*answer, reset_entry(expired.reason, place))
        self._attach(subscription, place)

    def leave(self, subscription: Subscription) -> None:
        """Forget the connection; safe twice."""
        self._detach(subscription)
        spoke = self._subscriptions.pop(subscription, None)
        if spoke is not None:
            self._heartbeats.remove(subscription, spoke)

    def connections(self) -> list[ConnectionInfo]:
        """Everybody who listens, in the order in which they came."""
        return [subscription.info(self.head) for subscription in self._subscriptions]

    # From the composition root

    async def run(self) -> None:
        pause = min(self._heartbeats.pause_s, self.limits.grace_s / 4, self.limits.stats_interval_s)
        self._heartbeats.begin(monotonic())
        self.ready()
        while True:
            await asyncio.sleep(pause)
            now = monotonic()
            self._close_stalled(now)
            self._look_at_stats()
            self._heartbeats.look_at_lag(self._subscriptions, now)
            self._heartbeats.turn(now)

    def close(self) -> None:
        """End every connection and let none in; safe twice. What is pending is sent first."""
        self.closed = True
        self._stats.stop()
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
        stats = None if self.closed or not self._groups else self._stats.take()
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

    def _look_at_stats(self) -> None:
        if self._groups and self._stats.moved():
            self._stats.changed()
            self._flush()

    def _publish_source_reset(self, event: Event) -> None:
        source = event.change.source
        entry = reset_entry("source_reset", event.cursor, source)
        for group in self._groups:
            if group.filter.touches(source):
                group.add(entry)

    def _pass_over(self, digest: Tick) -> None:
        self._recent.begin(digest.cursor)
        self.counters.events += digest.n
        self._stats.changed()

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
        if self._heartbeats.behind and subscription.heartbeats:
            # The others have been told; who comes now would take the feed for a live one until they are told again.
            subscription.say(self._heartbeats.entry(place))
        if place <= self.head:
            subscription.say(self._stats.newest(alone=not self._groups))
        if place > self.head or self._groups.pending(subscription.filter):
            subscription.ahead = place
        self._groups.join(subscription)

    def _detach(self, subscription: Subscription) -> None:
        if subscription.live:
            self._groups.leave(subscription)
            subscription.live = False
            subscription.ahead = None
