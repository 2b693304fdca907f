"""The board as it stood: lists, jobs and counts at any cursor equal a fold of the events made here."""

import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from fixtures.database import AConnect
from log_rig import AConnection, everything, one
from tailboard.core.change import Op
from tailboard.core.cursor import Cursor
from tailboard.core.event import Event
from tailboard.core.job import STATUSES, JobName
from tailboard.core.projections import Rates, Saved
from tailboard.core.stats import Stats
from tailboard.db.log import Log
from tailboard.db.past import Onward, Order, Past, PastFilter, PastJob
from tailboard.db.pool import Database
from tailboard.db.sealing import Sealing
from tailboard.errors import CursorAhead, CursorExpired, JobNotFound, MomentAhead

QUEUES = ("mail", "video", "rare")
KINDS = ("send", "encode")
ORDERS: tuple[Order, ...] = ("newest", "oldest", "priority", "started", "finished")


class Scene:
    """A log that the test seals itself, step by step."""

    def __init__(self, database: Database, connection: AConnection) -> None:
        self.log = Log(database)
        self.past = Past(database, self.log)
        self.sealing = Sealing(connection)

    async def open(self) -> None:
        assert await self.sealing.lead()
        await self.sealing.open_log()
        await self.sealing.first_checkpoint()

    async def seal(self) -> None:
        await self.sealing.advance_low()
        await self.sealing.seal()

    async def keep(self) -> None:
        """Keep a fold at the head, as the sealer does every few thousand changes."""
        stats, rates = Stats(), Rates()
        for event in await everything(self.log, Cursor(1, 0)):
            stats.apply(event)
            rates.apply(event)
        assert await self.sealing.keep(await self.log.head(), Saved.of(stats, rates).noted())


@pytest.fixture
async def scene(database_url: str, aconnect: AConnect) -> AsyncIterator[Scene]:
    database = Database(database_url)
    await database.open()
    try:
        scene = Scene(database, await aconnect())
        await scene.open()
        yield scene
    finally:
        await database.close()


@pytest.fixture
async def writer(aconnect: AConnect) -> AConnection:
    return await aconnect()


@dataclass(frozen=True)
class Stood:
    """A job as the fold in this test has it."""

    born: int
    job: dict[str, Any]
    version: int

    @property
    def name(self) -> tuple[str, str]:
        return self.job["source"], str(self.job["id"])


def fold(events: list[Event], position: int) -> dict[tuple[str, str], Stood]:
    """What stood at a position: the plain way, one event after the other."""
    stood: dict[tuple[str, str], Stood] = {}
    for event in events:
        if event.cursor.position > position:
            break
        change = event.change
        name = (change.source, change.job_id)
        if change.op is Op.RESET:
            stood = {name: job for name, job in stood.items() if name[0] != change.source}
        elif change.op is Op.DELETE:
            stood.pop(name, None)
        else:
            assert change.card is not None
            job = json.loads(change.card) | {"source": change.source}
            before = stood.get(name)
            stood[name] = Stood(event.cursor.position if before is None else before.born, job, change.seq)
    return stood


def matches(job: dict[str, Any], wanted: PastFilter) -> bool:
    return (
        (not wanted.queues or job["queue"] in wanted.queues)
        and (not wanted.kinds or job["kind"] in wanted.kinds)
        and (not wanted.statuses or job["status"] in wanted.statuses)
        and (not wanted.workers or job["worker"] in wanted.workers)
        and (not wanted.tags or bool(set(job["tags"]) & set(wanted.tags)))
        and (not wanted.sources or job["source"] in wanted.sources)
        and (not wanted.text or wanted.text in {str(job["id"]), job["kind"], job["queue"]})
    )


def ordered(stood: list[Stood], order: Order) -> list[Stood]:
    def moment(value: str | None) -> float:
        return -1.0 if value is None else datetime.fromisoformat(value).timestamp()

    match order:
        case "newest":
            return sorted(stood, key=lambda one: -one.born)
        case "oldest":
            return sorted(stood, key=lambda one: one.born)
        case "priority":
            return sorted(stood, key=lambda one: (-one.job["priority"], one.born))
        case _:
            return sorted(stood, key=lambda one: (-moment(one.job[f"{order}_at"]), -one.born))


