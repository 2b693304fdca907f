"""One process of a crowd: many WebSockets, read as cheaply as can be. `crowd.py` starts it and speaks to it.

A client library would take more CPU than the server that is measured, on the same machine. So this reads frames
itself, and finds in each message the numbers of the changes that it tells of, whoever wrote it.
"""

import asyncio
import base64
import json
import os
import re
import sys
from typing import Any, Final, NamedTuple

import uvloop

CHANGE: Final = re.compile(rb'"phase": ?"change (\d+)"')
"""How a change is told from others: its number stands in the job's phase."""

_AT_ONCE: Final = 50
_PATIENCE_S: Final = 20.0


class Way(NamedTuple):
    """How to become a subscriber; see Contender."""

    port: int
    path: str
    subprotocol: str | None
    hello: str | None
    live: str | None


class Reader(asyncio.Protocol):
    """One connection. Counts how often each change came; knows nothing of who sends them."""

    def __init__(self, way: Way, path: str) -> None:
        self.ready = asyncio.get_running_loop().create_future()
        self.counts = bytearray()
        self.left = 0
        self._first = 0
        self._way = way
        self._path = path
        self._live = None if way.live is None else way.live.encode()
        self._buffer = b""
        self._handshake = True
        self._transport: Any = None

    def expect(self, first: int, changes: int, mine: int) -> None:
        self.counts, self.left, self._first = bytearray(changes), mine, first

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        asked = f"Sec-WebSocket-Protocol: {self._way.subprotocol}\r\n" if self._way.subprotocol else ""
        transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: 127.0.0.1:{self._way.port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{asked}"
            "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\n\r\n".encode()
        )

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(error or ConnectionError("closed before it was live"))

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if self._handshake:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head:
                self.ready.set_exception(ConnectionError(head.decode()))
                return
            self._handshake = False
            self._buffer = rest
            if self._way.hello is not None:
                self._send(0x81, self._way.hello.encode())
            if self._live is None:
                self.ready.set_result(None)
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
            match buffer[at] & 0x0F:
                case 1:
                    self._text(buffer, start, start + size)
                case 9:
                    self._send(0x8A, buffer[start : start + size])
            at = start + size
        self._buffer = buffer[at:]

    def _text(self, buffer: bytes, start: int, end: int) -> None:
        if not self.ready.done() and self._live is not None and buffer.find(self._live, start, end) >= 0:
            self.ready.set_result(None)
        if end - start == 1 and buffer[start] == ord("2") and self._way.hello is not None:
            self._send(0x81, b"3")  # the ping of Engine.IO
        if not self.counts:
            return  # it only takes what it is sent
        for number in CHANGE.findall(buffer, start, end):
            place = int(number) - self._first
            if 0 <= place < len(self.counts):
                self.left -= not self.counts[place]
                self.counts[place] += self.counts[place] < 255

    def _send(self, head: int, payload: bytes) -> None:
        """A short frame, masked with zeros."""
        self._transport.write(bytes((head, 0x80 | len(payload), 0, 0, 0, 0)) + payload)


class Part:
    """This process's share of a crowd. Subscriber number n follows queue n modulo `queues`, or everything for 0."""

    def __init__(self, way: Way, queues: int) -> None:
        self._way = way
        self._queues = queues
        self._readers: list[tuple[int, Reader]] = []

    async def connect(self, numbers: list[int]) -> int:
        loop = asyncio.get_running_loop()
        for start in range(0, len(numbers), _AT_ONCE):
            batch: list[tuple[int, Reader]] = []
            for number in numbers[start : start + _AT_ONCE]:
                queue = number % self._queues if self._queues else 0
                reader = Reader(self._way, self._way.path.replace("QUEUE", f"q{queue}"))
                await loop.create_connection(lambda reader=reader: reader, "127.0.0.1", self._way.port)
                batch.append((queue, reader))
            async with asyncio.timeout(_PATIENCE_S):
                await asyncio.gather(*(reader.ready for _, reader in batch))
            self._readers += batch
        return len(self._readers)

    def expect(self, first: int, changes: int) -> None:
        """Change number n is of a job of queue n modulo `queues`."""
        for queue, reader in self._readers:
            reader.expect(first, changes, len(self._mine(queue, first, changes)))

    async def tally(self, first: int, changes: int) -> dict[str, int]:
        """Wait until all has come, or nothing has for a while; what came."""
        loop = asyncio.get_running_loop()
        left, since = -1, loop.time()
        while (now := sum(reader.left for _, reader in self._readers)) and loop.time() - since < _PATIENCE_S:
            if now != left:
                left, since = now, loop.time()
            await asyncio.sleep(0.02)
        wanted = received = missing = 0
        for queue, reader in self._readers:
            mine = self._mine(queue, first, changes)
            wanted += len(mine)
            received += sum(reader.counts)
            missing += sum(not reader.counts[number - first] for number in mine)
        return {"received": received, "missing": missing, "unwanted": received - (wanted - missing)}

    def _mine(self, queue: int, first: int, changes: int) -> range:
        if not self._queues:
            return range(first, first + changes)
        return range(first + (queue - first) % self._queues, first + changes, self._queues)


async def main(way: Way, queues: int) -> None:
    loop = asyncio.get_running_loop()
    commands = asyncio.StreamReader(limit=2**24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    part = Part(way, queues)
    while line := await commands.readline():
        answer: object = None
        match json.loads(line):
            case ["connect", numbers]:
                answer = await part.connect(numbers)
            case ["expect", first, changes]:
                part.expect(first, changes)
            case ["tally", first, changes]:
                answer = await part.tally(first, changes)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    arguments = json.loads(sys.argv[1])
    uvloop.run(main(Way(*arguments["way"]), arguments["queues"]))
