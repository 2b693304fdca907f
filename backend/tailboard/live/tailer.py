"""The tailer: every node's one reader of the log. Follows ticks in order and hands each to the consumers.

While nobody is connected, nobody reads events one by one, and it reads digests, of several ticks at once, without being
woken for each: a board that is not open costs the database, and the writers beside it, a fraction of one that is.

It LISTENs for ticks, looks for itself every second whatever happens, and after any failure goes on from the
last tick it delivered: consumers see every tick once, in order, or an explicit reset.
"""

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import Final, Protocol

from tailboard.core.cursor import Cursor
from tailboard.core.event import Tick
from tailboard.core.lag import LOOK_S, Lag
from tailboard.db.digest import digest
from tailboard.db.listener import Listener
from tailboard.db.log import follow, tick_end, waits
from tailboard.db.pool import Database
from tailboard.errors import CursorExpired
from tailboard.live.projector import Projector
from tailboard.live.service import Service

_SILENCE_S: Final = 60.0
"""Restoring the folds takes other connections, and a while; after that the log is looked at every second."""
_UNHURRIED_S: Final = 0.25
"""How old counts may be that nobody is connected to see; whoever comes is told of the newest tick after it at most."""
_TICKS_A_READ: Final = 64
_CHANGES_A_READ: Final = 1000
_CHANGES_A_DIGEST: Final = 5000
"""What is read at once is told at once, and nobody else has a turn meanwhile: some 30 ms. A tick holds 500 at most."""


class Consumer(Protocol):
    """Is told of every tick, synchronously and in order; must not block."""

    @property
    def reads_events(self) -> bool:
        """Whether it needs every event as it is; while no consumer does, all are given digests."""
        ...

    def begin(self, head: Cursor) -> None:
        """The first tick will be the one after this place."""
        ...

    def publish(self, tick: Tick) -> None: ...

    def reset(self, reason: str, cursor: Cursor) -> None:
        """The log was replaced under us, or retention overtook us: go on from `cursor`."""
        ...


class Tailer(Service):
    """Follows the log for the projector, then for the consumers.

    `head` is the place up to which all have been told.
    """

    name = "tailer"

    def __init__(self, database: Database, projector: Projector, consumers: Sequence[Consumer]) -> None:
        super().__init__()
        self.head: Cursor | None = None
        self._database = database
        self._projector = projector
        self._consumers = consumers
        self._tick_id = -1
        self._counted_id = -1
        """The tick that the projector has taken: one at which a consumer failed is read again, and counts once."""
        self._solid = 0
        self._lag = Lag()

    @property
    def lag_ms(self) -> float:
        """How far what was told is behind what is committed; see `core/lag.py`."""
        return self._lag.ms(monotonic())

    @property
    def away(self) -> bool:
        """Whether the database does not answer."""
        return self._lag.away(monotonic())

    async def run(self) -> None:
        async with Listener(self._database, "tailboard_tick", "tailer", silence_s=_SILENCE_S) as listener:
            await self._find_place(listener)
            while True:
                told = self._tick_id
                while await self._advance(listener):
                    pass
                self.ready()
                if self._tick_id != told and not self._events_are_read():
                    with listener.asking():
                        await listener.turn_deaf()
                    await asyncio.sleep(_UNHURRIED_S)
                elif not await self._hear(listener) and not await listener.wait(LOOK_S):
                    with listener.asking():
                        waiting = await waits(listener.connection)
                    self._lag.nothing_new(monotonic(), waits=waiting)

    async def _hear(self, listener: Listener) -> bool:
        """Be woken again; return whether there may be something that rang unheard."""
        with listener.asking():
            return await listener.hear()

    async def _advance(self, listener: Listener) -> bool:
        """Deliver what is there; return whether there may be more at once."""
        read, most = (follow, _CHANGES_A_READ) if self._events_are_read() else (digest, _CHANGES_A_DIGEST)
        asked = monotonic()
        try:
            with listener.asking():
                ticks = await read(
                    listener.connection, self._tick_id, self._solid, ticks=_TICKS_A_READ, changes=most
                )
        except CursorExpired:
            await self._restore("cursor_expired")
            return True
        if read is digest and self._events_are_read():
            return True  # somebody came meanwhile, who is to be told all of this
        for tick in ticks:
            if tick.tick_id != self._counted_id:
                self._projector.publish(tick)
                self._counted_id = tick.tick_id
            for consumer in self._consumers:
                consumer.publish(tick)
            self._tick_id, self._solid, self.head = tick.tick_id, tick.solid, tick.cursor
        self._lag.looked(monotonic())
        if ticks and ticks[-1].age_s is not None:
            self._lag.delivered(ticks[-1].age_s + monotonic() - asked, monotonic())
        return len(ticks) == _TICKS_A_READ or sum(tick.n for tick in ticks) >= most

    def _events_are_read(self) -> bool:
        return any(consumer.reads_events for consumer in self._consumers)

    async def _find_place(self, listener: Listener) -> None:
        """Take up where we were. After a failover to a server that missed some of our ticks, that place is not in
        the log any more: ticks are numbered densely, so the one we delivered last is there unchanged or is void.
        """
        self._solid = 0
        if self.head is None:
            head = await self._projector.restore()
            self._tick_id, self.head = head.tick_id, head.cursor
            for consumer in self._consumers:
                consumer.begin(head.cursor)
            return
        with listener.asking():
            end = await tick_end(listener.connection, self._tick_id)
        if end != self.head:
            await self._restore("epoch_changed")

    async def _restore(self, reason: str) -> None:
        self._solid, self._counted_id = 0, -1
        head = await self._projector.restore()
        self._log.warning("resetting every reader: %s; the log now ends at %s", reason, head.cursor)
        self._tick_id, self.head = head.tick_id, head.cursor
        for consumer in self._consumers:
            consumer.reset(reason, head.cursor)
