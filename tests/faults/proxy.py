"""A TCP proxy that does to connections what networks do: delays them, cuts them, or lets them fall silent."""

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Final

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_ENDED_WITHIN_S: Final = 10.0


class Proxy:
    """Passes bytes between those who connect to `port` and the server at `target`: a port on loopback, or a socket's
    path. It may change: those who connect from then on reach the new one.
    """

    def __init__(self, target: int | str) -> None:
        self.target = target
        self.port = 0
        self.delay_s = 0.0
        """How long each piece is held, in both directions."""
        self.refusing = False
        """Whether those who come now are turned away."""
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
        while data := await reader.read(65_536):
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
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
