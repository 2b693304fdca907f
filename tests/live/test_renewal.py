"""What is written of an adopted source is written anew where this release writes it otherwise, or a column changed."""

import logging
from typing import Any

import psycopg
import pytest

from fixtures.database import Connect
from fixtures.waiting import await_until
from log_rig import board
from orders_table import attach_orders
from tailboard.db.adopting.upkeep import look
from tailboard.db.pool import Connection
from tailboard.sources.look import Look

Orders = psycopg.Connection[Any]


async def test_what_another_release_wrote_is_written_anew(database_url: str, orders: Orders) -> None:
    attach_orders(database_url)

    def written() -> Any:
        return orders.execute("""
            SELECT version, capture, pg_get_functiondef('tailboard.watch_orders()'::regprocedure),
                   pg_get_functiondef('tailboard.source_orders()'::regprocedure)
              FROM tailboard.sources WHERE name = 'orders'""").fetchone()

    ours = written()
    async with board(database_url) as node:
        await await_until(lambda: node.caretaker.counted == 1)
    assert written() == ours
    orders.execute("""
        UPDATE tailboard.sources SET capture = replace(capture, '"ok":"completed"', '"ok":"paused"')
         WHERE name = 'orders';
        SELECT tailboard.write_captures('orders')""")
    reading = orders.execute(
        "SELECT pg_get_functiondef('tailboard.source_orders()'::regprocedure)"
    ).fetchone()
    assert reading is not None
    orders.execute(reading[0].replace("'ok' THEN 'completed'", "'ok' THEN 'paused'"))
    assert all(now != then for now, then in zip(written()[1:], ours[1:], strict=True))
    async with board(database_url):
        await await_until(lambda: written()[1:] == ours[1:])


@pytest.mark.parametrize(
    ("before", "waits", "goes_on"),
    [
        ("SELECT 1", "compared with this release", "is as this release writes it"),
        (
            "ALTER TABLE shop.orders ALTER region TYPE varchar(40)",
            "written anew for changed columns",
            "written anew for changed columns: region",
        ),
    ],
)
async def test_a_renewal_that_waits_for_its_table_is_logged_when_it_begins_to_and_when_it_goes_on(
    database_url: str,
    orders: Orders,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    before: str,
    waits: str,
    goes_on: str,
) -> None:
    attach_orders(database_url)
    orders.execute(before.encode())
    holder = connect(autocommit=False)
    holder.execute("LOCK TABLE shop.orders IN ACCESS EXCLUSIVE MODE")
    caplog.set_level(logging.INFO, "tailboard.caretaker")
    looks = 0

    async def counting(connection: Connection) -> list[Look]:
        nonlocal looks
        looks += 1
        return await look(connection)

    monkeypatch.setattr("tailboard.live.caretaker.look", counting)

    def logged() -> list[str]:
        return [text for text in caplog.messages if "release" in text or "anew" in text]

    async with board(database_url):
        await await_until(lambda: looks > 3)
        assert len(logged()) == 1
        assert f"is to be {waits}" in logged()[0]
        holder.rollback()
        await await_until(lambda: len(logged()) > 1)
        again = looks
        await await_until(lambda: looks > again + 1)
    assert len(logged()) == 2
    assert logged()[1].endswith(goes_on)
