"""Readers of every interface. Each keeps its place, comes back at it after whatever ended its connection, to any
node, and writes down what it was told; whether that was right is for the oracle to say.
"""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncGenerator, Callable
from typing import Any, Final
from urllib.parse import urlencode

import httpx
import psycopg
from psycopg import errors
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage
from websockets.typing import Subprotocol

from faults.oracle import SOURCE_RESET, Got, Left, Matches, Opened, Reset, Seen, Step, Violation, everything
from faults.workload import job_name
from tailboard.core.cursor import Cursor

LOST: Final = (OSError, ConnectionClosed, InvalidHandshake, InvalidMessage, httpx.HTTPError, TimeoutError, EOFError,
               psycopg.OperationalError)  # fmt: skip
"""What ends a connection, and no promise."""
SILENCE_S: Final = 6.0
"""A reader that hears nothing for so long asks elsewhere: nothing in here is silent for longer than a fault lasts."""
_GOODBYE_S: Final = 0.1

Stream = Callable[["Reader", str], AsyncGenerator[Step]]


class Refused(Exception):
    """The server is not in a position to serve just now, and says so."""


class Reader:
    """One reader. `steps` is what it was told since somebody took them away."""

    def __init__(
        self,
        name: str,
        stream: Stream,
        url: Callable[[], str],
        rng: random.Random,
        *,
        query: list[tuple[str, str]] | None = None,
        matches: Matches = everything,
        slow: bool = False,
    ) -> None:
        self.name = name
        self.place = Cursor(1, 0)
        self.steps: list[Step] = []
        self.judged = Cursor(1, 0)
        self.connections = 0
        self.query = query or []
        self.matches = matches
        self.slow = slow
        self.hurry = asyncio.Event()
        """Set while a slow reader has to come to the end."""
        self.rng = rng
        self.wrong: Violation | None = None
        self._stream = stream
        self._url = url

    async def run(self) -> None:
        """Read for ever, leaving of its own will now and then."""
        while True:
            try:
                await self._connection()
            except (*LOST, Refused):
                await asyncio.sleep(self.rng.random() * 0.3)
            except Violation as error:
                self.wrong = error
                return

    def take(self) -> list[Step]:
        steps, self.steps = self.steps, []
        return steps

    async def pause(self) -> None:
        """A slow reader's work with what it has read."""
        if self.slow and not self.hurry.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.hurry.wait(), self.rng.random() * 0.2)

    async def _connection(self) -> None:
        self.connections += 1
        patience = self.rng.choice((20, 200, 2_000, 20_000))
        async with contextlib.aclosing(self._stream(self, self._url())) as stream:
            async for step in stream:
                self.steps.append(step)
                match step:
                    case Opened():
                        continue
                    case Got(cursor) | Left(cursor):
                        self.place = cursor
                    case Reset(cursor=cursor):
                        self.place = cursor
                patience -= 1
                if not patience:
                    return
                await self.pause()


def step_of(message: dict[str, Any]) -> Step | None:
    """What a message tells; None for those that tell no change. Raises Violation for an error that is final."""
    match message["type"]:
        case "reset":
            return Reset(message["reason"], Cursor.parse(message["cursor"]), message.get("source"))
        case "left":
            return Left(Cursor.parse(message["cursor"]), job_name(message["source"], str(message["id"])))
        case "error":
            if message["retryable"]:
                raise Refused(message["message"])
            raise Violation(f"a cursor that was given out is refused: {message}")
        case _ if "job" in message:
            job = message["job"]
            name = job_name(message["source"], str(job["id"]))
            seen = Seen(message["type"], name, job.get("queue"), job.get("phase"))
            return Got(Cursor.parse(message["cursor"]), seen, message["version"])
        case _:
            return None


async def websocket_v1(reader: Reader, url: str) -> AsyncGenerator[Step]:
    """`tailboard.v1`, subscribing by a frame."""
    protocols = [Subprotocol("tailboard.v1")]
    async with connect(
        _ws(url),
        subprotocols=protocols,
        max_size=None,
        open_timeout=SILENCE_S,
        close_timeout=_GOODBYE_S,
        proxy=None,
    ) as socket:
        wanted = {"and": [{"in": {field: [value]}} for field, value in reader.query]} if reader.query else {}
        await socket.send(json.dumps({"type": "subscribe", "filter": wanted, "cursor": str(reader.place)}))
        yield Opened(reader.place)
        while True:
            frame = await asyncio.wait_for(_received(socket), SILENCE_S)
            for line in frame.splitlines():
                step = step_of(json.loads(line))
                if step is not None:
                    yield step


