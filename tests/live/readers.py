"""Readers that come and go at random cursors, over every interface, and check each stream as it arrives."""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncGenerator, Callable
from typing import Any, NamedTuple

import httpx
import psycopg
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

LOST = (OSError, ConnectionClosed, InvalidHandshake, httpx.HTTPError, TimeoutError, EOFError)
SILENCE_S = 3.0
GOODBYE_S = 0.1
"""A reader that leaves in the middle of a replay does not wait until its queue has been drained."""


class Seen(NamedTuple):
    """What of an event every interface must agree on."""

    type: str
    source: str
    job: int
    mark: str | None


class Reader:
    """Reads until it has everything up to the goal. `seen` is by position; a second sight must be the same."""

    def __init__(
        self, name: str, stream: Callable[..., AsyncGenerator[tuple[str, Seen]]], rng: random.Random
    ) -> None:
        self.name = name
        self.seen: dict[int, Seen] = {}
        self.connections = 0
        self._stream = stream
        self._rng = rng

    async def read(self, urls: Callable[[], str], goal: "asyncio.Future[int]") -> None:
        while not (goal.done() and self._contiguous() >= goal.result()):
            start = self._contiguous()
            if self._rng.random() < 0.3:
                start = self._rng.randint(0, start)  # come back earlier than one has to
            with contextlib.suppress(*LOST):
                await self._connection(urls(), start, goal)

    async def _connection(self, url: str, start: int, goal: "asyncio.Future[int]") -> None:
        self.connections += 1
        patience = self._rng.randint(1, 2_000)
        last = start
        async with contextlib.aclosing(self._stream(url, f"1.{start}")) as stream:
            async for cursor, seen in stream:
                epoch, _, position = cursor.partition(".")
                assert epoch == "1"
                assert int(position) == last + 1, f"{self.name}: {cursor} followed 1.{last}"
                last = int(position)
                assert self.seen.setdefault(last, seen) == seen, (
                    f"{self.name}: {cursor} was another event before"
                )
                patience -= 1
                if not patience or (goal.done() and last >= goal.result()):
                    return

    def _contiguous(self) -> int:
        return len(self.seen)


async def websocket_v1(url: str, cursor: str) -> AsyncGenerator[tuple[str, Seen]]:
    async with connect(
        _ws(url), subprotocols=[Subprotocol("tailboard.v1")], max_size=None, close_timeout=GOODBYE_S
    ) as socket:
        await socket.send(json.dumps({"type": "subscribe", "filter": {}, "cursor": cursor}))
        while True:
            frame = await asyncio.wait_for(socket.recv(), SILENCE_S)
            for line in frame.splitlines():
                message = json.loads(line)
                assert message["type"] not in {"reset", "error"}, message
                if "job" in message:
                    yield message["cursor"], _seen(message)


async def websocket_plain(url: str, cursor: str) -> AsyncGenerator[tuple[str, Seen]]:
    async with connect(f"{_ws(url)}?cursor={cursor}", max_size=None, close_timeout=GOODBYE_S) as socket:
        while True:
            message = json.loads(await asyncio.wait_for(socket.recv(), SILENCE_S))
            assert message["type"] not in {"reset", "error"}, message
            if "job" in message:
                yield message["cursor"], _seen(message)


async def server_sent(url: str, cursor: str) -> AsyncGenerator[tuple[str, Seen]]:
    async with (
        httpx.AsyncClient(trust_env=False, timeout=SILENCE_S) as client,
        client.stream("GET", f"{url}/api/events/stream", headers={"Last-Event-ID": cursor}) as response,
    ):
        assert response.status_code == 200
        place = ""
        async for line in response.aiter_lines():
            if line.startswith("id: "):
                place = line[4:]
            elif line.startswith("data: "):
                message = json.loads(line[6:])
                assert message["type"] not in {"reset", "error"}, message
                if "job" in message:
                    assert place == message["cursor"]
                    yield place, _seen(message)


async def rest(url: str, cursor: str) -> AsyncGenerator[tuple[str, Seen]]:
    async with httpx.AsyncClient(trust_env=False, timeout=SILENCE_S) as client:
        while True:
            response = await client.get(f"{url}/api/events", params={"after": cursor, "limit": 300})
            assert response.status_code in {200, 503}, response.text
            if response.status_code == 503:
                return
            page = response.json()
            for message in page["events"]:
                yield message["cursor"], _seen(message)
            if not page["events"]:
                return
            cursor = page["cursor"]


def sql(database_url: str) -> Callable[..., AsyncGenerator[tuple[str, Seen]]]:
    async def read(_: str, cursor: str) -> AsyncGenerator[tuple[str, Seen]]:
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
            while True:
                rows = await (
                    await connection.execute(
                        'SELECT "cursor", type, source, job_id, job FROM tailboard.read(%s, %s)',
                        [cursor, random.randint(1, 900)],
                    )
                ).fetchall()
                for cursor, kind, source, job_id, job in rows:  # noqa: PLR1704  # read on from there
                    assert kind != "reset"
                    yield cursor, Seen(kind, source, int(job_id), job["phase"])
                if not rows:
                    await asyncio.sleep(0.01)
                    return

    return read


def _ws(url: str) -> str:
    return f"{url.replace('http', 'ws', 1)}/api/ws/jobs"


def _seen(message: dict[str, Any]) -> Seen:
    return Seen(message["type"], message["source"], message["job"]["id"], message["job"].get("phase"))
