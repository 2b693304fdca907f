"""What a node shows as stats is exact at its cursor, from the first moment and after a restart."""

import random
from typing import Any

import psycopg
import pytest

from fixtures.database import Connect
from fixtures.waiting import await_until
from log_rig import board, reading, recount, seal_all
from tailboard.core.cursor import Cursor
from tailboard.core.job import STATUSES
from tailboard.errors import DatabaseUnavailable
from tailboard.live.projector import Projector


def churn(connection: psycopg.Connection[Any], rng: random.Random, n: int) -> None:
    """Jobs come, move between queues and statuses, and go."""
    for _ in range(n):
        queue, status = rng.choice(["a", "b", "c"]), rng.choice(STATUSES).value
        match rng.randrange(4):
            case 0:
                connection.execute(
                    "INSERT INTO tailboard.jobs (kind, queue, status) VALUES ('k', %s, %s)", [queue, status]
                )
            case 1 | 2:
                connection.execute(
                    "UPDATE tailboard.jobs SET queue = %s, status = %s WHERE id ="
                    " (SELECT id FROM tailboard.jobs ORDER BY random() LIMIT 1)",
                    [queue, status],
                )
            case _:
                connection.execute(
                    "DELETE FROM tailboard.jobs WHERE id = (SELECT id FROM tailboard.jobs ORDER BY random() LIMIT 1)"
                )


async def test_stats_equal_a_count_of_the_table(database_url: str, connect: Connect) -> None:
    connection, rng = connect(), random.Random(7)
    connection.execute("INSERT INTO tailboard.jobs (kind, queue) SELECT 'k', 'a' FROM generate_series(1, 50)")
    async with board(database_url) as node:
        assert node.projector.stats.tallies() == recount(connection), "jobs from before the first sealer"
        churn(connection, rng, 200)
        newest = connection.execute("SELECT max(seq) FROM tailboard.changes").fetchone()
        assert newest is not None
        await node.recorder.until(lambda told: told.events and told.events[-1].change.seq == newest[0])
        assert node.projector.stats.tallies() == recount(connection)
        connection.execute("TRUNCATE tailboard.jobs")
        await await_until(lambda: node.projector.counts()[1]["total"] == 0)
        assert node.projector.stats.tallies() == []


async def test_a_node_that_starts_from_a_checkpoint_shows_what_one_shows_that_never_stopped(
    database_url: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tailboard.live.sealer._HOUSEKEEPING_S", 0.02)
    monkeypatch.setattr("tailboard.live.sealer._CHECKPOINT_S", 0.0)
    connection, rng = connect(), random.Random(8)
    async with board(database_url) as first:
        churn(connection, rng, 100)
        newest = "SELECT max(position) FROM tailboard.checkpoints"
        await await_until(lambda: (connection.execute(newest).fetchone() or (0,))[0] > 0)
        churn(connection, rng, 100)
        end = connection.execute("SELECT max(seq) FROM tailboard.changes").fetchone()
        assert end is not None
        await first.recorder.until(lambda told: told.events and told.events[-1].change.seq == end[0])
        async with reading(database_url) as log:
            second = Projector(log)
            assert second.folds() is None, "nothing to save before it has been restored"
            head = await second.restore()
        assert head.cursor == first.projector.cursor
        assert second.counts() == first.projector.counts()
        assert second.stats.tallies() == first.projector.stats.tallies() == recount(connection)
        assert second.rates.minutes() == first.projector.rates.minutes()


async def test_the_first_count_and_the_first_tick_are_of_one_moment(
    database_url: str, connect: Connect
) -> None:
    """A job committed between the two would be counted twice, or not at all."""
    connection, open_throughout = connect(), connect()
    connection.execute("INSERT INTO tailboard.jobs (kind) SELECT 'k' FROM generate_series(1, 600)")
    open_throughout.execute("BEGIN")
    open_throughout.execute("INSERT INTO tailboard.jobs (kind) SELECT 'k' FROM generate_series(1, 5)")
    await seal_all(database_url)
    open_throughout.execute("COMMIT")
    connection.execute("INSERT INTO tailboard.jobs (kind) SELECT 'k' FROM generate_series(1, 5)")
    async with board(database_url) as node:
        assert node.projector.counts() == (
            Cursor(1, 610),
            dict.fromkeys(STATUSES, 0) | {"pending": 610, "total": 610},
        )


async def test_without_a_sealer_it_says_what_it_waits_for(database_url: str) -> None:
    async with reading(database_url) as log:
        with pytest.raises(DatabaseUnavailable, match="sealer"):
            await Projector(log).restore()
