"""Resources that run out, and clocks that go wrong."""

import asyncio
import contextlib
import os
import subprocess
from pathlib import Path
from typing import Final

import psycopg
from psycopg import errors

from faults.scenario import Skipped, fault
from faults.world import World

_ROOM: Final = 48 << 20
"""What the log can grow by on the small file system, while it is moved there and until that is filled."""
_LOG: Final = (
    "c.relnamespace = 'tailboard'::regnamespace AND (c.relname LIKE 'changes%' OR c.relname LIKE 'ticks%')"
)
_LIBRARY: Final = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)


@fault("a full disk under the log makes workers' statements fail, and loses nothing")
async def full_disk_under_the_log(world: World) -> str:
    folder = world.fresh_folder()
    folder.mkdir()
    refused = await asyncio.to_thread(
        _mount, folder, await asyncio.to_thread(_size_of_the_log, world) + _ROOM
    )
    if refused:
        raise Skipped(f"a small file system cannot be mounted here: {refused}")
    try:
        return await _fill(world, folder)
    finally:
        await asyncio.to_thread(
            subprocess.run, ["umount", "-l", str(folder)], capture_output=True, check=False
        )


def _size_of_the_log(world: World) -> int:
    with world.primary.connect() as connection:
        row = connection.execute(
            "SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c"
            f" WHERE {_LOG} AND c.relkind = 'r'".encode()
        ).fetchone()
    assert row is not None
    return int(row[0])


def _mount(folder: Path, size: int) -> str:
    """Mount a small file system; return why that is not possible, or nothing."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)], capture_output=True, check=False
    )
    return done.stderr.decode().strip()


async def _fill(world: World, folder: Path) -> str:
    account = world.primary.account
    if account is not None:
        os.chown(folder, account.uid, account.gid)
    name = folder.name
    world.sql(f"CREATE TABLESPACE {name} LOCATION '{folder}'")
    aborted = world.ledger.aborted
    try:
        await asyncio.to_thread(_move_the_log, world, name)
        filler = folder / "filler"
        with filler.open("wb") as file:
            try:
                while True:
                    file.write(b"\0" * 65_536)
            except OSError:
                pass
        await world.rest(4.0)
        refused = world.ledger.aborted - aborted
        filler.unlink()
        await world.flow()
        return f"{refused} transactions were refused meanwhile"
    finally:
        await asyncio.to_thread(_move_the_log, world, "pg_default")
        world.sql(f"DROP TABLESPACE {name}")


def _move_the_log(world: World, tablespace: str) -> None:
    """All of the log and of its order, with the indexes."""
    with world.primary.connect() as connection:
        relations = connection.execute(
            "SELECT c.oid::regclass::text, c.relkind::text FROM pg_class c"
            f" WHERE {_LOG} AND c.relkind IN ('r', 'i')".encode()
        ).fetchall()
        for name, kind in relations:
            what = "TABLE" if kind == "r" else "INDEX"
            connection.execute(f"ALTER {what} {name} SET TABLESPACE {tablespace}".encode())


@fault("a NOTIFY queue that others fill up: workers' commits succeed, and the feed goes on")
async def notify_queue_full(world: World) -> str:
    """Somebody listens and sleeps in a transaction, and somebody else notifies: the queue cannot be emptied."""
    if world.primary.installation.major < 17:
        raise Skipped("before PostgreSQL 17 the queue has 8 GB, whatever one does")
    before = world.ledger.refused_notify
    async with await psycopg.AsyncConnection.connect(world.primary.url) as sleeper:
        await sleeper.execute("LISTEN faults")
        await sleeper.commit()
        await sleeper.execute("SELECT 1")
        await asyncio.to_thread(_fill_the_queue, world, 0.7)
        await world.rest(2.5)  # the leader looks every two seconds
        near = await world.flow(50)
        used = await asyncio.to_thread(_fill_the_queue, world, 1.0)
        full = await world.flow(50)
        await world.rest(1.0)
        await sleeper.rollback()
    refused = world.ledger.refused_notify - before
    assert not refused, f"{refused} commits were refused because the queue was full"
    return f"50 events in {near:.1f} s with the queue 70% full, in {full:.1f} s with it {used:.0%} full"


def _fill_the_queue(world: World, share: float) -> float:
    with world.primary.connect() as connection:
        for size in (7_900, 1_000, 100, 1):
            try:
                while _usage(connection) < share:
                    connection.execute("SELECT pg_notify('faults', repeat('x', %s) || random())", [size])
            except errors.ProgramLimitExceeded:
                continue
        return _usage(connection)


def _usage(connection: psycopg.Connection[tuple[float]]) -> float:
    row = connection.execute("SELECT pg_notification_queue_usage()").fetchone()
    assert row is not None
    return row[0]


@fault("clocks that jump, of a node and of PostgreSQL, change no order and lose nothing")
async def clock_steps(world: World) -> str:
    if _LIBRARY is None:
        raise Skipped("libfaketime is not installed (Debian: apt-get install libfaketime)")
    clock = world.fresh_folder()
    clock.mkdir()
    clock.chmod(0o755)
    offset = clock / "offset"
    offset.write_text("+0\n")
    preloaded = {
        "LD_PRELOAD": str(_LIBRARY),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    node = await world.sealer()
    breaking = asyncio.create_task(_break_deadlocks(world))
    try:
        world.primary.environment = node.environment = preloaded
        await asyncio.to_thread(world.primary.stop)
        await asyncio.to_thread(world.primary.start)
        await node.stop()
        await node.start()
        steps = [world.rng.choice(("+3600", "-3600", "+86400", "-30", "-86400", "+5")) for _ in range(4)]
        for step in steps:
            await world.gate.close()
            offset.write_text(f"{step}\n")
            world.gate.open()
            await world.flow()
            await world.rest(0.3)
    finally:
        breaking.cancel()
        world.primary.environment = node.environment = {}
        await asyncio.to_thread(world.primary.stop)
        await asyncio.to_thread(world.primary.start)
        await node.stop()
        await node.start()
    return f"steps of {', '.join(steps)} s under PostgreSQL and {node.name}"


async def _break_deadlocks(world: World) -> None:
    """PostgreSQL's own lock, statement and deadlock timeouts go by the clock that jumps: some never come."""
    waiting: set[int] = set()
    while True:
        await asyncio.sleep(4)
        with contextlib.suppress(psycopg.OperationalError):
            found = await asyncio.to_thread(
                world.sql,
                "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
            )
            for pid in waiting & {row[0] for row in found}:
                await asyncio.to_thread(world.sql, "SELECT pg_terminate_backend(%s)", pid)
            waiting = {row[0] for row in found}
