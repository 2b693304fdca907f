"""The world in which faults happen: PostgreSQL, three nodes on it, writers, readers of every kind, and a notebook.

Writers ----> PostgreSQL <---- Proxy <---- nodes <---- Proxy <---- Readers
   |              |                                                   |
 Ledger        History                                              Steps
   +--------------+--------------- the oracle ------------------------+
"""

import asyncio
import contextlib
import itertools
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import psycopg

from faults import readers
from faults.node import Node
from faults.oracle import SOURCE_RESET, Entry, History, Seen, Violation, arrived, judge, queue_is
from faults.postgres import Postgres
from faults.proxy import Proxy
from faults.readers import Reader
from faults.workload import ADOPTED, PARCELS, SCHEMA, Gate, Ledger, Writer, job_name
from fixtures.waiting import await_until
from tailboard.core.cursor import Cursor
from tailboard.db.adopting.attaching import attach
from tailboard.db.pool import Database
from tailboard.db.schema import migrate
from tailboard.db.sealing import Sealing
from tailboard.errors import LeadershipLost
from tailboard.sources.parsing import parse

NODES: Final = 3
WRITERS: Final = 4
SETTLE_S: Final = 90.0
"""An event that has not come by then is lost. Generous, for machines that have other things to do."""

_HISTORY: Final = """
SELECT e.epoch, e.position, e.version, e.type, e.source, e.job_id,
       e.job ->> 'queue', e.job ->> 'phase', e.was ->> 'queue'
  FROM tailboard.events e WHERE e.tick_id > %s ORDER BY e.position
"""
_COUNTED: Final = """
SELECT bool_and(s.synced AND u.wanted IS NULL
                AND coalesce(pg_sequence_last_value(to_regclass('tailboard.faults_' || s.name)), 0) <= u.faults)
  FROM tailboard.sources s LEFT JOIN tailboard.upkeep u ON u.source = s.name WHERE NOT s.builtin
"""
_UNSEALED: Final = """
WITH last AS (
    SELECT snap, ARRAY(SELECT pg_snapshot_xip(snap)) AS running FROM tailboard.ticks ORDER BY tick_id DESC LIMIT 1
)
SELECT count(*) FROM tailboard.changes c, last
 WHERE c.seq > (SELECT floor_seq FROM tailboard.epochs ORDER BY epoch DESC LIMIT 1)
   AND (c.xid >= pg_snapshot_xmax(last.snap) OR c.xid = ANY (last.running))
"""


