"""The projector: keeps this node's folds of the log, restored from a checkpoint and carried on tick by tick."""

from collections.abc import Mapping
from typing import Final

from tailboard.core.cursor import Cursor
from tailboard.core.event import Event, Tick
from tailboard.core.projections import Rates, Saved, Stats
from tailboard.db.log import Head, Log
from tailboard.errors import DatabaseUnavailable

_PAGE: Final = 5000


class Projector:
    """Stats and rates at `cursor`. Reads are plain attribute reads: no query, no count(*), no lock."""

    def __init__(self, log: Log) -> None:
        self.stats = Stats()
        self.rates = Rates()
        self.cursor = Cursor(1, 0)
        self._log = log
        self._restored = False

    async def restore(self) -> Head:
        """Load the newest checkpoint and fold what follows it; return the tick at which the folds now stand."""
        self._restored = False
        checkpoint = await self._log.load_checkpoint()
        if checkpoint is None:
            raise DatabaseUnavailable("waiting for a sealer to take the first checkpoint")
        cursor, saved = checkpoint
        self.stats, self.rates = Stats(saved.stats), Rates(saved.rates)
        while True:
            page = await self._log.read(cursor, _PAGE)
            self._apply(page.events)
            cursor = page.cursor
            if cursor == page.head.cursor:
                break
        self.cursor = cursor
        self._restored = True
        return page.head

    def publish(self, tick: Tick) -> None:
        self._apply(tick.events)
        self.cursor = tick.cursor

    def counts(self) -> tuple[Cursor, Mapping[str, int]]:
        """The stats and the place they are exact at."""
        return self.cursor, self.stats.counts()

    def folds(self) -> tuple[Cursor, Saved] | None:
        """What a checkpoint saves, or None while the folds are being restored."""
        return (self.cursor, Saved.of(self.stats, self.rates)) if self._restored else None

    def _apply(self, events: tuple[Event, ...]) -> None:
        for event in events:
            self.stats.apply(event)
            self.rates.apply(event)
