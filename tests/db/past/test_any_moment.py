"""The board as it stood: lists, jobs and counts at any cursor equal a fold of the events."""

import json
import random
from collections import Counter
from contextlib import suppress
from dataclasses import replace

import psycopg
import pytest

from db.past.folding import Stood, fold, matches, ordered
from db.past.scene import Scene, pages
from fixtures.database import AConnect
from log_rig import AConnection, everything
from tailboard.core.cursor import Cursor
from tailboard.core.job import STATUSES, JobName
from tailboard.db.jobs.page import JobFilter, Sort
from tailboard.errors import JobNotFound

QUEUES = ("mail", "video", "rare")
KINDS = ("send", "encode")
SORTS: tuple[Sort, ...] = ("newest", "oldest", "priority", "started", "finished")


def a_filter(dice: random.Random) -> JobFilter:
    wanted = JobFilter()
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
        wanted, sort, limit = a_filter(dice), dice.choice(SORTS), dice.choice([1, 7, 500])
        text = dice.choice(("mail", "send", "7")) if dice.random() < 0.2 else ""
        expected = ordered([one for one in stood.values() if matches(one.job, wanted, text)], sort)
        found = await pages(scene, cursor, wanted, sort, limit, text=text)
        assert [(job.source, job.id, job.version) for job in found] == [
            (*one.name, one.version) for one in expected
        ], (cursor, wanted, text, sort)
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
        named = JobFilter(jobs=(JobName(*name), JobName("jobs", "999999")))
        page = await scene.past.jobs(moment, named, "newest", None, 10)
        assert [(job.source, job.id) for job in page.jobs] == [name]
    else:
        with pytest.raises(JobNotFound):
            await scene.past.job(moment, JobName(*name))
