"""Which moments there are, and what was there at each as far as the log knows."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from db.past.scene import Scene, pages
from fixtures.database import AConnect
from log_rig import AConnection, one
from tailboard.core.cursor import Cursor
from tailboard.core.job import JobName
from tailboard.db.jobs.page import JobFilter
from tailboard.errors import CursorAhead, CursorExpired, JobNotFound, MomentAhead


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
            json.loads(job.card)["status"] for job in await pages(scene, cursor, JobFilter(), "oldest", 10)
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
    with pytest.raises(CursorExpired, match="was lost in a failover or a restore"):
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
    assert not (await scene.past.jobs(moment, JobFilter(), "newest", None, 10)).complete
    assert not (await scene.past.jobs(moment, JobFilter(sources=("other",)), "newest", None, 10)).complete
    assert (await scene.past.jobs(moment, JobFilter(sources=("jobs",)), "newest", None, 10)).complete
    with pytest.raises(JobNotFound, match="it may have stood unchanged"):
        await scene.past.job(moment, JobName("other", "1"))
    with pytest.raises(JobNotFound, match="There was no job 1 in jobs"):
        await scene.past.job(moment, JobName("jobs", "1"))
    before = await scene.past.moment(Cursor(1, 0))
    assert (await scene.past.jobs(before, JobFilter(), "newest", None, 10)).complete


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
    found = await pages(scene, Cursor(1, 302), JobFilter(), "newest", 500)
    assert {int(job.id) for job in found} == {1, 2, *range(floor + 1, 301)}
    assert not (await scene.past.jobs(moment, JobFilter(), "newest", None, 10)).complete
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
    pending = await scene.past.jobs(late, JobFilter(statuses=("pending",)), "newest", None, 10)
    assert len(pending.jobs) == 1
