"""The proof of the built-in table."""

from adopted_tables import EXPORTS, EXPORTS_SQL, adopt
from fixtures.database import Connect
from fixtures.waiting import await_until
from log_rig import board
from tailboard.db.verify.proof import verify


async def test_jobs_of_workers_in_another_time_zone_are_what_the_log_says(
    database_url: str, connect: Connect
) -> None:
    worker = connect()
    worker.execute("SET timezone = 'Asia/Tokyo'")
    async with board(database_url) as node:
        # A small job is logged as a row, a large one as JSON, which has its times as text.
        for size in (10, 5_000):
            worker.execute(
                "INSERT INTO tailboard.jobs (kind, payload) VALUES ('k', to_jsonb(repeat('x', %s)))", [size]
            )
        worker.execute("UPDATE tailboard.jobs SET status = 'in_progress'")
        worker.execute("INSERT INTO tailboard.jobs (kind) VALUES ('gone')")
        worker.execute("DELETE FROM tailboard.jobs WHERE kind = 'gone'")
        await node.recorder.until(lambda told: len(told.events) == 6)
        await await_until(lambda: node.projector.folds() is not None)
    report = verify(database_url, lambda *_: None)
    assert report.is_clean, report.differences
    times = worker.execute(
        "SELECT tailboard.card(c) ->> 'created_at' FROM tailboard.changes c WHERE c.job IS NOT NULL"
    ).fetchall()
    assert len(times) == 3
    assert all(time.endswith("+00:00") for (time,) in times), times


async def test_a_column_that_somebody_adds_is_no_difference_until_it_has_a_value(
    database_url: str, connect: Connect
) -> None:
    owner = connect()
    owner.execute(EXPORTS_SQL)
    adopt(database_url, EXPORTS)
    async with board(database_url) as node:
        for size in (10, 5_000):
            owner.execute(
                "INSERT INTO tailboard.jobs (kind, payload) VALUES ('k', to_jsonb(repeat('x', %s)))", [size]
            )
            owner.execute("INSERT INTO shop.exports (body) VALUES (to_json(repeat('x', %s)))", [size])
        owner.execute("UPDATE shop.exports SET state = 'busy'")
        await await_until(lambda: node.caretaker.counted >= 1)
        owner.execute("ALTER TABLE tailboard.jobs ADD COLUMN tenant integer")
        report = verify(database_url, lambda *_: None)
        assert report.is_clean, report.differences
        owner.execute("INSERT INTO tailboard.jobs (kind, tenant) VALUES ('k', 7)")
        owner.execute("UPDATE shop.exports SET state = 'ok'")
        owner.execute("ALTER TABLE tailboard.jobs DISABLE TRIGGER tailboard_capture_update")
        owner.execute("UPDATE tailboard.jobs SET tenant = 8 WHERE id = 1")
        await await_until(lambda: len(node.recorder.events) >= 9)
    (difference,) = verify(database_url, lambda *_: None).differences
    assert (difference.subject, difference.detail) == (
        "job 1",
        "the table and the last change differ in tenant (8, in the log null)",
    )
