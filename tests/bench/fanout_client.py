"""The clients of the fan-out measurement: many WebSockets in one process, read as cheaply as can be.

A client library would take more CPU than the server that is measured, on the same machine. So this reads
frames itself: headers, and in each message the `cursor` of every event, which must rise by one each time.
"""

import asyncio
import base64
import json
import os
import re
import sys
from typing import Any, NamedTuple

import uvloop

_EVENT = re.compile(rb'"type": ?"job_[a-z]+".*?"cursor": ?"1\.(\d+)"')


class Tally(NamedTuple):
    received: int
    missing: int
    repeated: int


class Reader(asyncio.Protocol):
    """One connection. Counts events; knows nothing of who sends them."""

    def __init__(self, port: int, subprotocol: str | None) -> None:
        self.opened = asyncio.get_running_loop().create_future()
        self.received = 0
        self.expected = 1
        self.missing = 0
        self.repeated = 0
        self._port = port
        self._subprotocol = subprotocol
        self._buffer = b""
        self._handshake = True
        self._message = bytearray()

    def connection_made(self, transport: Any) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        asked = f"Sec-WebSocket-Protocol: {self._subprotocol}\r\n" if self._subprotocol else ""
        # A filter that asks for everything makes the full dialect subscribe at once.
        query = "?filter=%7B%7D" if self._subprotocol else ""
        transport.write(
            f"GET /api/ws/jobs{query} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{asked}"
            "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._handshake:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head:
                self.opened.set_exception(ConnectionError(head.decode()))
                return
            self._handshake = False
            self._buffer = rest
            self.opened.set_result(None)
        self._frames()

    def _frames(self) -> None:
        buffer, at = self._buffer, 0
        while len(buffer) - at >= 2:
            size, start = buffer[at + 1], at + 2
            if size == 126:
                size, start = int.from_bytes(buffer[at + 2 : at + 4], "big"), at + 4
            elif size == 127:
                size, start = int.from_bytes(buffer[at + 2 : at + 10], "big"), at + 10
            if len(buffer) < start + size:
                break
            if buffer[at] & 0x0F == 1:
                for position in _EVENT.findall(buffer, start, start + size):
                    self._count(int(position))
            at = start + size
        self._buffer = buffer[at:]

    def _count(self, position: int) -> None:
        self.received += 1
        if position < self.expected:
            self.repeated += 1
            return
        self.missing += position - self.expected
        self.expected = position + 1


async def collect(process: asyncio.subprocess.Process, *command: object) -> Any:
    """Ask a client process and wait for its answer."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(command).encode() + b"\n")
    await process.stdin.drain()
    line = await process.stdout.readline()
    if not line:
        raise RuntimeError("a client process ended")
    return json.loads(line)


async def main(port: int, count: int, subprotocol: str | None) -> None:
    loop = asyncio.get_running_loop()
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    readers: list[Reader] = []
    total = 0
    while line := await commands.readline():
        match json.loads(line):
            case ["connected"]:
                for start in range(0, count, 50):
                    batch = [Reader(port, subprotocol) for _ in range(start, min(start + 50, count))]
                    for reader in batch:
                        await loop.create_connection(lambda reader=reader: reader, "127.0.0.1", port)
                    await asyncio.gather(*(reader.opened for reader in batch))
                    readers.extend(batch)
                answer: object = count
            case ["tally", events]:
                total += events
                deadline = loop.time() + 60
                while any(reader.expected <= total for reader in readers) and loop.time() < deadline:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
                tally = Tally(
                    sum(reader.received for reader in readers),
                    sum(reader.missing + max(0, total + 1 - reader.expected) for reader in readers),
                    sum(reader.repeated for reader in readers),
                )
                for reader in readers:
                    reader.received = reader.missing = reader.repeated = 0
                    reader.expected = total + 1
                answer = tally._asdict()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), None if sys.argv[3] == "-" else sys.argv[3]))
