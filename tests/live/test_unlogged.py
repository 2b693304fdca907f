"""An unlogged table of jobs, which a crash of PostgreSQL empties without a statement that a trigger could see."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from fixtures.waiting import await_until
from log_rig import Board, board
from orders_table import attach_orders, make_orders
from tailboard.db.embedded.server import EmbeddedServer
from tailboard.db.schema import migrate


@pytest.fixture
def crashing() -> Iterator[str]:
    """The address of a server of one's own."""
    folder = Path(tempfile.mkdtemp(prefix="tb"))  # short, unlike tmp_path: a socket's path has its limit
    with EmbeddedServer(folder) as server:
        migrate(server.url)
        yield server.url
    shutil.rmtree(folder)


async def test_an_unlogged_table_is_counted_again_after_a_crash(crashing: str) -> None:
    with psycopg.connect(crashing, autocommit=True) as orders:
        make_orders(orders, partitioned=True)
        orders.execute("ALTER TABLE shop.orders_eu SET UNLOGGED")
        orders.execute("INSERT INTO shop.orders (region) SELECT CASE n % 2 WHEN 0 THEN 'us' ELSE 'eu' END"
                       " FROM generate_series(1, 100) AS n")  # fmt: skip
        attach_orders(crashing)
        row = orders.execute(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'background writer'"
        ).fetchone()
        assert row is not None
        async with board(crashing) as node:
            await await_until(lambda: jobs(node) == 100)
            os.kill(row[0], signal.SIGKILL)
            await await_until(lambda: jobs(node) == 50)


def jobs(node: Board) -> int:
    return sum(tally.n for tally in node.projector.current().tallies())