async def websocket_plain(reader: Reader, url: str) -> AsyncGenerator[Step]:
    """The plain dialect: everything in the query string."""
    where = f"{_ws(url)}?{urlencode([*reader.query, ('cursor', str(reader.place))])}"
    async with connect(
        where, max_size=None, open_timeout=SILENCE_S, close_timeout=_GOODBYE_S, max_queue=4, proxy=None
    ) as socket:
        yield Opened(reader.place)
        while True:
            step = step_of(json.loads(await asyncio.wait_for(_received(socket), SILENCE_S)))
            if step is not None:
                yield step


async def server_sent(reader: Reader, url: str) -> AsyncGenerator[Step]:
    async with (
        httpx.AsyncClient(trust_env=False, timeout=SILENCE_S) as client,
        client.stream(
            "GET",
            f"{url}/api/events/stream?{urlencode(reader.query)}",
            headers={"Last-Event-ID": str(reader.place)},
        ) as response,
    ):
        if response.status_code != httpx.codes.OK:
            raise _refusal(response.status_code, (await response.aread()).decode())
        yield Opened(reader.place)
        async for line in response.aiter_lines():
            if line.startswith("data: "):
                step = step_of(json.loads(line[6:]))
                if step is not None:
                    yield step


async def rest(reader: Reader, url: str) -> AsyncGenerator[Step]:
    """`GET /api/events`, page by page."""
    async with httpx.AsyncClient(trust_env=False, timeout=SILENCE_S) as client:
        yield Opened(reader.place)
        while True:
            limit = reader.rng.randint(1, 400)
            answer = await client.get(
                f"{url}/api/events", params={"after": str(reader.place), "limit": limit}
            )
            if answer.status_code == httpx.codes.GONE:
                head = await client.get(f"{url}/api/events")
                if head.status_code != httpx.codes.OK:
                    raise _refusal(head.status_code, head.text)
                yield Reset(answer.json()["code"], Cursor.parse(head.json()["cursor"]))
                continue
            if answer.status_code != httpx.codes.OK:
                raise _refusal(answer.status_code, answer.text)
            for message in answer.json()["events"]:
                step = step_of(message)
                if step is not None:
                    yield step
            await asyncio.sleep(0.1)


def sql(database_url: Callable[[], str]) -> Stream:
    """`tailboard.read()`, on a connection of its own."""

    async def read(reader: Reader, _: str) -> AsyncGenerator[Step]:
        async with await psycopg.AsyncConnection.connect(database_url(), autocommit=True) as connection:
            yield Opened(reader.place)
            while True:
                try:
                    rows = await (
                        await connection.execute(
                            'SELECT "cursor", type, source, job_id, change, job FROM tailboard.read(%s, %s)',
                            [str(reader.place), reader.rng.randint(1, 400)],
                        )
                    ).fetchall()
                except errors.InvalidParameterValue as error:
                    raise Violation(f"a cursor that was given out is refused: {error}") from error
                for cursor, kind, source, job_id, change, job in rows:
                    if kind == "reset":
                        yield Reset(change["reason"], Cursor.parse(cursor))
                    elif kind == SOURCE_RESET:
                        yield Reset(kind, Cursor.parse(cursor), source)
                    else:
                        seen = Seen(kind, job_name(source, job_id), job["queue"], job["phase"])
                        yield Got(Cursor.parse(cursor), seen, None)
                await asyncio.sleep(0.1)

    return read


def _refusal(status: int, text: str) -> Exception:
    if status >= 500 or status == httpx.codes.TOO_MANY_REQUESTS:
        return Refused(text)
    return Violation(f"a cursor that was given out is refused: {status} {text}")


async def _received(socket: Any) -> str:
    try:
        return str(await socket.recv())
    except ConnectionClosed as closed:
        code = None if closed.rcvd is None else closed.rcvd.code
        if code is not None and (code == 1008 or 4500 <= code < 5000):
            raise Violation(f"told not to come back: {closed}") from closed
        raise


def _ws(url: str) -> str:
    return f"{url.replace('http', 'ws', 1)}/api/ws/jobs"