async def pages(scene: Scene, cursor: Cursor, wanted: PastFilter, order: Order, limit: int) -> list[PastJob]:
    moment = await scene.past.moment(cursor)
    found: list[PastJob] = []
    after: Onward | None = None
    while True:
        page = await scene.past.jobs(moment, wanted, order, after, limit)
        assert len(page.jobs) <= limit
        found += page.jobs
        after = page.after
        if after is None:
            return found


def a_filter(dice: random.Random) -> PastFilter:
    wanted = PastFilter()
    if dice.random() < 0.5:
        wanted = replace(
            wanted, statuses=tuple(dice.sample([each.value for each in STATUSES], dice.randint(1, 3)))
        )
    if dice.random() < 0.3:
        wanted = replace(wanted, queues=tuple(dice.sample(QUEUES, dice.randint(1, 2))))
    if dice.random() < 0.2:
        wanted = replace(wanted, kinds=(dice.choice(KINDS),))
    if dice.random() < 0.2:
        wanted = replace(wanted, workers=("w-1",))
    if dice.random() < 0.2:
        wanted = replace(wanted, tags=("vip", "x"))
    if dice.random() < 0.2:
        wanted = replace(wanted, sources=(dice.choice(("jobs", "other")),))
    if dice.random() < 0.2:
        wanted = replace(wanted, text=dice.choice(("mail", "send", "7")))
    return wanted


class Writers:
    """Some workers with transactions that overlap: what is written first is often sealed last."""

    def __init__(self, dice: random.Random, connections: list[AConnection]) -> None:
        self._dice = dice
        self._connections = connections

    async def step(self) -> None:
        dice, worker = self._dice, self._dice.choice(self._connections)
        act = dice.random()
        with suppress(
            psycopg.errors.LockNotAvailable,
            psycopg.errors.InFailedSqlTransaction,
            psycopg.errors.UniqueViolation,
        ):
            if act < 0.15:
                await worker.execute("COMMIT" if dice.random() < 0.8 else "ROLLBACK")
            elif act < 0.3:
                await worker.execute("BEGIN")
            elif act < 0.55:
                await worker.execute(
                    "INSERT INTO tailboard.jobs (kind, queue, status, priority, tags)"
                    " SELECT %s, %s, %s, %s, %s FROM generate_series(1, %s)",
                    (
                        dice.choice(KINDS),
                        dice.choice(QUEUES),
                        dice.choice(STATUSES),
                        dice.randint(0, 2),
                        dice.choice([[], ["vip"], ["x", "y"]]),
                        dice.choice([1, 1, 2, 30]),
                    ),
                )
            elif act < 0.85:
                await worker.execute(
                    "UPDATE tailboard.jobs SET status = %s, queue = %s, worker = %s WHERE id IN"
                    " (SELECT id FROM tailboard.jobs ORDER BY random() LIMIT %s FOR UPDATE SKIP LOCKED)",
                    (
                        dice.choice(STATUSES),
                        dice.choice(QUEUES),
                        dice.choice(["w-1", None]),
                        dice.choice([1, 3, 20]),
                    ),
                )
            elif act < 0.93:
                await worker.execute(
                    "DELETE FROM tailboard.jobs WHERE id IN"
                    " (SELECT id FROM tailboard.jobs ORDER BY random() LIMIT 2 FOR UPDATE SKIP LOCKED)"
                )
            elif act < 0.97:
                await worker.execute(
                    "INSERT INTO tailboard.jobs (id, kind) SELECT c.job_id::bigint, 'again' FROM tailboard.changes c"
                    " WHERE c.op = 'D' AND c.source = 'jobs' ORDER BY random() LIMIT 1"
                )
            elif act < 0.98:
                await worker.execute("TRUNCATE tailboard.jobs")
            else:
                await self._other(worker)

    async def _other(self, worker: AConnection) -> None:
        """Rows as the capture of an adopted table writes them, baselines included."""
        dice = self._dice
        job_id = dice.randint(1, 5)
        if dice.random() < 0.2:
            await worker.execute(
                "INSERT INTO tailboard.changes (seq, op, source, job)"
                """ VALUES (nextval('tailboard.changes_seq'), 'T', 'other', '{"counts": []}')"""
            )
            return
        card = {
            "id": job_id, "queue": "mail", "kind": "send", "status": "pending", "priority": 0, "worker": None,
            "tags": [], "started_at": None, "finished_at": None, "error": None,
        }  # fmt: skip
        await worker.execute(
            "INSERT INTO tailboard.changes (seq, op, source, job_id, old_status, new_status, old_queue, old_kind, job)"
            " VALUES (nextval('tailboard.changes_seq'), 'U', 'other', %s, 'pending', 'pending', 'mail', 'send', %s)",
            (str(job_id), json.dumps(card)),
        )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
