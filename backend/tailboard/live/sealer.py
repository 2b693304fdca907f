"""The sealer: one leader among all nodes, who turns visible changes into ticks.

    bell rings, poll is due, or a second has passed -> seal -> ask the Bell what next -> mute, arm, sleep

Every node runs one; whoever holds the advisory lock leads, the others try for it four times a second. The lock goes
with the leader's connection, so that a killed node is replaced as soon as PostgreSQL notices. One that is frozen, or
cut off without either end knowing, it does not notice: a follower that sees changes wait while the leader's session
asks nothing for a second ends that session (`core/standstill.py`).
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Final

from psycopg import errors

from tailboard.core.bell import Act, Bell, Decision
from tailboard.core.cursor import Cursor
from tailboard.core.projections import Saved
from tailboard.core.standstill import Vigil
from tailboard.db.listener import Listener
from tailboard.db.pool import Database
from tailboard.db.sealing import Sealing
from tailboard.errors import DatabaseError, DatabaseUnavailable, LeadershipLost, TailboardError
from tailboard.live.service import Service

Errand = Callable[[Sealing], Awaitable[None]]

_STANDBY_S: Final = 0.25
_SILENCE_S: Final = 6.0
"""A leader that asks nothing for so long is frozen or cut off: its connection ends, and with it its leadership. In
service it never sleeps longer than a second. Where changes wait, followers are quicker.
"""
_HAS_ROOM: Final = "has room again: ringing"
_FILLS_UP: Final = (
    "is filling up, so nothing is rung: some session LISTENs and sits in an open transaction. End it; `tailboard "
    "doctor` names those that are open for long"
)
_HOUSEKEEPING_S: Final = 2.0
_CHECKPOINT_S: Final = 30.0
_RETENTION_S: Final = 60.0
_FOLDS_AN_AGE: Final = 8
"""So many folds at least for the time that the log is kept: an eighth more of it is kept than was asked for."""
_RING_WITHIN_S: Final = 2.0
"""A connection of the pool that takes longer for a NOTIFY has fallen silent."""


class Sealer(Service):
    """Leads or stands by. `folds` tells what to save as a checkpoint: the place and state of this node's projections;
    `notes` what to keep of them for those who look into the past. `watched` is whether anybody follows the feed here.

    `retention_s` is the age from which the log may be forgotten; None keeps everything.
    """

    name = "sealer"

    def __init__(
        self,
        database: Database,
        *,
        folds: Callable[[], tuple[Cursor, Saved] | None],
        notes: Callable[[], Sequence[tuple[Cursor, bytes]]] = tuple,
        watched: Callable[[], bool] = lambda: True,
        retention_s: float | None = None,
    ) -> None:
        super().__init__()
        self.leading = False
        self.ticks_sealed = 0
        self.changes_sealed = 0
        self.bell: Bell | None = None
        self._database = database
        self._folds = folds
        self._notes = notes
        self._watched = watched
        self._watched_elsewhere = True
        self.retention_s = retention_s
        self._saved = Cursor(0, 0)
        self._errands: deque[tuple[Errand, asyncio.Future[None]]] = deque()
        self._kept = -1
        self._vigil = Vigil()

    async def errand(self, work: Errand) -> None:
        """Have something done on the leader's connection between two seals, and return once it is done.

        What `work` raises is raised here, and does not stop the sealing. Raises LeadershipLost where this node does
        not lead, or ceases to.
        """
        if not self.leading:
            raise LeadershipLost("this node does not lead")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._errands.append((work, done))
        try:
            # The leader may sleep, but never for more than a second: ringing only saves that.
            with contextlib.suppress(DatabaseError, DatabaseUnavailable):
                async with self._database.connection(within_s=_RING_WITHIN_S) as connection:
                    await connection.execute("SELECT pg_notify('tailboard_bell', '')")
            await done
        finally:
            done.cancel()  # whoever gives up has nothing done, and is told nothing

    async def run(self) -> None:
        try:
            async with Listener(
                self._database, "tailboard_bell", "sealer", silence_s=_SILENCE_S, deaf=True
            ) as listener:
                sealing = Sealing(listener.connection)
                while not await self._elected(listener, sealing):
                    self.ready()
                    await asyncio.sleep(_STANDBY_S)
                await self._lead(listener, sealing)
        finally:
            self.leading = False
            self.bell = None
            while self._errands:
                _, done = self._errands.popleft()
                _fail(done, LeadershipLost("this node ceased to lead"))

    async def _elected(self, listener: Listener, sealing: Sealing) -> bool:
        with listener.asking():
            if await sealing.lead():
                return True
            await sealing.watch(wanted=self._watched())
            leader = self._vigil.silent(await sealing.standstill(self._vigil.tick_id), monotonic())
            if leader is None or not await sealing.oust(leader):
                return False
            self._log.warning(
                "the leader was silent while changes waited: its session %d was ended", leader.pid
            )
            return await sealing.lead()

    async def _lead(self, listener: Listener, sealing: Sealing) -> None:
        with listener.asking():
            await sealing.open_log()
            self._saved = Cursor(0, 0)  # what was saved under an earlier leadership may be lost
            if not await sealing.has_checkpoint():
                await sealing.first_checkpoint()
            self._kept = await sealing.kept()
            self.leading = True
            self.bell = bell = Bell(notify=await sealing.notify_enabled())
            await sealing.mute()
        self._log.info("this server orders the changes from now on")
        keeper = _Housekeeping()
        while True:
            with listener.asking():
                decision = await self._seal(listener, sealing, bell)
                await self._run_errands(sealing)
                keep_house = keeper.due(monotonic())
                if keep_house:
                    await self._keep_house(keeper, sealing, bell)
            if not keep_house:
                await self._pause(listener, decision)

    async def _seal(self, listener: Listener, sealing: Sealing, bell: Bell) -> Decision:
        """Seal what there is, and do to the bell what follows from it."""
        seal = await sealing.seal()
        if seal.sealed:
            self.changes_sealed += seal.sealed
            self.ticks_sealed += 1
        # The first seal took what nobody sealed while there was no leader: now the feed is live.
        self.ready()
        bell.watched = self._watched() or self._watched_elsewhere
        decision = bell.after_seal(seal.sealed, seal.oldest_running, monotonic())
        match decision.act:
            case Act.MUTE:
                await sealing.mute()
                await listener.turn_deaf()
            case Act.ARM:
                await listener.hear()
                bell.armed(await sealing.arm())
            case Act.NOTHING:
                pass
        return decision

    async def _run_errands(self, sealing: Sealing) -> None:
        while self._errands:
            # It stays there until it is done: whatever else ends the leadership in it, who waits is told so.
            work, done = self._errands[0]
            try:
                if not done.done():  # or whoever wanted it has given up
                    await work(sealing)
            except (LeadershipLost, DatabaseUnavailable):
                raise
            except TailboardError as error:
                _fail(done, error)
            else:
                if not done.done():
                    done.set_result(None)
            self._errands.popleft()

    async def _pause(self, listener: Listener, decision: Decision) -> None:
        if decision.listen:
            await listener.wait(decision.sleep_s)
        elif decision.sleep_s:
            await asyncio.sleep(decision.sleep_s)

    async def _keep_house(self, keeper: "_Housekeeping", sealing: Sealing, bell: Bell) -> None:
        """What must not wait for ever, between two seals. What fails here is tried again in two seconds."""
        await sealing.advance_low()
        self._watched_elsewhere = await sealing.watched_elsewhere()
        bell.notify = await sealing.notify_enabled()
        if sealing.may_ring != keeper.rings:
            keeper.rings = sealing.may_ring
            level, what = (logging.INFO, _HAS_ROOM) if sealing.may_ring else (logging.WARNING, _FILLS_UP)
            self._log.log(level, "the queue of notifications %s", what)
        try:
            folds = self._folds()
            await self._save(keeper, sealing, folds)
            # These two need locks that a dump of the database holds for hours.
            await sealing.make_leaves()
            if not keeper.retention_due(monotonic()):
                return
            if self.retention_s is not None:
                await self._retain(keeper, sealing, self.retention_s, folds)
        except DatabaseError as error:
            if not isinstance(error.__cause__, errors.LockNotAvailable):
                raise
            if not keeper.waits:
                self._log.info("housekeeping waits for a lock that others hold")
            keeper.waits = True
        else:
            # All of it was done, also what is seldom due: whichever of it had to wait goes on.
            if keeper.waits:
                self._log.info("housekeeping goes on")
            keeper.waits = False

    async def _save(
        self, keeper: "_Housekeeping", sealing: Sealing, folds: tuple[Cursor, Saved] | None
    ) -> None:
        """Save the folds to begin with, now and then, and keep those for the past."""
        due = folds is not None and folds[0] > self._saved and keeper.checkpoint_due(monotonic())
        if folds is not None and due and await sealing.save(*folds):
            self._saved = folds[0]
        if self._kept < 0 and folds is not None and await sealing.keep(folds[0], folds[1].noted()):
            self._kept = folds[0].position
        for note in self._notes():
            await sealing.keep(*note)

    async def _retain(
        self, keeper: "_Housekeeping", sealing: Sealing, age_s: float, folds: tuple[Cursor, Saved] | None
    ) -> None:
        """Let go what is older than `age_s`: whole partitions or, where one takes longer to fill, its oldest ticks,
        up to a fold. So that there is one, folds are kept by time, too.
        """
        dropped = await sealing.retain(age_s, self._saved.position)
        if dropped:
            self._log.info("dropped %d partitions of the log", dropped)
            self._kept = -1  # what was kept may be below the floor now
        if folds is not None and await sealing.keep_due(folds[0].position, age_s / _FOLDS_AN_AGE):
            await sealing.keep(folds[0], folds[1].noted())
        trimmed = await sealing.trim(age_s, self._saved.position)
        if trimmed:
            self._log.debug("forgot the oldest %d ticks of the log", trimmed)
            keeper.retain_soon()


def _fail(done: asyncio.Future[None], error: TailboardError) -> None:
    """Unless whoever waited has given up meanwhile."""
    if not done.done():
        done.set_exception(error)


class _Housekeeping:
    """When each chore is next due, in monotonic seconds."""

    def __init__(self) -> None:
        self.waits = False
        """Whether others hold a lock that it needs."""
        self.rings = True
        """Whether NOTIFY was last said to do."""
        self._next = self._next_checkpoint = self._next_retention = float("-inf")

    def due(self, now: float) -> bool:
        due, self._next = now >= self._next, (now + _HOUSEKEEPING_S if now >= self._next else self._next)
        return due

    def checkpoint_due(self, now: float) -> bool:
        due = now >= self._next_checkpoint
        if due:
            self._next_checkpoint = now + _CHECKPOINT_S
        return due

    def retain_soon(self) -> None:
        """There is more to let go: go on at the next occasion."""
        self._next_retention = float("-inf")

    def retention_due(self, now: float) -> bool:
        due = now >= self._next_retention
        if due:
            self._next_retention = now + _RETENTION_S
        return due
