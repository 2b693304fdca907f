"""A database whose tables are all published (`FOR ALL TABLES`): PostgreSQL refuses to delete a row there that a
subscriber could not identify.
"""

from contextlib import closing
from typing import Any

import psycopg
import pytest

from adopted_tables import SHIPMENTS, SHIPMENTS_SQL, adopt
from epochs_rig import enqueue, leaves, raise_low, small_leaves
from fixtures.database import Connect
from log_rig import board, by_hand
from tailboard.core.event import EventKind
from tailboard.db.adopting.attaching import detach
from tailboard.db.schema import migrate
from tailboard.db.session import connect as connect_as
from tailboard.db.verify.proof import verify


@pytest.fixture
def worker(connect: Connect) -> psycopg.Connection[Any]:
    worker = connect()
    worker.execute("SET client_min_messages = 'error'")  # this server could not send what is published
    worker.execute("CREATE PUBLICATION everything FOR ALL TABLES")
    return worker


async def test_a_replacement_is_one_update_all_the_same(
    worker: psycopg.Connection[Any], database_url: str
) -> None:
    """A DELETE and INSERT of one id: what was captured of the former is taken out of the log again."""
    worker.execute(SHIPMENTS_SQL)
    adopt(database_url, SHIPMENTS)
    async with board(database_url) as node:
        enqueue(worker)
        worker.execute("INSERT INTO public.shipments (what) VALUES ('crate')")
        for table, what in (("tailboard.jobs", "kind"), ("public.shipments", "what")):
            with worker.transaction():
                worker.execute(f"DELETE FROM {table} WHERE id = 1".encode())
                worker.execute(f"INSERT INTO {table} (id, {what}) VALUES (1, 'again')".encode())
        await node.recorder.until(
            lambda seen: [e.kind for e in seen.events].count(EventKind.JOB_UPDATED) == 2
        )
        assert EventKind.JOB_DELETED not in [event.kind for event in node.recorder.events]
    assert worker.execute("SELECT count(*) FROM tailboard.faults").fetchone() == (0,)
    report = verify(database_url, lambda *_: None)
    assert report.is_clean, report.differences
    with closing(connect_as(database_url, "detach")) as operator:
        detach(operator, "shipments")


async def test_its_old_leaves_go_and_so_does_all_of_it(
    worker: psycopg.Connection[Any], database_url: str
) -> None:
    small_leaves(worker)
    async with by_hand(database_url) as sealing:
        for _ in range(5):
            enqueue(worker, 70)  # so that ticks name changes in two leaves
            await sealing.seal()
            await sealing.make_leaves()
        await raise_low(sealing)
        before = leaves(worker)
        assert await sealing.retain(0.0, 10**6) > 0
    assert set(leaves(worker)) < set(before)
    migrate(database_url, "base")