async def test_any_moment_of_a_random_history_is_what_a_fold_gives(
    seed: int, scene: Scene, aconnect: AConnect
) -> None:
    dice = random.Random(seed)
    connections = [await aconnect() for _ in range(4)]
    for connection in connections:
        await connection.execute("SET lock_timeout = '1ms'")
    writers = Writers(dice, connections)
    for _ in range(300):
        await writers.step()
        if dice.random() < 0.2:
            await scene.seal()
        if dice.random() < 0.01:
            await scene.keep()
    for connection in connections:
        await connection.execute("COMMIT")
    await scene.seal()
    events = await everything(scene.log, Cursor(1, 0))
    seqs = [event.change.seq for event in events]
    assert seqs != sorted(seqs), (
        "no change was sealed after one with a higher seq: the test would show nothing"
    )
    for _ in range(40):
        cursor = Cursor(1, dice.randint(0, len(events)))
        stood = fold(events, cursor.position)
        wanted, order, limit = a_filter(dice), dice.choice(ORDERS), dice.choice([1, 7, 500])
        expected = ordered([one for one in stood.values() if matches(one.job, wanted)], order)
        found = await pages(scene, cursor, wanted, order, limit)
        assert [(job.source, job.id, job.version) for job in found] == [
            (*one.name, one.version) for one in expected
        ], (cursor, wanted, order)
        assert [json.loads(job.card) | {"source": job.source} for job in found] == [
            one.job for one in expected
        ]
        moment = await scene.past.moment(cursor)
        stats, _ = await scene.past.folds(moment)
        counted = Counter(
            (one.job["queue"], one.job["status"]) for one in stood.values() if one.job["source"] == "jobs"
        )
        assert {
            (tally.queue, tally.status): tally.n for tally in stats.tallies() if tally.source == "jobs"
        } == counted
        await look_at_one(scene, dice, cursor, stood)


async def look_at_one(
    scene: Scene, dice: random.Random, cursor: Cursor, stood: dict[tuple[str, str], Stood]
) -> None:
    moment = await scene.past.moment(cursor)
    name = dice.choice([*stood, ("jobs", "999999")])
    if name in stood:
        assert (await scene.past.job(moment, JobName(*name))).version == stood[name].version
        named = replace(PastFilter(), names=(JobName(*name), JobName("jobs", "999999")))
        page = await scene.past.jobs(moment, named, "newest", None, 10)
        assert [(job.source, job.id) for job in page.jobs] == [name]
    else:
        with pytest.raises(JobNotFound):
            await scene.past.job(moment, JobName(*name))


async def test_a_change_with_a_lower_seq_that_commits_later_is_not_yet_in_the_past(
    scene: Scene, writer: AConnection, aconnect: AConnect
) -> None:
    await writer.execute("INSERT INTO tailboard.jobs (kind) SELECT 'k' FROM generate_series(1, 2)")
    late = await aconnect()
    await late.execute("BEGIN")
    await late.execute("UPDATE tailboard.jobs SET status = 'failed' WHERE id = 1")
    await writer.execute("UPDATE tailboard.jobs SET status = 'completed' WHERE id = 2")
    await scene.seal()
    early = await scene.log.head()
    await late.execute("COMMIT")
    await scene.seal()

    async def statuses(cursor: Cursor) -> list[str]:
        return [
            json.loads(job.card)["status"] for job in await pages(scene, cursor, PastFilter(), "oldest", 10)
        ]

    assert await statuses(early) == ["pending", "completed"]
    assert await statuses(await scene.log.head()) == ["failed", "completed"]


async def test_a_time_is_what_had_been_sealed_by_then(scene: Scene, writer: AConnection) -> None:
    before = await one(writer, "SELECT clock_timestamp()")
    await writer.execute("INSERT INTO tailboard.jobs (kind) VALUES ('k')")
    unsealed = await one(writer, "SELECT clock_timestamp()")
    await scene.seal()
    sealed = await one(writer, "SELECT clock_timestamp()")
    assert (await scene.past.moment(before)).cursor == Cursor(1, 0)
    assert (await scene.past.moment(unsealed)).cursor == Cursor(1, 0)
    assert (await scene.past.moment(sealed)).cursor == Cursor(1, 1)
    assert (await scene.past.moment(sealed)).at == sealed


