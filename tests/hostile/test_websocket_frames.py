"""What RFC 6455 forbids, what it allows and we limit, and noise: the sender is closed, and nobody else notices."""

import asyncio
import contextlib
import os
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest

from hostile.board import Attacked, Socket, attacked, frame, text

SEED = int(os.environ.get("TAILBOARD_TEST_SEED", "0")) or Random().randrange(1, 10**6)


@pytest.fixture
async def board(database_url: str, tmp_path: Path) -> AsyncIterator[Attacked]:
    async with attacked(tmp_path, database_url) as board:
        yield board


FORBIDDEN = {
    "not masked": (frame(b"ping", masked=False), 1002),
    "a reserved bit": (frame(b"ping", bits=0x40), 1002),
    "all reserved bits": (frame(b"ping", bits=0x70), 1002),
    "an unknown opcode": (frame(b"", opcode=3), 1002),
    "an unknown control opcode": (frame(b"", opcode=11), 1002),
    "a continuation of nothing": (frame(b"x", opcode=0), 1002),
    "a message inside a message": (frame(b"x", fin=False) + frame(b"y"), 1002),
    "a ping in parts": (frame(b"x", opcode=9, fin=False), 1002),
    "a long ping": (frame(b"x" * 126, opcode=9), 1002),
    "a close code of one byte": (frame(b"\3", opcode=8), 1002),
    "a close code that is none": (frame(b"\3\354", opcode=8), 1002),
    "text that is no UTF-8": (frame(b"\xff\xfe"), 1007),
    "a length without end": (frame(b"", claims=2**63 - 1), 1009),
    "a negative length": (frame(b"", claims=2**64 - 1), None),
    "64 KiB and one byte": (frame(b"x" * 65_537), 1009),
    "a message claimed to be a gigabyte": (frame(b"x" * 100, claims=1 << 30), 1009),
    "parts of more than 64 KiB": (frame(b"x" * 40_000, fin=False) + frame(b"x" * 40_000, opcode=0), 1009),
}


async def test_what_the_protocol_forbids_ends_that_connection_alone(board: Attacked) -> None:
    wrong = {}
    for name, (bad, code) in FORBIDDEN.items():
        socket = await board.upgraded()
        await socket.send(bad)
        said = await socket.goodbye()
        if code is not None and said != code:
            wrong[name] = said
        socket.close()
    assert not wrong
    await board.healthy()


async def test_parts_without_end_are_refused_before_they_cost_memory(board: Attacked) -> None:
    before = board.memory_mib()
    sockets = [await board.upgraded() for _ in range(20)]
    for socket in sockets:
        await socket.send(frame(b"", fin=False))
        for _ in range(10):
            await socket.send(frame(b"", opcode=0, fin=False) * 50_000)
        await socket.send(frame(b"x" * 1000, opcode=0, fin=False) * 100)
    codes = await asyncio.gather(*(socket.goodbye() for socket in sockets))
    assert set(codes) <= {1009, None}
    assert board.memory_mib() - before < 60
    for socket in sockets:
        socket.close()
    await board.healthy()


async def test_a_flood_of_pings_does_not_pile_up_answers(board: Attacked) -> None:
    """The client asks and never reads: what waits for it is bounded."""
    before = board.memory_mib()
    socket = await board.upgraded()
    pings = frame(b"x" * 125, opcode=9) * 1_000
    try:
        async with asyncio.timeout(15):
            for _ in range(800):
                socket.writer.write(pings)
                await socket.writer.drain()
    except (TimeoutError, OSError):
        pass
    await board.healthy()
    assert board.memory_mib() - before < 60
    socket.close()


async def test_a_compressed_bomb_is_not_unpacked(database_url: str, tmp_path: Path) -> None:
    async with attacked(tmp_path, database_url, COMPRESSION="on") as board:
        before = board.memory_mib()
        squeeze = zlib.compressobj(9, wbits=-15)
        bomb = squeeze.compress(b" " * (200 << 20)) + squeeze.flush(zlib.Z_SYNC_FLUSH)
        bomb = bomb[:-4]
        sockets = [
            await board.upgraded(more="Sec-WebSocket-Extensions: permessage-deflate\r\n") for _ in range(10)
        ]
        for socket in sockets:
            half = len(bomb) // 8
            parts = [bomb[start : start + half] for start in range(0, len(bomb), half)]
            for number, part in enumerate(parts):
                await socket.send(
                    frame(
                        part,
                        opcode=0 if number else 1,
                        bits=0 if number else 0x40,
                        fin=number == len(parts) - 1,
                    )
                )
        codes = await asyncio.gather(*(socket.goodbye() for socket in sockets))
        assert set(codes) <= {1009, None}
        assert board.memory_mib() - before < 60
        for socket in sockets:
            socket.close()
        await board.healthy()


async def test_noise_of_any_kind_harms_nobody(board: Attacked) -> None:
    """Valid frames with bytes changed, left out, doubled; and bytes that never were a frame."""
    rng = Random(SEED)
    before = board.memory_mib()
    for _ in range(150):
        socket = await board.upgraded()
        await socket.send(_noise(rng))
        if rng.random() < 0.2:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(0.1):
                    await socket.reader.read(1000)
        socket.close()
    await board.healthy()
    assert board.memory_mib() - before < 40, f"seed {SEED}"


def _noise(rng: Random) -> bytes:
    made = bytearray()
    for _ in range(rng.randint(1, 8)):
        made += rng.choice(
            [
                lambda: text({"type": "subscribe", "cursor": "1.0"}),
                lambda: text({"type": "subscribe", "filter": {"eq": {"queue": "x" * rng.randint(0, 300)}}}),
                lambda: text({"type": "ping"}),
                lambda: frame(b"ping"),
                lambda: frame(rng.randbytes(rng.randint(0, 300)), opcode=rng.randint(0, 15)),
                lambda: frame(
                    rng.randbytes(rng.randint(0, 200)),
                    bits=rng.choice((0, 0x40, 0x10)),
                    fin=rng.random() < 0.5,
                ),
                lambda: rng.randbytes(rng.randint(1, 100)),
            ]
        )()
    for _ in range(rng.randint(0, 4)):
        place = rng.randrange(len(made))
        if rng.random() < 0.5:
            made[place] ^= 1 << rng.randrange(8)
        else:
            del made[place]
        if not made:
            return b"\0"
    return bytes(made)


async def test_handshakes_of_any_kind_harm_nobody(board: Attacked) -> None:
    rng = Random(SEED)
    for _ in range(150):
        head = bytearray(
            b"GET /api/ws/jobs?cursor=1.0 HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"Sec-WebSocket-Protocol: tailboard.v1\r\n\r\n"
        )
        for _ in range(rng.randint(1, 5)):
            head[rng.randrange(len(head))] = rng.randrange(256)
        reader, writer = await board.raw()
        writer.write(bytes(head))
        try:
            async with asyncio.timeout(0.05):
                await reader.read(4096)
        except (TimeoutError, OSError):
            pass
        Socket(reader, writer).close()
    await board.healthy()
