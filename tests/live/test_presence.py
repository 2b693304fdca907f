"""Presence asks the database when somebody looks, and not more often than it must."""

import asyncio
from typing import Any

import psycopg
import pytest

from tailboard.db.jobs.reading import Jobs
from tailboard.db.jobs.workers import Crew, Workers
from tailboard.db.pool import Database
from tailboard.errors import DatabaseUnavailable
from tailboard.live.presence import Health, Presence, health


@pytest.mark.parametrize(
    ("silent_s", "expected"),
    [
        (None, Health.UNKNOWN),
        (0.0, Health.ALIVE),
        (30.0, Health.ALIVE),
        (30.1, Health.LATE),
        (120.0, Health.LATE),
        (120.1, Health.LOST),
    ],
)
def test_silence_is_late_and_then_lost(silent_s: float | None, expected: Health) -> None:
    assert health(silent_s) is expected


async def test_many_who_look_at_once_cost_one_query(database_url: str, aconnect: Any) -> None:
    worker: psycopg.AsyncConnection[Any] = await aconnect()
    await worker.execute("SELECT tailboard.heartbeat('w1')")
    database = Database(database_url, pool_size=1)
    await database.open()
    try:
        presence = Presence(Workers(Jobs(database)), fresh_s=3600)
        answers = await asyncio.gather(*[presence.workers() for _ in range(50)])
        assert {answer[0].worker.name for answer in answers} == {"w1"}
        await worker.execute("SELECT tailboard.heartbeat('w2')")
        assert len(await presence.workers()) == 1, "still from memory"
        assert len(await Presence(Workers(Jobs(database))).workers()) == 2
        assert database.pool.get_stats()["requests_num"] <= 2 + 1
    finally:
        await database.close()


class Unanswered(Workers):
    """Of a database that says nothing until it is given up."""

    def __init__(self, jobs: Jobs) -> None:
        super().__init__(jobs)
        self.asked = 0
        self.given_up = asyncio.Event()

    async def list(self) -> Crew:
        self.asked += 1
        await self.given_up.wait()
        raise DatabaseUnavailable("it fell silent")


async def test_many_who_look_at_once_are_told_of_a_failure_at_once(database_url: str) -> None:
    workers = Unanswered(Jobs(Database(database_url)))
    presence = Presence(workers)
    asking = [asyncio.create_task(presence.workers()) for _ in range(50)]
    await asyncio.sleep(0)
    asking[0].cancel()
    await asyncio.wait(asking[:1])
    workers.given_up.set()
    told = await asyncio.gather(*asking[1:], return_exceptions=True)
    assert {type(each) for each in told} == {DatabaseUnavailable}
    assert workers.asked == 1
    with pytest.raises(DatabaseUnavailable):
        await presence.workers()
    assert workers.asked == 2, "who comes later asks again"
