"""A log that is dumped and restored into another database or cluster goes on there in a new epoch."""

import asyncio
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from epochs_rig import (
    Restore,
    captured_seqs,
    enqueue,
    sealed_seqs,
    told,
)
from fixtures.database import Connect
from fixtures.waiting import WAITING_FOR_LOCKS, await_until
from log_rig import board, everything, reading, recount, seal_all
from orders_table import attach_orders, count_orders, make_orders
from tailboard.core.cursor import Cursor
from tailboard.db import epochs
from tailboard.db.adopting.upkeep import healths_sync
from tailboard.db.pool import Connection, Database
from tailboard.db.sealing import Sealing
from tailboard.errors import CursorExpired
from tailboard.sources.health import State


async def test_a_restored_log_goes_on_in_a_new_epoch_with_its_past_readable(
    database_url: str, empty_database_url: str, connect: Connect, restore: Restore
) -> None:
    old = connect()
    enqueue(old, 5)
    await seal_all(database_url)
    async with reading(database_url) as log:
        before = await everything(log, Cursor(1, 0))
    restore()
    new = connect(empty_database_url)
    await seal_all(empty_database_url)
    enqueue(new, 3)
    await seal_all(empty_database_url)
    async with reading(empty_database_url) as log:
        head = await log.head()
        assert (head.epoch > 1, head.position) == (True, 8)
        after = await everything(log, Cursor(1, 0))
        assert told(after[:5]) == told(before)
        assert [each.cursor for each in after] == [Cursor(1, n) for n in range(1, 6)] + [
            Cursor(head.epoch, n) for n in range(6, 9)
        ]
        for place in range(6):
            assert told(await everything(log, Cursor(1, place))) == told(after[place:])
    assert sealed_seqs(new) == captured_seqs(new)


def shift_ids(connection: psycopg.Connection[Any], distance: int) -> None:
    """Give the log transaction ids as a server far behind or far ahead would have given them."""
    shift = "greatest(3, xid::text::bigint + %s)::text::xid8"
    connection.execute(f"UPDATE tailboard.changes SET xid = {shift}".encode(), [distance])
    connection.execute(
        f"UPDATE tailboard.ticks SET xids = ARRAY(SELECT {shift} FROM unnest(xids) AS xid)".encode(),
        [distance],
    )


@pytest.mark.parametrize("distance", [0, 1_000_000], ids=["near", "higher"])
async def test_an_adopted_table_is_restored_with_its_capture_and_counted_again(
    distance: int, database_url: str, empty_database_url: str, connect: Connect, restore: Restore
) -> None:
    old = connect()
    make_orders(old)
    attach_orders(database_url)
    async with board(database_url) as node:
        await await_until(lambda: node.caretaker.counted == 1)
        old.execute("INSERT INTO shop.orders (state) SELECT 'new' FROM generate_series(1, 5)")
        await node.recorder.until(lambda seen: len(seen.events) == 6)
    old.execute("INSERT INTO shop.orders (state) VALUES ('busy')")  # nobody has sealed it
    shift_ids(old, distance)
    restore()
    new = connect(empty_database_url)
    (told_before,) = healths_sync(new)
    assert (told_before.state, told_before.found) == (
        State.SYNCING,
        "shop.orders was restored, and not counted since",
    )
    new.execute("INSERT INTO shop.orders (state) VALUES ('ok')")
    async with board(empty_database_url) as node:
        assert (await node.log.head()).epoch > 1
        await await_until(lambda: node.caretaker.counted == 1)
        new.execute("UPDATE shop.orders SET state = 'err' WHERE state = 'ok'")
        await await_until(
            lambda: (
                {(t.queue, t.status): t.n for t in node.projector.current().tallies()}
                == dict(count_orders(new))
            )
        )
        assert new.execute("SELECT trouble FROM tailboard.upkeep").fetchone() == (None,)


async def test_a_place_beyond_what_survived_is_answered_by_a_reset(
    database_url: str, empty_database_url: str, connect: Connect, restore: Restore
) -> None:
    old = connect()
    enqueue(old, 5)
    await seal_all(database_url)
    restore()
    enqueue(old, 4)  # after the dump: lost
    await seal_all(database_url)
    async with reading(database_url) as log:
        lost = await log.head()
    assert lost == Cursor(1, 9)
    new = connect(empty_database_url)
    await seal_all(empty_database_url)
    enqueue(new, 10)
    await seal_all(empty_database_url)
    async with reading(empty_database_url) as log:
        head = await log.head()
        for position in (6, 9, 400):
            with pytest.raises(CursorExpired) as caught:
                await log.read(Cursor(1, position), 10)
            assert caught.value.reason == "epoch_changed"
    assert new.execute('SELECT "cursor", type, change FROM tailboard.read(%s)', [str(lost)]).fetchall() == [
        (str(head), "reset", {"reason": "epoch_changed"})
    ]


