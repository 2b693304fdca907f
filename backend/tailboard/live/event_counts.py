"""What this node has seen, counted for whoever watches the node itself."""

from collections import Counter

from tailboard.core.cursor import Cursor
from tailboard.core.event import EventKind, Tick


class EventCounts:
    """Events and ticks that this node has seen, by kind. Told by the tailer, as its consumer."""

    def __init__(self) -> None:
        self.by_kind: Counter[EventKind] = Counter()
        self.by_source: Counter[str] = Counter()
        self.ticks = 0
        self.resets = 0

    reads_events = False

    def begin(self, head: Cursor) -> None:
        """Nothing to prepare: counts begin at the start of the process."""

    def publish(self, tick: Tick) -> None:
        self.ticks += 1
        for event in tick.events:
            self.by_kind[event.kind] += 1
            self.by_source[event.change.source] += 1
        for source, n in (tick.quiet or {}).items():
            self.by_kind[EventKind.JOB_UPDATED] += n
            self.by_source[source] += n

    def reset(self, reason: str, cursor: Cursor) -> None:  # noqa: ARG002  # the consumer's shape
        self.resets += 1
