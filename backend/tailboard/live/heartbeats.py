"""Heartbeats: how far the feed is, told to each client by turns, and to all at once where it falls behind."""

from collections.abc import Callable, Iterable
from typing import Final

from tailboard.core.cursor import Cursor
from tailboard.core.frames import Entry, Parcel, heartbeat_entry
from tailboard.live.groups import Groups
from tailboard.live.limits import HubLimits
from tailboard.live.recent import Recent
from tailboard.live.subscription import Subscription

_SPOKES: Final = 25
_BEHIND_MS: Final = 2_000
"""A lag that is told at once."""


class Heartbeats:
    """A wheel of clients, of whom one spoke after another gets its heartbeat."""

    def __init__(
        self,
        groups: Groups,
        recent: Recent,
        *,
        lag_ms: Callable[[], float],
        away: Callable[[], bool],
        limits: HubLimits,
    ) -> None:
        self.behind = False
        """Whether somebody was last told that the feed is behind."""
        self.pause_s = limits.heartbeat_s / _SPOKES
        """Between two spokes."""
        self._groups = groups
        self._recent = recent
        self._lag_ms = lag_ms
        self._away = away
        self._behind_s = limits.behind_s
        self._wheel: list[dict[Subscription, None]] = [{} for _ in range(_SPOKES)]
        self._newest = 0
        self._spoke = 0
        self._due = float("inf")
        self._say_at = float("-inf")

    def add(self, subscription: Subscription) -> int:
        """Tell it from now on; returns its spoke."""
        self._newest = (self._newest + 1) % _SPOKES
        self._wheel[self._newest][subscription] = None
        return self._newest

    def remove(self, subscription: Subscription, spoke: int) -> None:
        self._wheel[spoke].pop(subscription, None)

    def begin(self, now: float) -> None:
        self._due = now + self.pause_s

    def turn(self, now: float) -> None:
        """Tell those whose turn has come."""
        while self._due <= now:
            self.beat(self._wheel[self._spoke])
            self._spoke = (self._spoke + 1) % _SPOKES
            self._due += self.pause_s

    def entry(self, place: Cursor) -> Entry:
        """The heartbeat of who has been told all up to this place."""
        return heartbeat_entry(place, self._lag_ms(), away=self._away())

    def look_at_lag(self, subscriptions: Iterable[Subscription], now: float) -> None:
        """A feed that has fallen behind says so at once, then every few seconds, and again when it has caught up."""
        behind = self._lag_ms() > _BEHIND_MS
        if behind == self.behind and (not behind or now < self._say_at):
            return
        # Having caught up, everybody is told; who has events to come first is told the next time.
        self.behind = not self.beat(subscriptions) or behind
        self._say_at = now + self._behind_s

    def beat(self, subscriptions: Iterable[Subscription]) -> bool:
        """Send a heartbeat to who wants it; return whether all of them got it."""
        told_all = True
        shared = Parcel((self.entry(self._recent.head),))
        for subscription in subscriptions:
            if not subscription.heartbeats:
                continue
            if not subscription.live or subscription.ahead is not None:
                subscription.say(self.entry(subscription.place))
            elif not self._groups.pending(subscription.filter):
                # A heartbeat may not overtake events: its cursor says that they have been sent.
                subscription.deliver(shared)
            else:
                told_all = False
        return told_all
