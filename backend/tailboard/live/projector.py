"""The projector: keeps this node's folds of the log, restored from a checkpoint and carried on tick by tick."""

from collections import deque
from collections.abc import Mapping
from datetime import datetime
from time import monotonic
from typing import Final, NamedTuple

from tailboard.core.clock import DatabaseClock
from tailboard.core.cursor import Cursor
from tailboard.core.event import Event, Tick
from tailboard.core.projections import Rates, Saved
from tailboard.core.stats import Stats
from tailboard.db.log import Head, Log
from tailboard.errors import DatabaseUnavailable

_PAGE: Final = 5000
NOTE_EVERY: Final = 5_000
"""How many changes apart folds are noted for the past: about what a question about the past has to fold. Where a fold
is large, with very many queues, it is noted more rarely: to note four numbers costs what it costs to fold a change.
"""
_CHANGES_A_NUMBER: Final = 0.25
_NOTES: Final = 100
"""Notes that wait for a leader at most; a node that never leads lets the oldest go."""


class Note(NamedTuple):
    """The folds as they stood at a place, as JSON."""

    cursor: Cursor
    state: bytes


class Projector:
    """Stats and rates at `cursor`. Nothing here asks the database: no query, no count(*), no lock.

    `counts` and `current` are right at the moment at which they are asked, also where only time moves a job.
    """

    def __init__(self, log: Log) -> None:
        self.stats = Stats()
        self.rates = Rates()
        self.cursor = Cursor(1, 0)
        self._log = log
        self._clock = DatabaseClock()
        self._restored = False
        self._notes: deque[Note] = deque(maxlen=_NOTES)
        self._noted = 0

    async def restore(self) -> Head:
        """Load the newest checkpoint and fold what follows it; return the tick at which the folds now stand."""
        self._restored = False
        checkpoint = await self._log.load_checkpoint()
        if checkpoint is None:
            raise DatabaseUnavailable("waiting for a sealer to take the first checkpoint")
        cursor, saved = checkpoint
        self.stats, self.rates = saved.folds()
        self._clock.restart()
        self._notes.clear()
        self._noted = cursor.position
        while True:
            page = await self._log.read(cursor, _PAGE)
            self._apply(page.events)
            cursor = page.cursor
            self._note(cursor)
            if cursor == page.head.cursor:
                break
        self.cursor = cursor
        self._clock.observe(page.head.at, monotonic())
        self._restored = True
        return page.head

    def publish(self, tick: Tick) -> None:
        self._apply(tick.events)
        self.cursor = tick.cursor
        if tick.at is not None:
            self._clock.observe(tick.at, monotonic())
        self._note(tick.cursor)

    def counts(self) -> tuple[Cursor, Mapping[str, int]]:
        """The stats and the place they are exact at."""
        self._catch_up()
        return self.cursor, self.stats.counts()

    def current(self) -> Stats:
        """The stats, to be read at once."""
        self._catch_up()
        return self.stats

    def now(self) -> datetime | None:
        """What the database's clock shows; None before that is known."""
        return self._clock.at(monotonic())

    def folds(self) -> tuple[Cursor, Saved] | None:
        """What a checkpoint saves, or None while the folds are being restored."""
        return (self.cursor, Saved.of(self.stats, self.rates)) if self._restored else None

    def _catch_up(self) -> None:
        now = self.now()
        if now is not None:
            self.stats.advance(now)

    def take_notes(self) -> list[Note]:
        """What was noted since the last time, oldest first, for whoever leads to keep."""
        taken = list(self._notes)
        self._notes.clear()
        return taken

    def _note(self, cursor: Cursor) -> None:
        if cursor.position - self._noted >= max(NOTE_EVERY, self.stats.size * _CHANGES_A_NUMBER):
            self._noted = cursor.position
            self._notes.append(Note(cursor, Saved.of(self.stats, self.rates).noted()))

    def _apply(self, events: tuple[Event, ...]) -> None:
        for event in events:
            self.stats.apply(event)
            self.rates.apply(event)