async def test_moments_that_are_none_are_refused_with_a_reason(scene: Scene, writer: AConnection) -> None:
    await writer.execute("INSERT INTO tailboard.jobs (kind) VALUES ('k')")
    await scene.seal()
    with pytest.raises(CursorAhead, match=r"ahead of the log, which ends at 1\.1"):
        await scene.past.moment(Cursor(1, 2))
    with pytest.raises(CursorExpired, match="epoch_changed"):
        await scene.past.moment(Cursor(2, 0))
    with pytest.raises(MomentAhead, match="has not come yet"):
        await scene.past.moment(datetime.now(UTC) + timedelta(hours=1))
    with pytest.raises(CursorExpired, match=r"begins at 1\.0"):
        await scene.past.moment(datetime(2001, 1, 1, tzinfo=UTC))


async def test_what_the_log_never_saw_is_said_to_be_unknown(scene: Scene, writer: AConnection) -> None:
    """A source that was attached with jobs in it: its baseline counts them, and the log knows those that changed."""
    await writer.execute(
        "INSERT INTO tailboard.changes (seq, op, source, job) VALUES (nextval('tailboard.changes_seq'), 'T', 'other',"
        """ '{"counts": [["mail", "pending", 3]]}')"""
    )
    await scene.seal()
    moment = await scene.past.moment(Cursor(1, 1))
    assert not (await scene.past.jobs(moment, PastFilter(), "newest", None, 10)).complete
    assert not (await scene.past.jobs(moment, PastFilter(sources=("other",)), "newest", None, 10)).complete
    assert (await scene.past.jobs(moment, PastFilter(sources=("jobs",)), "newest", None, 10)).complete
    with pytest.raises(JobNotFound, match="it may have stood unchanged"):
        await scene.past.job(moment, JobName("other", "1"))
    with pytest.raises(JobNotFound, match="There was no job 1 in jobs"):
        await scene.past.job(moment, JobName("jobs", "1"))
    before = await scene.past.moment(Cursor(1, 0))
    assert (await scene.past.jobs(before, PastFilter(), "newest", None, 10)).complete


async def test_below_the_floor_is_refused_and_above_it_old_jobs_are_unknown(
    scene: Scene, writer: AConnection
) -> None:
    """Retention took the oldest leaves: a job that did not change since is not in the log any more."""
    await writer.execute("UPDATE tailboard.settings SET value = '100' WHERE key = 'leaf_rows'")
    await writer.execute(
        "SELECT setval('tailboard.changes_seq', (SELECT max(to_seq) - 1 FROM tailboard.leaves))"
    )
    for _ in range(2):
        await writer.execute("SELECT tailboard.make_leaves()")
    for _ in range(6):
        await writer.execute("INSERT INTO tailboard.jobs (kind) SELECT 'k' FROM generate_series(1, 50)")
        await scene.seal()
        await scene.sealing.make_leaves()
        await scene.keep()
    head = await scene.log.head()
    floor = 0
    while (
        not floor
    ):  # the first leaf to go is the migration's, which is empty; a leaf waits for older transactions
        await scene.seal()
        await scene.sealing.retain(0.0, head.position)
        floor = await one(writer, "SELECT min(first_position) - 1 FROM tailboard.ticks")
    assert 0 < floor < 300
    await writer.execute("UPDATE tailboard.jobs SET status = 'failed' WHERE id <= 2")
    await scene.seal()
    span = await scene.past.span()
    assert not span.whole
    assert span.first.position >= floor
    with pytest.raises(CursorExpired):
        await scene.past.moment(Cursor(1, span.first.position - 1))
    moment = await scene.past.moment(Cursor(1, 302))
    found = await pages(scene, Cursor(1, 302), PastFilter(), "newest", 500)
    assert {int(job.id) for job in found} == {1, 2, *range(floor + 1, 301)}
    assert not (await scene.past.jobs(moment, PastFilter(), "newest", None, 10)).complete
    stats, _ = await scene.past.folds(moment)
    assert (stats.counts()["failed"], stats.counts()["pending"]) == (2, 298)
    with pytest.raises(JobNotFound, match="it may have stood unchanged"):
        await scene.past.job(moment, JobName("jobs", "5"))


