"""A TCP proxy that does to connections what networks do: delays them, cuts them, or lets them fall silent."""

import asyncio
import socket
import struct
import time
from contextlib import suppress
from typing import Final

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_ENDED_WITHIN_S: Final = 10.0
_ON_THE_WAY: Final = 64
"""Pieces of up to 64 KiB."""


class Proxy:
    """Passes bytes between those who connect to `port` and the server at `target`: a port on loopback, or a socket's
    path. It may change: those who connect from then on reach the new one.
    """

    def __init__(self, target: int | str) -> None:
        self.target = target
        self.port = 0
        self.delay_s = 0.0
        """How long each piece is under way, in both directions, others with it: what is far away is not slow."""
        self.refusing = False
        """Whether those who come now are turned away."""
        self.refused = 0
        self._links: set[_Link] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is None:
            return
        self._server.close()
        self.cut()
        async with asyncio.timeout(_ENDED_WITHIN_S):
            for link in list(self._links):
                await link.gone.wait()

    def cut(self) -> int:
        """Reset every connection, towards both ends; return how many."""
        links = [link for link in self._links if not link.silent]
        for link in list(self._links):
            link.cut()
        return len(links)

    def half_open(self) -> int:
        """From now on neither end of the present connections hears of the other again, nor of its end."""
        for link in self._links:
            link.silent = True
        return len(self._links)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link(writer)
        self._links.add(link)
        try:
            if self.refusing:
                self.refused += 1
                return
            upstream_reader, upstream_writer = await self._connect()
            link.writers.append(upstream_writer)
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(link, reader, upstream_writer))
                pumps.create_task(self._pump(link, upstream_reader, writer))
        except* OSError:
            pass  # either end has gone, or was not there
        finally:
            link.cut()
            self._links.discard(link)
            link.gone.set()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.target, str):
            return await asyncio.open_unix_connection(self.target)
        return await asyncio.open_connection("127.0.0.1", self.target)

    async def _pump(self, link: "_Link", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.TaskGroup() as ends:
            on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_ON_THE_WAY)
            ends.create_task(self._take(reader, on_the_way))
            ends.create_task(self._hand_over(link, on_the_way, writer))

    async def _take(
        self, reader: asyncio.StreamReader, on_the_way: asyncio.Queue[tuple[float, bytes]]
    ) -> None:
        data = b"first"
        while data:
            data = await reader.read(65_536)
            await on_the_way.put((time.monotonic() + self.delay_s, data))

    async def _hand_over(
        self, link: "_Link", on_the_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
    ) -> None:
        while True:
            due, data = await on_the_way.get()
            if not data:
                break
            if (early := due - time.monotonic()) > 0:
                await asyncio.sleep(early)
            if not link.silent:
                writer.write(data)
                await writer.drain()
        if link.silent:
            await link.ended.wait()  # the other end must not learn of it
        with suppress(OSError):
            writer.write_eof()


class _Link:
    """One connection through the proxy."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writers = [writer]
        self.silent = False
        self.ended = asyncio.Event()
        """It is to end."""
        self.gone = asyncio.Event()
        """Nothing of it is left."""

    def cut(self) -> None:
        self.ended.set()
        for writer in self.writers:
            connection = writer.get_extra_info("socket")
            if connection is not None and connection.fileno() >= 0:
                with suppress(OSError):
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            writer.transport.abort()
