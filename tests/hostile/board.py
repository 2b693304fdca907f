"""A board in a process of its own that is attacked, a good client beside the attackers, and what the attack costs."""

import asyncio
import contextlib
import json
import secrets
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import psycopg
from websockets.asyncio.client import ClientConnection, connect

from cli import rig

PATIENCE: Final = 20.0
HANDSHAKE: Final = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
)


class Attacked:
    """The board. `healthy` is checked after every attack: a client that was there all the while is served at once."""

    def __init__(self, process: rig.Process, url: str, database_url: str, client: ClientConnection) -> None:
        self.url = url
        self.process = process
        self._client = client
        self._database_url = database_url

    @property
    def port(self) -> int:
        port = urlsplit(self.url).port
        assert port is not None
        return port

    def memory_mib(self) -> float:
        status = Path(f"/proc/{self.process.popen.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024

    def open_files(self) -> int:
        return len(list(Path(f"/proc/{self.process.popen.pid}/fd").iterdir()))

    async def healthy(self, within_s: float = 5.0) -> None:
        """The good client is told of a new job, a new one is let in, and the process complains of no bug of its own."""
        mark = secrets.token_hex(8)
        async with await psycopg.AsyncConnection.connect(self._database_url, autocommit=True) as worker:
            await worker.execute("INSERT INTO tailboard.jobs (kind) VALUES (%s)", [mark])
        async with asyncio.timeout(within_s):
            while mark not in str(await self._client.recv()):
                pass
        async with asyncio.timeout(within_s), connect(self._socket_url(), proxy=None) as fresh:
            await fresh.send("ping")
            while await fresh.recv() != "pong":
                pass
        complaints = [line for line in self.process.err if "Traceback" in line or " ERROR " in line]
        assert not complaints, self.process.err[-30:]

    def _socket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/api/ws/jobs"

    async def raw(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A bare TCP connection."""
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def upgraded(self, path: str = "/api/ws/jobs", more: str = "") -> "Socket":
        """A WebSocket whose frames are ours to spoil."""
        reader, writer = await self.raw()
        writer.write(HANDSHAKE.format(path=path, more=more).encode())
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
        assert head.startswith(b"HTTP/1.1 101"), head
        return Socket(reader, writer)


class Socket:
    """A WebSocket without a library."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        """As much as the server takes; it may have gone."""
        with contextlib.suppress(OSError):
            self.writer.write(data)
            await asyncio.wait_for(self.writer.drain(), PATIENCE)

    async def goodbye(self) -> int | None:
        """The close code that comes, whatever comes before it; None where the connection just ends."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            async with asyncio.timeout(PATIENCE):
                while True:
                    opcode, size = await self.reader.readexactly(2)
                    if size == 126:
                        (size,) = struct.unpack("!H", await self.reader.readexactly(2))
                    elif size == 127:
                        (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
                    payload = await self.reader.readexactly(size)
                    if opcode & 15 == 8:
                        return int.from_bytes(payload[:2], "big") if payload else 1005
        return None

    def close(self) -> None:
        self.writer.transport.abort()


def frame(
    payload: bytes,
    *,
    opcode: int = 1,
    fin: bool = True,
    masked: bool = True,
    bits: int = 0,
    claims: int | None = None,
) -> bytes:
    """A frame as a client sends it, or as it must not. `claims` is a length that is not the payload's."""
    size = len(payload) if claims is None else claims
    mask_bit = 0x80 if masked else 0
    head = bytes([(0x80 if fin else 0) | bits | opcode])
    if size < 126:
        head += bytes([mask_bit | size])
    elif size < 65_536:
        head += bytes([mask_bit | 126]) + struct.pack("!H", size)
    else:
        head += bytes([mask_bit | 127]) + struct.pack("!Q", size)
    return head + (b"\0\0\0\0" if masked else b"") + payload  # a mask of zeros leaves the payload as it is


@contextlib.asynccontextmanager
async def attacked(home: Path, database_url: str, **settings: str) -> AsyncIterator[Attacked]:
    process = await asyncio.to_thread(
        lambda: rig.Process(home, "serve", DATABASE_URL=database_url, PORT="0", **settings)
    )
    try:
        url = await asyncio.to_thread(process.url)
        async with connect(f"ws://{urlsplit(url).netloc}/api/ws/jobs", proxy=None, max_size=None) as client:
            yield Attacked(process, url, database_url, client)
    finally:
        await asyncio.to_thread(process.__exit__)


def text(message: dict[str, Any]) -> bytes:
    return frame(json.dumps(message).encode())