class World:
    """Build it with `world(...)`. Scenarios act on `primary`, `nodes` and the writers, and say what they did."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.folder = folder
        self.rng = rng
        self.ledger = Ledger()
        self.history = History()
        self.primary = Postgres(folder / "pg0")
        self.nodes: list[Node] = []
        self.gate = Gate()
        self.to_writers = Proxy(self.primary.port)
        """Half of the writers are further away: what ends a connection can lose them the answer to a COMMIT."""
        self.writers = [
            Writer(
                f"w{n}",
                self._near if n % 2 else self._far,
                self.ledger,
                self.gate,
                random.Random(rng.random()),
            )
            for n in range(WRITERS)
        ]
        self.readers = self._readers()
        self.counts: Counter[str] = Counter()
        self.resets: Counter[str] = Counter()
        self.disaster = False
        """Whether PostgreSQL has lost commits since the last settlement."""
        self.flooded = False
        """Whether more has been written at once since then than a client on this machine can be sure to take."""
        self._made = 0
        self._faults_known = 0
        self._tasks: asyncio.TaskGroup
        self._running: list[asyncio.Task[Any]] = []

    def _readers(self) -> list[Reader]:
        kinds: list[tuple[str, readers.Stream, dict[str, Any]]] = [
            ("v1", readers.websocket_v1, {}),
            ("v1 again", readers.websocket_v1, {}),
            ("plain", readers.websocket_plain, {}),
            ("SSE", readers.server_sent, {}),
            ("REST", readers.rest, {}),
            ("SQL", readers.sql(lambda: self.primary.url), {}),
            ("v1 of a queue", readers.websocket_v1, _queue("mail")),
            ("plain of a queue", readers.websocket_plain, _queue("image")),
            ("SSE of a queue", readers.server_sent, _queue("sync")),
            ("slow plain", readers.websocket_plain, {"slow": True}),
            ("slow v1", readers.websocket_v1, {"slow": True}),
        ]
        return [
            Reader(name, stream, self._any_node, random.Random(self.rng.random()), **more)
            for name, stream, more in kinds
        ]

    def _near(self) -> str:
        return self.primary.url

    def _far(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.to_writers.port}/tailboard?connect_timeout=5"

    def _any_node(self) -> str:
        serving = [node for node in self.nodes if node.serving]
        return self.rng.choice(serving or self.nodes).url

    # Coming and going

    async def open(self) -> None:
        await asyncio.to_thread(self.primary.create)
        await asyncio.to_thread(self.primary.start)
        with self.primary.connect("postgres") as connection:
            connection.execute("CREATE DATABASE tailboard")
        await asyncio.to_thread(migrate, self.primary.url)
        with self.primary.connect() as connection:
            connection.execute(SCHEMA)
            for source in parse(ADOPTED):
                attach(connection, source)
        await self.to_writers.start()
        self.to_writers.delay_s = 0.01
        self.nodes = [Node(n, self.folder, self.primary.port) for n in range(NODES)]
        for node in self.nodes:
            await node.open()
        for node in self.nodes:
            await node.start()

    async def begin(self, tasks: asyncio.TaskGroup) -> None:
        """Let the writers write and the readers read."""
        runs = [*(writer.run() for writer in self.writers), *(reader.run() for reader in self.readers)]
        self._running = [tasks.create_task(run) for run in runs]

    async def close(self) -> None:
        for task in self._running:
            task.cancel()
        for node in self.nodes:
            await node.close()
        await self.to_writers.stop()
        await asyncio.to_thread(self.primary.stop, signal.SIGQUIT)

    # What scenarios do

    def fresh_folder(self) -> Path:
        self._made += 1
        return self.folder / f"pg{self._made}"

    def sql(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Ask the primary, on a connection for this question alone."""
        with self.primary.connect() as connection:
            cursor = connection.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    async def sealer(self) -> Node:
        """The node that leads, once there is one."""

        async def leading() -> Node | None:
            for node in self.nodes:
                if node.serving and (said := await node.ready()) and said["leader"]:
                    return node
            return None

        return await await_until(leading, SETTLE_S)

    async def other_than(self, node: Node) -> Node:
        return self.rng.choice([each for each in self.nodes if each is not node])

    async def flow(self, events: int = 20) -> float:
        """Return once so many more events are in the log, and how long that took: the feed is alive."""
        began = time.monotonic()
        goal: list[int] = []

        def more() -> bool:
            with contextlib.suppress(psycopg.OperationalError):
                position = self._length()
                if not goal:
                    goal.append(position + events)
                return position >= goal[0]
            return False

        async def looked() -> bool:
            return await asyncio.to_thread(more)

        try:
            await await_until(looked, SETTLE_S)
        except TimeoutError:
            raise Violation(f"the feed stood still for {SETTLE_S:.0f} s") from None
        return time.monotonic() - began

    async def pass_by(self, position: int) -> None:
        """Return once every reader has been told what is at this position, or later."""

        def passed() -> bool:
            return all(reader.place.position >= position for reader in self.readers)

        try:
            await await_until(passed, SETTLE_S)
        except TimeoutError:
            late = [reader.name for reader in self.readers if reader.place.position < position]
            raise Violation(f"{', '.join(late)} did not get to {position} within {SETTLE_S:.0f} s") from None

    async def rest(self, seconds: float) -> None:
        """Let things happen for a while."""
        await asyncio.sleep(seconds)

    @contextlib.asynccontextmanager
    async def open_transactions(self, n: int) -> AsyncIterator[list[psycopg.AsyncConnection[Any]]]:
        """Connections that have begun a transaction; how it ends is left to what happens."""
        opened = [await psycopg.AsyncConnection.connect(self.primary.url) for _ in range(n)]
        try:
            yield opened
        finally:
            for connection in opened:
                await connection.close()

    async def rival_sealer(self, seconds: float) -> tuple[int, int]:
        """Seal beside the leader without its lock; return how often that came first, and how often second."""
        won = lost = 0
        deadline = time.monotonic() + seconds
        database = Database(self.primary.url)
        while time.monotonic() < deadline:
            connection = await database.direct("rival")
            try:
                sealing = Sealing(connection)
                await sealing.open_log()
                while time.monotonic() < deadline:
                    won += (await sealing.seal()).sealed > 0
                    await asyncio.sleep(0.002)
            except LeadershipLost:
                lost += 1
            finally:
                await connection.close()
        return won, lost

    async def switch_to(self, server: Postgres) -> None:
        """Everybody who connects from now on finds this server; what the old one alone knew is lost."""
        self.primary = server
        self.to_writers.target = server.port
        self.to_writers.cut()
        for node in self.nodes:
            node.to_database.target = server.port
            node.to_database.cut()

    async def take_stock(self) -> int:
        """After a disaster: which transactions this server has. Writers have to be held. Returns how many it lost."""
        self.disaster = True
        lost = self.ledger.survive(await asyncio.to_thread(self._present))
        self.counts["commits lost by PostgreSQL"] += lost
        return lost

    # The reckoning

    async def settle(self) -> None:
        """Hold the writers, let everybody come to the end, and compare. Raises Violation."""
        await self.gate.close()
        try:
            self.ledger.resolve(await asyncio.to_thread(self._present))
            await self._counts_are_made_good()
            await self._the_log_has_it_all()
            await self._every_node_follows()
            await self._everybody_has_it_all()
            self._judge()
            self.disaster = self.flooded = False
        finally:
            for reader in self.readers:
                reader.hurry.clear()
            self.gate.open()

    def _present(self) -> set[int]:
        return {row[0] for row in self.sql("SELECT txn FROM faults.committed")}

    async def _counts_are_made_good(self) -> None:
        """What a capture failed to record is counted, and after a restore everything."""

        def counted() -> bool:
            with contextlib.suppress(psycopg.OperationalError):
                return self.sql(_COUNTED) == [(True,)]
            return False

        try:
            await await_until(lambda: asyncio.to_thread(counted), SETTLE_S)
        except TimeoutError:
            raise Violation(f"the adopted table was not counted anew within {SETTLE_S:.0f} s") from None

    async def _the_log_has_it_all(self) -> None:
        complaint: list[Violation] = []

        async def complete() -> bool:
            complaint.clear()
            owed = +self.ledger.owed
            try:
                # A reset is owed by nobody, so that the log without it would look complete.
                if unsealed := (await asyncio.to_thread(self.sql, _UNSEALED))[0][0]:
                    complaint.append(Violation(f"{unsealed} committed changes were given no position"))
                    return False
                faults = await asyncio.to_thread(self._faults)
                new = faults - self._faults_known
                if (n := await asyncio.to_thread(self._length)) < owed.total() - new:
                    complaint.append(
                        Violation(f"lost: {owed.total()} events were committed, the log has {n}")
                    )
                    return False
                history = await asyncio.to_thread(self._read_history)
                missed = history.balance(owed, faults=new, source=PARCELS.source)
            except psycopg.OperationalError as error:
                complaint.append(Violation(f"the log cannot be read: {error}"))
                return False
            except Violation as violation:
                complaint.append(violation)
                return False
            self._explain_source_resets(history, faulty=new > 0)
            self.history = history
            self.ledger.forgive(missed)
            self._faults_known = faults
            self.counts["changes that a capture reported as missed"] += missed.total()
            return True

        try:
            await await_until(complete, SETTLE_S)
        except TimeoutError:
            raise complaint[0] from None

    def _explain_source_resets(self, history: History, *, faulty: bool) -> None:
        """The adopted table begins anew when it is counted for the first time, when its capture has missed something,
        and after a restore; never because its counts turned out to be wrong.
        """
        before = self.history.source_resets
        if history.source_resets > before > 0 and not (faulty or self.disaster):
            raise Violation("the counts of the adopted table began anew for no reason")

    def _faults(self) -> int:
        """How often the capture of the adopted table has failed, by its own count."""
        rows = self.sql(f"SELECT coalesce(pg_sequence_last_value('tailboard.faults_{PARCELS.source}'), 0)")
        return int(rows[0][0])

    def _length(self) -> int:
        rows = self.sql("SELECT first_position + n - 1 FROM tailboard.ticks ORDER BY tick_id DESC LIMIT 1")
        return int(rows[0][0])

    def _read_history(self) -> History:
        """The whole log, in its order; what it has forgotten meanwhile as it was read before."""
        history = History()
        with self.primary.connect() as connection:
            epochs = connection.execute(
                "SELECT epoch, start_position FROM tailboard.epochs ORDER BY epoch"
            ).fetchall()
            rows = connection.execute(_HISTORY, [-1]).fetchall()
        history.epoch = epochs[-1][0]
        history.ends = {epoch: start for (epoch, _), (_, start) in itertools.pairwise(epochs)}
        for forgotten in self.history.entries[: rows[0][1] - 1 if rows else 0]:
            history.append(forgotten)
        for epoch, position, version, kind, source, job, queue, mark, was in rows:
            name = source if kind == SOURCE_RESET else job_name(source, job)
            history.append(Entry(Cursor(epoch, position), version, Seen(kind, name, queue, mark), was))
        history.check_versions()
        return history

    async def _every_node_follows(self) -> None:
        """Also those that have no readers just now: one that is behind would reset them later."""
        where: dict[str, str] = {}

        async def follows() -> bool:
            for node in self.nodes:
                said = await node.ready()
                where[node.name] = said["cursor"] if said else "not ready"
            places = [Cursor.parse(place) for place in where.values() if place != "not ready"]
            head = Cursor(self.history.epoch, len(self.history.entries))
            return len(places) == len(self.nodes) and all(place == head for place in places)

        try:
            await await_until(follows, SETTLE_S)
        except TimeoutError:
            raise Violation(f"the log ends at {self.history.head}, and the nodes are at {where}") from None

    async def _everybody_has_it_all(self) -> None:
        for reader in self.readers:
            reader.hurry.set()

        def all_arrived() -> bool:
            for reader in self.readers:
                if reader.wrong is not None:
                    raise Violation(f"{reader.name}: {reader.wrong}")
            return all(arrived(reader.place, self.history, reader.matches) for reader in self.readers)

        try:
            await await_until(all_arrived, SETTLE_S)
        except TimeoutError:
            late = {
                reader.name: str(reader.place)
                for reader in self.readers
                if not arrived(reader.place, self.history, reader.matches)
            }
            raise Violation(f"the log ends at {self.history.head}, and never came further: {late}") from None

    def _judge(self) -> None:
        for reader in self.readers:
            verdict = judge(
                reader.name,
                reader.take(),
                self.history,
                place=reader.judged,
                matches=reader.matches,
                slow=reader.slow or self.flooded,
                disaster=self.disaster,
            )
            reader.judged = verdict.place
            self.counts["events checked"] += verdict.events
            self.counts["passed over by a reset"] += verdict.skipped
            self.counts["of a lost primary"] += verdict.void
            self.counts["collapsed for slow readers"] += verdict.collapsed
            self.resets.update(verdict.resets)
        self.counts["settlements"] += 1


def _queue(name: str) -> dict[str, Any]:
    return {"query": [("queue", name)], "matches": queue_is(name)}


@contextlib.asynccontextmanager
async def world(seed: int) -> AsyncIterator[World]:
    """A world of its own, at work; and nothing of it left behind."""
    folder = await asyncio.to_thread(_new_folder)
    made = World(folder, random.Random(seed))
    kept = False
    try:
        try:
            await made.open()
        except BaseException:
            await made.close()
            raise
        async with asyncio.TaskGroup() as tasks:
            await made.begin(tasks)
            try:
                yield made
            finally:
                await made.close()
    except BaseException:
        kept = True
        raise
    finally:
        if kept:
            (folder / "nodes.log").write_text("\n".join(line for node in made.nodes for line in node.log))
            print(f"Logs are kept in {folder}; that of the last primary ends:\n{made.primary.last_words()}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _new_folder() -> Path:
    """One that PostgreSQL's account may enter."""
    folder = Path(tempfile.mkdtemp(prefix="tailboard-faults-"))
    folder.chmod(0o755)
    return folder
