"""Connections that ask for nothing, or ask without end: each is ended, and nobody else notices."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fixtures.waiting import await_until
from hostile.board import HANDSHAKE, PATIENCE, Attacked, attacked


@pytest.fixture
async def board(database_url: str, tmp_path: Path) -> AsyncIterator[Attacked]:
    async with attacked(tmp_path, database_url, MAX_CONNECTIONS="1000") as board:
        yield board


async def ended(reader: asyncio.StreamReader, within_s: float) -> bytes:
    """What came until the server ended the connection."""
    async with asyncio.timeout(within_s):
        try:
            return await reader.read(-1)
        except ConnectionResetError:
            return b""


@pytest.mark.parametrize(
    "endless",
    [b"X-More: " + b"a" * 1000 + b"\r\n", b"a" * 1000],
    ids=["headers without end", "one header without end"],
)
async def test_a_head_without_end_is_refused_before_it_costs_memory(board: Attacked, endless: bytes) -> None:
    before = board.memory_mib()
    _, writer = await board.raw()
    writer.write(b"GET /api/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nX-First: ")

    async def write_on() -> None:
        for _ in range(20_000):
            writer.write(endless)
            await writer.drain()

    with pytest.raises(OSError):  # noqa: PT011  # reset, or a broken pipe
        await write_on()
    assert board.memory_mib() - before < 20
    writer.transport.abort()
    await board.healthy()


async def test_a_head_that_is_too_large_is_told_so(board: Attacked) -> None:
    reader, writer = await board.raw()
    writer.write(b"GET /api/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Large: " + b"a" * 66_000)
    assert (await ended(reader, 10)).startswith(b"HTTP/1.1 431 ")
    writer.close()


async def test_clients_that_ask_a_lot_at_once_and_leave_fill_no_log(board: Attacked) -> None:
    files = board.open_files()
    for _ in range(30):
        reader, writer = await board.raw()
        writer.write(b"GET /api/stats HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 20)
        assert await reader.read(100)
        writer.transport.abort()
    await await_until(lambda: board.open_files() <= files, PATIENCE)
    await board.healthy()


@pytest.mark.slow
async def test_handshakes_that_dawdle_are_ended_and_others_are_served_meanwhile(board: Attacked) -> None:
    files = board.open_files()
    dawdlers = [await board.raw() for _ in range(200)]
    request = HANDSHAKE.format(path="/api/ws/jobs", more="").encode()

    async def dawdle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in request[:60]:
            if reader.at_eof() or writer.is_closing():
                return
            writer.write(bytes([byte]))
            await asyncio.sleep(0.5)

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        for reader, writer in dawdlers:
            tasks.create_task(dawdle(reader, writer))
            tasks.create_task(ended(reader, 25))
        await board.healthy()
    await await_until(lambda: board.open_files() <= files + 5, 10)
    for _, writer in dawdlers:
        writer.close()


@pytest.mark.slow
async def test_a_body_that_dawdles_is_ended(board: Attacked) -> None:
    reader, writer = await board.raw()
    writer.write(
        b"POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
    )
    await ended(reader, 45)
    writer.close()
    await board.healthy()


@pytest.mark.slow
async def test_a_flood_of_connections_leaves_room_for_those_who_are_there(board: Attacked) -> None:
    """More connections than the board takes: the rest are turned away at once, with the reason."""
    before = board.memory_mib()
    flood = []
    turned_away = 0
    for _ in range(1_800):
        reader, writer = await board.raw()
        flood.append(writer)
        if len(flood) > 1_600:
            answer = await asyncio.wait_for(reader.read(64), 5)
            turned_away += answer.startswith(b"HTTP/1.1 503 ")
    assert turned_away == 200
    assert board.memory_mib() - before < 60
    for writer in flood:
        writer.transport.abort()
    await await_until(lambda: board.open_files() < 100, 10)
    await board.healthy()
