"""What tests of the log stand on: real sealers, tailers and projectors on a test's own database."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import psycopg

from fixtures.waiting import await_until
from tailboard.core.bell import Decision
from tailboard.core.cursor import Cursor
from tailboard.core.event import Event, Tick
from tailboard.core.projections import Saved
from tailboard.core.stats import Tally
from tailboard.db.listener import Listener
from tailboard.db.log import Log
from tailboard.db.pool import Database
from tailboard.db.sealing import Sealing
from tailboard.live.caretaker import Caretaker
from tailboard.live.event_counts import EventCounts
from tailboard.live.projector import Projector
from tailboard.live.sealer import Sealer
from tailboard.live.tailer import Tailer

AConnection = psycopg.AsyncConnection[Any]

PATIENCE: Final = 20.0


class Recorder:
    """A consumer that keeps what it is told. Sees digests while it does not read events."""

    reads_events = True

    def __init__(self) -> None:
        self.began: list[Cursor] = []
        self.ticks: list[Tick] = []
        self.resets: list[tuple[str, Cursor]] = []
        self._told = asyncio.Event()

    def begin(self, head: Cursor) -> None:
        self.began.append(head)

    def publish(self, tick: Tick) -> None:
        self.ticks.append(tick)
        self._told.set()

    def reset(self, reason: str, cursor: Cursor) -> None:
        self.resets.append((reason, cursor))
        self._told.set()

    @property
    def events(self) -> list[Event]:
        return [event for tick in self.ticks for event in tick.events]

    async def until(self, condition: Callable[["Recorder"], object]) -> None:
        """Return once `condition(self)` holds, looking whenever something is told."""
        async with asyncio.timeout(PATIENCE):
            while not condition(self):
                self._told.clear()
                await self._told.wait()


class WatchedSealer(Sealer):
    """A sealer that tells how it pauses: `pauses` holds every decision it has begun to wait by.

    `followers` is how many are said to follow the feed on its node.
    """

    def __init__(self, database: Database, *, followers: int = 1) -> None:
        self.followers = followers
        super().__init__(database, folds=_nothing_to_save, watched=lambda: self.followers > 0)
        self.pauses: list[Decision] = []
        self._paused = asyncio.Event()

    async def _pause(self, listener: Listener, decision: Decision) -> None:
        self.pauses.append(decision)
        self._paused.set()
        await super()._pause(listener, decision)

    async def until_pause(self, condition: Callable[[Decision], object]) -> None:
        """Return once the newest pause is one for which `condition` holds.

        A sealer sleeps only when every older transaction of the whole server has ended, those of other tests too.
        """
        async with asyncio.timeout(3 * PATIENCE):
            while not (self.pauses and condition(self.pauses[-1])):
                self._paused.clear()
                await self._paused.wait()


class Board:
    """A node without its web: database, log, projector, sealer, tailer and a recorder."""

    def __init__(self, url: str, *, listen_url: str | None = None, retention_s: float | None = None) -> None:
        self.database = Database(url, listen_url)
        self.log = Log(self.database)
        self.projector = Projector(self.log)
        self.recorder = Recorder()
        self.sealer = Sealer(
            self.database,
            folds=self.projector.folds,
            notes=self.projector.take_notes,
            retention_s=retention_s,
        )
        self.counts = EventCounts()
        self.tailer = Tailer(self.database, self.projector, [self.counts, self.recorder])
        self.caretaker = Caretaker(
            self.database,
            self.sealer,
            self.projector,
            lambda source: self.counts.by_source[source],
            look_every_s=0.05,
        )

    async def start(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self.database.open()
            await self.sealer.start()
            await self.tailer.start()
            await self.caretaker.start()

    async def stop(self) -> None:
        await self.caretaker.stop()
        await self.tailer.stop()
        await self.sealer.stop()
        await self.database.close()


@asynccontextmanager
async def board(url: str, *, retention_s: float | None = None) -> AsyncIterator[Board]:
    node = Board(url, retention_s=retention_s)
    try:
        await node.start()
        yield node
    finally:
        await node.stop()


@asynccontextmanager
async def reading(url: str) -> AsyncIterator[Log]:
    """The log, for a reader that is not part of a node."""
    database = Database(url)
    await database.open()
    try:
        yield Log(database)
    finally:
        await database.close()


@asynccontextmanager
async def sealing(url: str, *, followers: int = 1) -> AsyncIterator[WatchedSealer]:
    """A sealer alone."""
    sealer = WatchedSealer(Database(url), followers=followers)
    try:
        async with asyncio.timeout(PATIENCE):
            await sealer.start()
        yield sealer
    finally:
        await sealer.stop()


@asynccontextmanager
async def by_hand(url: str) -> AsyncIterator[Sealing]:
    """What a sealer that leads does, for a test to do step by step."""
    connection = await Database(url).direct("sealer")
    try:
        sealing = Sealing(connection)
        await await_until(sealing.lead)  # the one before it may have the lead for a moment still
        await sealing.open_log()
        yield sealing
    finally:
        await connection.close()


async def seal_all(url: str) -> None:
    """Let a sealer take all that is committed, and go; the one before it may have the lead for a moment still."""
    async with sealing(url) as sealer:
        await sealer.until_pause(lambda _: True)


async def one(connection: AConnection, statement: str, *parameters: object) -> Any:
    """The only value of a query."""
    row = await (await connection.execute(statement.encode(), parameters or None)).fetchone()
    assert row is not None
    return row[0]


async def everything(log: Log, after: Cursor, limit: int = 1000) -> list[Event]:
    """All events after a cursor, page by page."""
    events: list[Event] = []
    while True:
        page = await log.read(after, limit)
        assert len(page.events) <= limit
        events += page.events
        after = page.cursor
        if after == page.head.cursor:
            return events


def end_backends(connection: psycopg.Connection[Any], name: str) -> None:
    """End a node's connections of that name."""
    ended = connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = %s",
        [name],
    ).fetchall()
    assert ended


def recount(connection: psycopg.Connection[Any]) -> list[Tally]:
    """The jobs counted in the table itself, as `Stats.tallies` gives them."""
    rows = connection.execute(
        "SELECT 'jobs', queue, status, count(*) FROM tailboard.jobs GROUP BY queue, status"
    ).fetchall()
    return sorted((Tally(*row) for row in rows), key=lambda tally: (tally.source, tally.queue, tally.status))


def _nothing_to_save() -> tuple[Cursor, Saved] | None:
    return None
