"""A client that stops reading, on a real socket: it harms nobody, and costs bounded memory."""

import asyncio
import json
import re
import socket
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
import uvloop
from websockets.asyncio.client import ClientConnection, connect

from delivery_rig import Address, Feed, eventually, serving
from tailboard.live.limits import HubLimits
from tailboard.web.wire import WireProtocol

Run = Callable[[Coroutine[Any, Any, None]], None]

MAILBOX = 100_000


@pytest.fixture(params=["uvloop", "asyncio"])
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    """Runs a coroutine on each event loop: when a socket counts as full is the loop's own decision."""
    loop = uvloop.new_event_loop() if request.param == "uvloop" else asyncio.new_event_loop()
    yield loop.run_until_complete
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


def stopped_reader() -> socket.socket:
    """A WebSocket whose owner asks for everything and then never reads."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    return client


async def ask(client: socket.socket, address: Address) -> None:
    await asyncio.get_running_loop().sock_connect(client, (address.host, address.port))
    await asyncio.get_running_loop().sock_sendall(
        client,
        f"GET /api/ws/jobs HTTP/1.1\r\nHost: {address.host}:{address.port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n".encode(),
    )


async def read_all(client: socket.socket, end: bytes) -> bytes:
    """Everything up to and with `end`, or to the end of the stream."""
    data = bytearray()
    async with asyncio.timeout(20):
        while end not in data[-200_000:]:
            part = await asyncio.get_running_loop().sock_recv(client, 1 << 16)
            if not part:
                break
            data += part
    return bytes(data)


class Healthy:
    """Reads on, and keeps the positions of all events."""

    def __init__(self, client: ClientConnection) -> None:
        self.positions: list[int] = []
        self._client = client

    async def until(self, position: int) -> None:
        async with asyncio.timeout(30):
            while not self.positions or self.positions[-1] < position:
                message: dict[str, Any] = json.loads(await self._client.recv())
                assert message["type"] != "reset"
                if message["type"].startswith("job_"):
                    self.positions.append(int(message["cursor"].partition(".")[2]))


async def stall(feed: Feed, healthy: Healthy) -> int:
    """Publish until the stopped reader has been reset twice; return the last position."""
    while True:
        feed.burst(50, padding=2000)
        await healthy.until(feed.log.head.position)
        infos = feed.hub.connections()
        assert all(info.queued_bytes <= MAILBOX for info in infos)
        if max(info.resets for info in infos) >= 2:
            return feed.log.head.position


@pytest.mark.parametrize("wire", [True, False], ids=["wire", "asgi"])
def test_others_get_everything_and_the_slow_one_a_reset(run: Run, wire: bool) -> None:
    run(_others_get_everything(wire=wire))


async def _others_get_everything(*, wire: bool) -> None:
    feed = Feed(HubLimits(mailbox_bytes=MAILBOX))
    async with serving(feed, wire=wire) as address, connect(address.ws) as other:
        with stopped_reader() as slow:
            await ask(slow, address)
            await eventually(lambda: [info.live for info in feed.hub.connections()] == [True, True])
            healthy = Healthy(other)
            end = await stall(feed, healthy)
            assert healthy.positions == list(range(1, end + 1))
            reading = asyncio.create_task(read_all(slow, f'"cursor":"1.{end + 1}"'.encode()))
            await eventually(lambda: not any(info.queued_bytes for info in feed.hub.connections()))
            feed.burst(1)
            data = await reading
        resets = re.findall(rb'"type":"reset","reason":"lagged","cursor":"1\.(\d+)"', data)
        assert len(resets) == 1
        positions = [int(found) for found in re.findall(rb'"at":"[^"]*","cursor":"1\.(\d+)"', data)]
        assert positions == sorted(set(positions))
        assert positions[-1] == end + 1
        # Nothing is missing but what the reset stands for.
        reset = int(resets[0])
        before = [position for position in positions if position <= reset]
        after = [position for position in positions if position > reset]
        assert before == list(range(1, len(before) + 1))
        assert after == list(range(reset + 1, end + 2))


def test_a_client_that_never_reads_is_closed_with_4008(run: Run) -> None:
    run(_never_reads())


async def _never_reads() -> None:
    feed = Feed(HubLimits(mailbox_bytes=MAILBOX, grace_s=0.4))
    async with serving(feed) as address, connect(address.ws) as other:
        with stopped_reader() as slow:
            await ask(slow, address)
            healthy = Healthy(other)
            while feed.hub.counters.closed_slow == 0:
                feed.burst(50, padding=2000)
                await healthy.until(feed.log.head.position)
            await eventually(lambda: feed.hub.connected == 1)
            goodbye = (4008).to_bytes(2, "big") + b"too slow"
            assert goodbye in await read_all(slow, goodbye)
        feed.burst(1)
        await healthy.until(feed.log.head.position)
        assert healthy.positions == list(range(1, feed.log.head.position + 1))


def test_a_client_that_never_reads_its_goodbye_is_dropped(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WireProtocol, "linger_s", 0.1)
    run(_dropped())


async def _dropped() -> None:
    feed = Feed(HubLimits(mailbox_bytes=MAILBOX, grace_s=0.2))
    async with serving(feed) as address:
        with stopped_reader() as slow:
            await ask(slow, address)
            async with asyncio.timeout(20):
                while feed.hub.counters.closed_slow == 0:
                    feed.burst(50, padding=2000)
                    await asyncio.sleep(0.001)
            await eventually(lambda: address.sockets() == 0)


def test_a_client_that_never_reads_does_not_hold_up_shutdown(run: Run) -> None:
    run(_shutdown())


async def _shutdown() -> None:
    feed = Feed(HubLimits(mailbox_bytes=MAILBOX))
    loop = asyncio.get_running_loop()
    with stopped_reader() as slow:
        async with serving(feed) as address:
            await ask(slow, address)
            async with asyncio.timeout(30):
                while not any(info.queued_bytes for info in feed.hub.connections()):
                    feed.burst(50, padding=2000)
                    await asyncio.sleep(0)
            began = loop.time()
        assert loop.time() - began < 2.5
