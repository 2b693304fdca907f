"""The caretaker: looks after adopted sources while its node leads.

    every two seconds: look at the catalogs -> what is wrong? renew, note, tell; what is to be counted? count it

Counting runs on a connection of its own, one source at a time; only the end of it is done between two seals. What goes
wrong with one source is noted, tried again later each time, and stops neither the sealing nor the other sources.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final, TypeVar

from tailboard.db.adopting.baseline import Held, Survey, Upkeep, survey
from tailboard.db.adopting.renewal import renew
from tailboard.db.adopting.upkeep import horizon, look, note, poll, recheck, take_restored
from tailboard.db.doubt import Doubt
from tailboard.db.pool import Connection, Database
from tailboard.db.queries import query
from tailboard.db.sealing import Sealing
from tailboard.errors import (
    AttachRefused,
    DatabaseError,
    DatabaseUnavailable,
    InvalidSource,
    LeadershipLost,
    SourceMoved,
    SourceNotFound,
)
from tailboard.live.projector import Projector
from tailboard.live.sealer import Sealer
from tailboard.live.service import Service
from tailboard.sources.health import State, judge
from tailboard.sources.look import Look
from tailboard.sources.sqltext import table_name
from tailboard.sources.upkeep import LOOK_EVERY_S, Memory, Reason

T = TypeVar("T")

_COUNT_WITHIN_S: Final = 120.0
_GIVE_WAY_WITHIN_S: Final = 0.5
_WAITED_FOR_WITHIN_S: Final = 2.0
"""How long it may take to learn whether somebody waits; a connection that takes longer has fallen silent."""
_FAULTS_WAIT_S: Final = 30.0
"""How long a count waits for the transactions that a capture failed in, before it is made without them."""


class Caretaker(Service):
    """Works while `sealer` leads. `captured` tells how many changes of a source this node has followed."""

    name = "caretaker"

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        projector: Projector,
        captured: Callable[[str], int],
        *,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        super().__init__()
        self.counted = 0
        """Baselines written by this node."""
        self.checked = 0
        """Counts that found what readers had."""
        self._database = database
        self._sealer = sealer
        self._projector = projector
        self._captured = captured
        self._look_every_s = look_every_s
        self._doubt: Doubt
        self._memories: dict[str, Memory] = {}

    async def run(self) -> None:
        self.ready()
        while True:
            if self._sealer.leading:
                # Another server may have taken the former's place, whose transaction ids mean nothing.
                self._memories.clear()
                connection = await self._database.direct("caretaker")
                self._doubt = Doubt(self._database, connection, "caretaker")
                try:
                    while self._sealer.leading:
                        await self._look_after(connection)
                        await asyncio.sleep(self._look_every_s)
                finally:
                    await connection.close()
            self._memories.clear()
            await asyncio.sleep(self._look_every_s)

    async def _ask(self, answer: Awaitable[T]) -> T:
        """What is asked on the caretaker's connection. Raises DatabaseUnavailable where no answer will come."""
        with self._doubt.asking():
            return await answer

    async def _look_after(self, connection: Connection) -> None:
        looks = await self._ask(look(connection))
        for name in self._memories.keys() - {seen.name for seen in looks}:
            del self._memories[name]
        for seen in looks:
            memory = self._memories.setdefault(seen.name, Memory())
            if seen.restored:
                await self._ask(take_restored(connection, seen.name))
                memory.repaired = True
                continue  # the next look is at the table that it has now
            self._tell(seen, memory)
            await self._renew(seen, memory)
            trouble = memory.misfit or _trouble(seen)
            memory.seen(
                seen,
                self._captured(seen.name),
                broken=trouble is not None,
                known_s=self._projector.current().known_for(seen.name),
            )
            failure = await self._attend(connection, seen, memory)
            await self._note(connection, seen, memory, failure, trouble)

    def _tell(self, seen: Look, memory: Memory) -> None:
        """Say once that changes are missed, or the table may not be read. Other trouble is told by who finds it."""
        health = judge(seen)
        faulty = health.state is State.FAULTY and seen.failure is None
        if faulty and not memory.faulty:
            self._log.warning("source %s: %s. %s", seen.name, health.found, health.advice)
        elif memory.faulty and health.state is State.OK:
            self._log.info("source %s: is well again", seen.name)
        memory.faulty = faulty or (memory.faulty and health.state is not State.OK)

    async def _attend(self, connection: Connection, seen: Look, memory: Memory) -> str | None:
        """Count the source if it is time; return why that failed, if it did or had."""
        began = monotonic()
        try:
            if seen.found and seen.same and seen.written:
                await self._ask(poll(connection, seen.name))
            reason = memory.due(seen, monotonic())
            if reason is None or not await self._faults_settled(connection, seen, memory, reason):
                return seen.failure
            await self._count(connection, seen, memory, reason)
        except (SourceMoved, SourceNotFound):
            return None  # the next look sees what it has become
        except LeadershipLost:
            raise
        except DatabaseError as error:
            memory.failed(monotonic(), monotonic() - began)
            self._log.warning("source %s: %s", seen.name, error)
            return str(error)
        return None

    async def _faults_settled(
        self, connection: Connection, seen: Look, memory: Memory, reason: Reason
    ) -> bool:
        """Whether a count would see what the captures failed to record: their transactions have to end first."""
        if seen.faults > seen.faults_counted and memory.barrier is None:
            memory.barrier = (seen.faults, (await self._ask(horizon(connection))).next)
            memory.barrier_since = monotonic()
        if reason is not Reason.FAULTS or memory.barrier is None:
            return True
        settled = (await self._ask(horizon(connection))).oldest > memory.barrier[1]
        return settled or monotonic() > memory.barrier_since + _FAULTS_WAIT_S

    async def _count(self, connection: Connection, seen: Look, memory: Memory, reason: Reason) -> None:
        table = table_name(seen.table)
        if table is None:
            raise DatabaseError(f"{seen.table} is not the name of a table")
        began = monotonic()
        if seen.remembers and reason is not Reason.ATTACHED:
            # Its changes are told against what the log told last: first bring that up to what the tables say.
            await self._ask(recheck(connection, seen.name))
        async with self._giving_way(connection):
            surveyed = await self._ask(
                survey(connection, seen.name, table, within_s=_COUNT_WITHIN_S, remembers=seen.remembers)
            )
        took_s = monotonic() - began
        faults = seen.faults_counted
        if memory.barrier is not None and surveyed.since > memory.barrier[1]:
            faults, memory.barrier = memory.barrier[0], None
        upkeep = Upkeep(faults, seen.shape)
        baseline = await self._write(surveyed, upkeep, check=reason.only_a_check)
        memory.succeeded(seen, reason, monotonic(), took_s)
        if baseline is None:
            self.checked += 1
            return
        self.counted += 1
        jobs = surveyed.counted.jobs.total()
        self._log.info("source %s: counted %d jobs in %.2f s (%s)", seen.name, jobs, took_s, reason)

    @asynccontextmanager
    async def _giving_way(self, connection: Connection) -> AsyncIterator[None]:
        """Counting holds the lightest lock there is, and gives it up as soon as somebody waits for it."""
        watching = asyncio.create_task(self._cancel_when_waited_for(connection.info.backend_pid))
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.wait([watching])

    async def _cancel_when_waited_for(self, pid: int) -> None:
        with contextlib.suppress(DatabaseUnavailable, DatabaseError):
            while True:
                await asyncio.sleep(_GIVE_WAY_WITHIN_S)
                async with self._database.connection(within_s=_WAITED_FOR_WITHIN_S) as connection:
                    await connection.execute(query("upkeep_give_way"), {"pid": pid})

    async def _write(self, surveyed: Survey, upkeep: Upkeep, *, check: bool) -> int | None:
        written: list[int | None] = []

        async def begin(sealing: Sealing) -> None:
            held = self._held(surveyed.source) if check else None
            written.append(await sealing.begin_source(surveyed, upkeep, held))

        await self._sealer.errand(begin)
        return written[0]

    def _held(self, source: str) -> Held | None:
        stats = self._projector.stats
        if source not in stats.counted():
            return None
        counts: Counter[tuple[str, str]] = Counter()
        for tally in stats.tallies():
            if tally.source == source:
                counts[tally.queue, tally.status] += tally.n
        return Held(self._projector.cursor, counts)

    async def _renew(self, seen: Look, memory: Memory) -> None:
        """Write anew what is written of a source: where the owner changed a column that it looks at, once for each such
        change; and once since this node leads, because what this release mended is in the text that it writes.
        """
        if not seen.changed:
            memory.misfit = None
        if memory.renewed_for == seen.changed or not (
            seen.found and seen.same and (seen.changed or seen.written)
        ):
            memory.waits = False
            return
        columns = ", ".join(seen.changed)
        try:
            differs = await asyncio.to_thread(renew, self._database.listen_url, seen.name)
        except DatabaseError as error:
            if not memory.waits:
                what = (
                    f"written anew for changed columns ({columns})"
                    if columns
                    else "compared with this release"
                )
                self._log.info("source %s: is to be %s, and waits: %s", seen.name, what, error)
            memory.waits = True
            return
        except (InvalidSource, AttachRefused) as error:
            memory.renewed_for = seen.changed
            if columns:
                memory.misfit = f"the source does not fit them: {error}"
                self._log.warning("source %s: columns changed (%s); %s", seen.name, columns, memory.misfit)
            else:
                self._log.warning("source %s: is not written anew, and stays as it is: %s", seen.name, error)
        else:
            memory.renewed_for, memory.misfit = [], None
            if differs:
                memory.repaired = True  # what was recorded until now may be what this release mends
                what = f"for changed columns: {columns}" if columns else "as this release writes it"
                self._log.info("source %s: written anew %s", seen.name, what)
            elif memory.waits:
                self._log.info("source %s: compared, and is as this release writes it", seen.name)
        memory.waits = False

    async def _note(
        self, connection: Connection, seen: Look, memory: Memory, failure: str | None, trouble: str | None
    ) -> None:
        wanted = memory.wrong(seen)
        if trouble is not None and trouble != seen.trouble:
            self._log.warning("source %s: %s", seen.name, trouble)
        if (wanted, failure, trouble) != (seen.wanted, seen.failure, seen.trouble):
            await self._ask(note(connection, seen.name, wanted=wanted, failure=failure, trouble=trouble))


def _trouble(seen: Look) -> str | None:
    """What keeps a source from being watched, and what to do."""
    health = judge(seen)
    return f"{health.found}. {health.advice}" if health.state is State.BROKEN else None
