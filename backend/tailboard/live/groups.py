"""Groups: all subscriptions with one filter are matched, joined and encoded for as one.

A change finds its groups by the values of its fields: a filter that names jobs, queues or the like stands
in an index under each of those values, so that ten thousand subscriptions to one job each cost a change
no more than one. Filters that no set of values can find (a prefix, a negation) are tried on every change.
"""

from collections import defaultdict, deque
from collections.abc import Iterator

from tailboard.core.event import Event
from tailboard.core.filter import Filter
from tailboard.core.frames import Entry, Parcel, event_entry, left_entry, reset_entry
from tailboard.core.predicate import FIELDS, View, after_view, before_view
from tailboard.live.subscription import Subscription

_TAGS = FIELDS.index("tags")


class Sighting:
    """One event as filters see it, with its JSON made at most once and only if somebody wants it."""

    __slots__ = ("_event_entry", "_left_entry", "after", "event")

    def __init__(self, event: Event) -> None:
        self.event = event
        self.after = after_view(event.change)
        self._event_entry: Entry | None = None
        self._left_entry: Entry | None = None

    @property
    def before(self) -> View | None:
        return before_view(self.event.change)

    def entry_for(self, filter_: Filter) -> Entry | None:
        """What a subscription with this filter is told: the event, that the job left, or nothing.

        A deletion is told as itself to whoever had the job and to whoever asked for how it ended.
        """
        if self.after is not None and filter_.matches(self.after):
            return self._event()
        before = self.before
        if before is not None and filter_.matches(before):
            return self._event() if self.event.change.deleted else self._left()
        return None

    def _event(self) -> Entry:
        if self._event_entry is None:
            self._event_entry = event_entry(self.event)
        return self._event_entry

    def _left(self) -> Entry:
        if self._left_entry is None:
            self._left_entry = left_entry(self.event)
        return self._left_entry


class Group:
    """The live subscriptions of one filter, and what they are to get next, in order and bounded."""

    __slots__ = ("_bytes", "_limit", "_pending", "filter", "subscriptions")

    def __init__(self, filter_: Filter, limit: int) -> None:
        self.filter = filter_
        self.subscriptions: dict[Subscription, None] = {}
        self._limit = limit
        self._pending: deque[Entry] = deque()
        self._bytes = 0

    @property
    def pending(self) -> bool:
        return bool(self._pending)

    def add(self, entry: Entry) -> None:
        """Keep for the next parcel. Past the limit all that waits gives way to one `reset lagged`."""
        self._pending.append(entry)
        self._bytes += len(entry.data)
        if self._bytes > self._limit:
            self.clear()
            self.add(reset_entry("lagged", entry.cursor))

    def take(self, size: int) -> Parcel:
        """What has waited longest, up to `size` bytes; an entry that is larger goes alone."""
        part = [self._pending.popleft()]
        left = size - len(part[0].data)
        while self._pending and len(self._pending[0].data) <= left:
            part.append(self._pending.popleft())
            left -= len(part[-1].data)
        self._bytes -= size - left
        return Parcel(tuple(part))

    def clear(self) -> None:
        self._pending.clear()
        self._bytes = 0


class Groups:
    """All groups, found by filter or by change. `backlog_bytes` bounds what one group may have waiting."""

    def __init__(self, backlog_bytes: int) -> None:
        self._backlog_bytes = backlog_bytes
        self._groups: dict[Filter, Group] = {}
        self._broad: dict[Group, None] = {}
        self._index: list[dict[str, dict[Group, None]]] = [defaultdict(dict) for _ in FIELDS]

    def __iter__(self) -> Iterator[Group]:
        return iter(self._groups.values())

    def __len__(self) -> int:
        return len(self._groups)

    def pending(self, filter_: Filter) -> bool:
        """Whether those with this filter have not been sent all that was published."""
        group = self._groups.get(filter_)
        return group is not None and group.pending

    def join(self, subscription: Subscription) -> None:
        """Deliver to the subscription from now on."""
        filter_ = subscription.filter
        group = self._groups.get(filter_)
        if group is None:
            group = self._groups[filter_] = Group(filter_, self._backlog_bytes)
            if filter_.index is None:
                self._broad[group] = None
            else:
                for name, value in filter_.index:
                    self._index[FIELDS.index(name)][value][group] = None
        group.subscriptions[subscription] = None

    def leave(self, subscription: Subscription) -> None:
        """Deliver no more; a subscription that is in no group may leave too."""
        group = self._groups.get(subscription.filter)
        if group is None:
            return
        group.subscriptions.pop(subscription, None)
        if group.subscriptions:
            return
        del self._groups[group.filter]
        self._broad.pop(group, None)
        for name, value in group.filter.index or ():
            found = self._index[FIELDS.index(name)]
            del found[value][group]
            if not found[value]:
                del found[value]

    def of(self, sighting: Sighting) -> Iterator[Group]:
        """The groups that a change may concern; each once."""
        yield from self._broad
        found: dict[Group, None] = {}
        for view in (sighting.after, sighting.before):
            if view is not None:
                self._look_up(view, found)
        yield from found

    def _look_up(self, view: View, found: dict[Group, None]) -> None:
        for place, index in enumerate(self._index):
            if not index:
                continue
            value = view[place]
            if isinstance(value, str):
                found.update(index.get(value, {}))
            elif place == _TAGS:
                for tag in view.tags:
                    found.update(index.get(tag, {}))
