"""What the sealer does to the database: lead, open the log, seal, ring and mute, and keep house.

All of it runs on one direct connection, which holds the session advisory lock that makes its owner the leader.
"""

import contextlib
from typing import Any, Final, NamedTuple

import msgspec
from psycopg import errors
from psycopg.rows import dict_row

from tailboard.core.cursor import Cursor
from tailboard.core.projections import Saved
from tailboard.core.standstill import Leader, Standstill
from tailboard.core.stats import Tally
from tailboard.db.adopting.baseline import Held, Survey, Upkeep, write
from tailboard.db.epochs import open_epoch
from tailboard.db.errors import required, translated
from tailboard.db.pool import Connection
from tailboard.db.queries import query
from tailboard.errors import DatabaseUnavailable, LeadershipLost

_LOCK_CLASS: Final = 0x7461696C  # "tail"; db/schema.py uses the same class
_LOCK_LEAD: Final = 1
_QUEUE_IN_DANGER: Final = 0.5
_TRIM: Final = 2_000


class Seal(NamedTuple):
    """What one seal did: changes sealed, and the oldest transaction still running in its snapshot."""

    sealed: int
    oldest_running: int


class Sealing:
    """The sealer's hands. Not safe for concurrent use; raises DatabaseUnavailable and DatabaseError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._low = 0
        self._barrier: tuple[int, int] | None = None
        self._watching = False
        self.may_ring = True
        """Whether ticks ring for their readers, who otherwise look once a second."""

    async def lead(self) -> bool:
        """Try to become the leader; the lock lasts as long as the connection."""
        with translated():
            row = await self._one("SELECT pg_try_advisory_lock(%s, %s)", (_LOCK_CLASS, _LOCK_LEAD))
            if not row[0]:
                return False
            # A tick's flush makes durable everything that it names.
            await self._connection.execute(
                "SELECT set_config('synchronous_commit', 'on', false)"
                " WHERE current_setting('synchronous_commit') = 'off'"
            )
        return True

    async def standstill(self, tick_id: int | None) -> Standstill | None:
        """Look whether changes wait for a tick: `tick_id` is the newest one of the last look, if they waited then."""
        with translated():
            asked = {"tick": tick_id, "class": _LOCK_CLASS, "lock": _LOCK_LEAD}
            row = await (await self._connection.execute(query("log_standstill"), asked)).fetchone()
        if row is None:
            return None
        tick, pid, idle_since = row
        return Standstill(tick, None if pid is None else Leader(pid, idle_since))

    async def oust(self, leader: Leader) -> bool:
        """End the leader's session, unless it has asked anything since; return whether it is gone."""
        asked = leader._asdict() | {"class": _LOCK_CLASS, "lock": _LOCK_LEAD}
        with translated(), contextlib.suppress(errors.InsufficientPrivilege):
            row = await (await self._connection.execute(query("log_oust"), asked)).fetchone()
            return row is not None and bool(row[0])
        return False  # it is another role's; the server ends the session in its own time

    async def open_log(self) -> Cursor:
        """Make the log ready for sealing: its first epoch, or the next one where this is not the server that the
        last one was sealed on. Returns where the log ends.
        """
        with translated():
            if (await self._one("SELECT pg_is_in_recovery()"))[0]:
                raise DatabaseUnavailable("this server is a standby: connect to the primary")
            self.may_ring = (await self._row("log_may_notify"))["used"] < _QUEUE_IN_DANGER
            identity = await self._row("log_identity")
            last = await self._named("log_last_epoch")
            await open_epoch(self._connection, identity, last, ring=self.may_ring)
            self._low = (await self._row("log_last_epoch"))["floor_seq"]
            head = await self._row("log_head")
            return Cursor(head["epoch"], head["position"])

    async def seal(self) -> Seal:
        """Seal all that has become visible. Raises LeadershipLost when somebody else has written the tick."""
        with translated():
            try:
                row = await self._one(query("log_seal"), {"low": self._low, "ring": self.may_ring})
            except errors.ProgramLimitExceeded:
                # The queue has filled up since it was looked at. The tick is what counts.
                self.may_ring = False
                row = await self._one(query("log_seal"), {"low": self._low, "ring": False})
            except errors.UniqueViolation as error:
                raise LeadershipLost("another sealer wrote this tick; standing by") from error
        seal = Seal(row[0], row[1])
        if self._barrier is not None and seal.oldest_running > self._barrier[1]:
            # Every transaction that drew a number up to the mark has ended, and this seal took what they wrote.
            self._low, self._barrier = max(self._low, self._barrier[0]), None
        return seal

    async def mute(self) -> None:
        """Tell writers not to NOTIFY. At once, for every writer, at every isolation level."""
        with translated():
            await self._connection.execute("SELECT setval('tailboard.bell', 0, true)")

    async def arm(self) -> int:
        """Tell writers to NOTIFY, then draw a transaction id: whoever read "muted" has an older one."""
        with translated():
            await self._connection.execute("SELECT setval('tailboard.bell', 1, true)")
            return int((await self._one("SELECT pg_current_xact_id()::text"))[0])

    async def notify_enabled(self) -> bool:
        """Whether writers may NOTIFY: by a setting in the database that every node shares, and because there is room.

        Who LISTENs and sits in an open transaction holds up the queue of the whole cluster; once it is full, commits
        that NOTIFY fail. Long before that nobody of us does any more, not for ticks either (`may_ring`).
        """
        with translated():
            row = await self._row("log_may_notify")
        self.may_ring = row["used"] < _QUEUE_IN_DANGER
        return bool(row["wanted"]) and self.may_ring

    async def watch(self, *, wanted: bool) -> None:
        """Tell the leader, which may be on another node, whether anybody follows the feed here."""
        if wanted != self._watching:
            with translated():
                await self._one("SELECT tailboard.watch()" if wanted else "SELECT tailboard.unwatch()")
            self._watching = wanted

    async def watched_elsewhere(self) -> bool:
        """Whether another node, or a reader in SQL, has said that somebody follows the feed."""
        with translated():
            return bool((await self._one("SELECT tailboard.is_watched()"))[0])

    async def advance_low(self) -> None:
        """Begin to raise the bound below which no unsealed change can be; a later seal completes it."""
        if self._barrier is None:
            with translated():
                drawn = (
                    await self._one("SELECT coalesce(pg_sequence_last_value('tailboard.changes_seq'), 0)")
                )[0]
                barrier = int((await self._one("SELECT pg_current_xact_id()::text"))[0])
            self._barrier = (drawn, barrier)

    async def make_leaves(self) -> int:
        """Have the next partitions of the log ready. Gives up quickly, to be tried again, rather than make
        writers wait behind it.
        """
        with translated():
            async with self._connection.transaction():
                await self._connection.execute("SET LOCAL lock_timeout = '100ms'")
                return int((await self._one("SELECT tailboard.make_leaves()"))[0])

    async def retain(self, age_s: float, checkpoint: int) -> int:
        """Drop partitions that are sealed, wholly older than `age_s`, and below the checkpoint's position.

        Returns how many. Moves the floor of the log, never its epoch.
        """
        dropped = 0
        with translated():
            while True:
                async with self._connection.transaction():
                    await self._connection.execute("SET LOCAL lock_timeout = '100ms'")
                    row = await self._one(
                        "SELECT tailboard.drop_leaf(make_interval(secs => %s), %s, %s)",
                        (age_s, self._low, checkpoint),
                    )
                if row[0] is None:
                    return dropped
                dropped += 1

    async def trim(self, age_s: float, checkpoint: int) -> int:
        """Forget the oldest ticks of a partition that is still written to, as far as the newest fold that was kept
        `age_s` ago: 2,000 changes at most, so that sealing waits for milliseconds. Returns how many ticks went.
        """
        with translated():
            row = await self._one(
                "SELECT tailboard.trim_log(make_interval(secs => %s), %s, %s)", (age_s, checkpoint, _TRIM)
            )
        return int(row[0])

    async def save(self, position: Cursor, saved: Saved) -> bool:
        """Save the folds as they stand at `position`, if that is the end of a tick; return whether it was."""
        state = msgspec.json.encode(saved).decode()
        with translated():
            row = await self._one(
                query("log_save_checkpoint"),
                {"epoch": position.epoch, "position": position.position, "state": state},
            )
        return bool(row[0])

    async def keep(self, position: Cursor, state: bytes) -> bool:
        """Keep folds for those who look into the past; return whether `position` is a place in this log."""
        parameters = {"epoch": position.epoch, "position": position.position, "state": state.decode()}
        with translated():
            return (
                await (await self._connection.execute(query("past_keep"), parameters)).fetchone() is not None
            )

    async def keep_due(self, position: int, every_s: float) -> bool:
        """Whether no fold was kept for so long, and the log has gone on since, up to `position`."""
        with translated():
            return bool((await self._one(query("past_due"), {"position": position, "every": every_s}))[0])

    async def kept(self) -> int:
        """The position of the newest fold that was kept for the past; -1 where there is none."""
        with translated():
            return int((await self._one(query("past_kept")))[0])

    async def has_checkpoint(self) -> bool:
        with translated():
            return (await self._named("log_load_checkpoint")) is not None

    async def first_checkpoint(self) -> None:
        """Count the sources once, in the REPEATABLE READ transaction that also seals: the counts and the tick are
        of one snapshot, so no change is counted twice or left out.
        """
        with translated():
            async with self._connection.transaction():
                await self._connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                await self._connection.execute(query("log_seal"), {"low": self._low, "ring": self.may_ring})
                head = await self._row("log_head")
                rows = await (await self._connection.execute(query("log_count"))).fetchall()
                place, saved = Cursor(head["epoch"], head["position"]), Saved([Tally(*row) for row in rows])
                await self.save(place, saved)
                await self.keep(place, saved.noted())
                # The adopted ones are counted one by one, on a connection of their own.
                await self._connection.execute(query("sources_unsynced"))

    async def begin_source(self, surveyed: Survey, upkeep: Upkeep, held: Held | None = None) -> int | None:
        """Bring a surveyed source's counts into the log, between two seals. Returns the seq of the change that
        does; None where `held`, the counts that readers have at a place, turned out to be these.

        Raises SourceMoved where the survey does not hold any more.
        """
        with translated():
            async with self._connection.transaction():
                await self._connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                await self._connection.execute("SET LOCAL lock_timeout = '100ms'")
                # The first query takes the snapshot; an id drawn with it has few others in between.
                await self._connection.execute("SELECT pg_current_xact_id()")
                try:
                    await self._connection.execute(
                        query("log_seal"), {"low": self._low, "ring": self.may_ring}
                    )
                except errors.UniqueViolation as error:
                    raise LeadershipLost("another sealer wrote this tick; standing by") from error
                written = await write(self._connection, surveyed, held, ring=self.may_ring)
                await self._connection.execute(
                    query("upkeep_counted"),
                    {
                        "source": surveyed.source,
                        "baseline": written,
                        "faults": upkeep.faults,
                        "shape": upkeep.shape,
                    },
                )
        return written

    async def _one(self, statement: Any, parameters: Any = None) -> tuple[Any, ...]:
        return required(await (await self._connection.execute(statement, parameters)).fetchone(), statement)

    async def _row(self, name: str) -> dict[str, Any]:
        return required(await self._named(name), query(name))

    async def _named(self, name: str) -> dict[str, Any] | None:
        async with self._connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(query(name))
            return await cursor.fetchone()
