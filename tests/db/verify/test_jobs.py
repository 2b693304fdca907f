"""The proof of the built-in table."""

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