async def test_a_due_job_is_pending_from_its_moment_on(scene: Scene, writer: AConnection) -> None:
    """Sources whose jobs become pending by time alone write no change then."""
    due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    card = {"id": 1, "queue": "q", "kind": "k", "status": "scheduled", "tags": [], "due": due.isoformat()}
    await writer.execute(
        "INSERT INTO tailboard.changes (seq, op, source, job_id, new_status, due, job)"
        " VALUES (nextval('tailboard.changes_seq'), 'I', 'other', '1', 'scheduled', %s, %s)",
        (due, json.dumps(card)),
    )
    await scene.seal()
    early = await scene.past.moment(await scene.log.head())
    assert early.at < due
    assert b'"scheduled"' in (await scene.past.job(early, JobName("other", "1"))).card
    await writer.execute("SELECT pg_sleep_until(%s)", (due,))
    late = await scene.past.moment(due)
    assert b'"pending"' in (await scene.past.job(late, JobName("other", "1"))).card
    pending = await scene.past.jobs(late, PastFilter(statuses=("pending",)), "newest", None, 10)
    assert len(pending.jobs) == 1


@pytest.mark.slow
@pytest.mark.parametrize("analysed", [False, True], ids=["no statistics", "statistics"])
async def test_no_question_reads_the_log_from_end_to_end(
    analysed: bool, scene: Scene, database_url: str, writer: AConnection
) -> None:
    """The plans of the very statements that run, as the server tells them: 60,000 changes, a moment in the middle."""
    for _ in range(4):
        await writer.execute("INSERT INTO tailboard.jobs (kind) SELECT 'k' FROM generate_series(1, 5000)")
        await writer.execute("UPDATE tailboard.jobs SET status = 'in_progress' WHERE status = 'pending'")
        await scene.seal()
        await writer.execute("UPDATE tailboard.jobs SET status = 'completed' WHERE status = 'in_progress'")
        await scene.seal()
        await scene.keep()
    if analysed:
        await writer.execute("ANALYZE tailboard.changes, tailboard.ticks")
    plans: list[dict[str, Any]] = []
    database = Database(database_url, pool_size=1)
    await database.open()
    try:
        async with database.connection() as connection:
            await tell_plans(connection, plans)
        past = Past(database, Log(database))
        moment = await past.moment(Cursor(1, 32_000))
        for wanted, order in (
            (PastFilter(), "newest"),
            (PastFilter(), "oldest"),
            (PastFilter(), "priority"),
            (PastFilter(statuses=("failed",)), "newest"),
            (PastFilter(queues=("nowhere",)), "oldest"),
            (PastFilter(text="zzzz"), "newest"),
            (PastFilter(names=(JobName("jobs", "7"), JobName("jobs", "19999"))), "newest"),
        ):
            plans.clear()
            await past.jobs(moment, wanted, order, None, 100)  # type: ignore[arg-type]  # a literal in a tuple
            by_index(plans, 60_000)
        plans.clear()
        await past.job(moment, JobName("jobs", "77"))
        by_index(plans, 40)
        plans.clear()
        await past.moment(Cursor(1, 100))
        await past.moment(moment.at)
        by_index(plans, 40)
    finally:
        await database.close()


async def tell_plans(connection: AConnection, plans: list[dict[str, Any]]) -> None:
    def keep(notice: psycopg.errors.Diagnostic) -> None:
        text = notice.message_primary or ""
        if "plan:" in text:
            plans.append(json.loads(text.partition("plan:")[2])["Plan"])

    try:
        await connection.execute("LOAD 'auto_explain'")
    except psycopg.errors.InsufficientPrivilege:
        pytest.skip("only a superuser may have the server tell its plans")
    for setting, value in {
        "auto_explain.log_min_duration": "0",
        "auto_explain.log_analyze": "on",
        "auto_explain.log_timing": "off",
        "auto_explain.log_format": "json",
        "client_min_messages": "log",
    }.items():
        await connection.execute("SELECT set_config(%s, %s, false)", (setting, value))
    connection.add_notice_handler(keep)


def by_index(plans: list[dict[str, Any]], at_most: int) -> None:
    """Nothing but index scans on the log, and no more rows of it than a page may look at."""
    assert plans, "the server told no plan"
    nodes = [node for plan in plans for node in nodes_of(plan)]
    on_log = [node for node in nodes if node.get("Relation Name", "").startswith(("changes_", "ticks"))]
    assert on_log
    for node in on_log:
        assert node["Node Type"] in {"Index Scan", "Index Only Scan"}, node
    read = sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in on_log
    )
    assert read <= at_most, read


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes_of(inner)