async def test_a_log_that_is_restored_over_itself_goes_on_in_a_new_epoch(
    database_url: str, connect: Connect, restore: Restore, restore_back: Restore
) -> None:
    connection = connect()
    enqueue(connection, 5)
    await seal_all(database_url)
    restore()
    enqueue(connection, 4)  # after the dump: lost
    await seal_all(database_url)
    async with reading(database_url) as log:
        lost = await log.head()
    assert lost == Cursor(1, 9)
    restore_back()
    await seal_all(database_url)
    enqueue(connection, 10)
    await seal_all(database_url)
    async with reading(database_url) as log:
        head = await log.head()
        assert head.epoch > 1
        with pytest.raises(CursorExpired) as caught:
            await log.read(lost, 10)
    assert caught.value.reason == "epoch_changed"
    await seal_all(database_url)
    async with reading(database_url) as log:
        assert await log.head() == head, "once"


async def test_what_was_unsealed_when_it_was_dumped_is_sealed_once_where_it_is_restored(
    database_url: str, empty_database_url: str, connect: Connect, restore: Restore
) -> None:
    old = connect()
    enqueue(old, 5)
    await seal_all(database_url)
    enqueue(old, 700)  # more than a tick holds
    restore()
    new = connect(empty_database_url)
    enqueue(new, 4)  # before the first sealer starts there
    await seal_all(empty_database_url)
    enqueue(new, 3)
    await seal_all(empty_database_url)
    assert sealed_seqs(new) == captured_seqs(new)
    assert len(captured_seqs(new)) == 5 + 700 + 4 + 3
    async with board(empty_database_url) as node:
        assert node.projector.stats.tallies() == recount(new)


@pytest.mark.parametrize("distance", [-1_000_000, 0, 1_000_000], ids=["lower", "near", "higher"])
async def test_transaction_ids_of_the_old_server_are_never_compared_with_those_of_the_new(
    distance: int, database_url: str, empty_database_url: str, connect: Connect, restore: Restore
) -> None:
    """Whatever ids the old server was at: neither is anything sealed twice nor passed over."""
    old = connect()
    enqueue(old, 20)
    await seal_all(database_url)
    enqueue(old, 20)
    shift_ids(old, distance)
    restore()
    new = connect(empty_database_url)
    enqueue(new, 5)
    for _ in range(3):
        await seal_all(empty_database_url)
        enqueue(new, 5)
    await seal_all(empty_database_url)
    assert sealed_seqs(new) == captured_seqs(new)
    assert len(captured_seqs(new)) == 60


async def test_a_writer_in_flight_while_the_new_epoch_opens_is_sealed(
    database_url: str,
    empty_database_url: str,
    connect: Connect,
    restore: Restore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may have drawn its seq, and not have written its change, when the floor is laid."""
    enqueue(connect(), 5)
    await seal_all(database_url)
    restore()
    new, watcher = connect(empty_database_url), connect(empty_database_url)
    writer = await psycopg.AsyncConnection.connect(empty_database_url, autocommit=True)

    last_seq = epochs._last_seq

    async def once_a_writer_waits(connection: Connection) -> int:
        """Lets a writer come in once the writers are locked out."""
        await writer.execute("SET statement_timeout = '20s'")
        writing.append(
            asyncio.create_task(writer.execute("INSERT INTO tailboard.jobs (kind) VALUES ('in flight')"))
        )
        await await_until(lambda: waiting(watcher))
        return await last_seq(connection)

    monkeypatch.setattr(epochs, "_last_seq", once_a_writer_waits)
    writing: list[asyncio.Task[Any]] = []
    database = Database(empty_database_url)
    connection: Connection = await database.direct("sealer")
    try:
        sealing = Sealing(connection)
        assert await sealing.lead()
        await sealing.open_log()
        await writing[0]
        await sealing.seal()
    finally:
        await connection.close()
        await writer.close()
    enqueue(new, 2)
    await seal_all(empty_database_url)
    assert sealed_seqs(new) == captured_seqs(new)
    assert len(captured_seqs(new)) == 8


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
async def test_a_writer_that_the_new_epoch_waits_for_is_sealed(
    isolation: str, database_url: str, empty_database_url: str, connect: Connect, restore: Restore
) -> None:
    """Whatever isolation the database gives to those who ask for none: the snapshot comes after the lock."""
    enqueue(connect(), 5)
    await seal_all(database_url)
    restore()
    new, watcher = connect(empty_database_url), connect(empty_database_url)
    name = Identifier(new.info.dbname)
    new.execute(SQL("ALTER DATABASE {} SET default_transaction_isolation = {}").format(name, isolation))
    connection: Connection = await Database(empty_database_url).direct("sealer")
    try:
        sealing = Sealing(connection)
        assert await sealing.lead()
        with new.transaction():
            enqueue(new)
            opening = asyncio.create_task(sealing.open_log())
            await await_until(lambda: waiting(watcher))
        await opening
        await sealing.seal()
    finally:
        await connection.close()
    assert sealed_seqs(new) == captured_seqs(new)
    assert len(captured_seqs(new)) == 6


def waiting(watcher: psycopg.Connection[Any]) -> bool:
    return watcher.execute(WAITING_FOR_LOCKS).fetchone() != (0,)
