"""The feed against servers that close, refuse, reset and go away, over real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from http import HTTPStatus

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from tailboard.client import (
    Backoff,
    CaughtUp,
    Disconnected,
    Feed,
    JobEvent,
    Message,
    Reset,
    ServerRefused,
    ServerUnreachable,
    Stats,
    Subscribed,
)
from tailboard.errors import AccessDenied, InvalidCursor, InvalidFilter

SOON = Backoff(first=0.001, limit=0.002)

Script = Callable[[ServerConnection, dict[str, object]], Awaitable[None]]


def line(kind: str, **fields: object) -> str:
    return json.dumps({"type": kind, **fields})


def event(cursor: str, kind: str = "job_updated", job_id: int = 1) -> str:
    card = {"source": "jobs", "id": job_id, "kind": "mail.welcome", "status": "pending", "new_column": 1}
    return line(
        kind,
        source="jobs",
        job=card,
        change={"from": None, "to": "pending"},
        version=7,
        at="2026-11-22T19:05:00.123456Z",
        cursor=cursor,
    )


@asynccontextmanager
async def server(*scripts: Script) -> AsyncIterator[str]:
    """A server that plays one script per connection, after its welcome and the client's subscribe."""
    waiting = iter(scripts)

    async def play(connection: ServerConnection) -> None:
        script = next(waiting)
        await connection.send(line("welcome", session="s", ping_s=25, cursor="3.999", epoch=3))
        await script(connection, json.loads(await connection.recv()))

    async with serve(play, "127.0.0.1", 0, subprotocols=[Subprotocol("tailboard.v1")]) as listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


async def collect(feed: Feed, until: Callable[[Message], bool]) -> list[Message]:
    seen: list[Message] = []
    async with asyncio.timeout(10), aclosing(feed.messages()) as messages:
        async for message in messages:
            seen.append(message)
            if until(message):
                return seen
    raise AssertionError("the feed ended")


async def test_it_goes_on_after_the_last_event_it_handed_out() -> None:
    asked: list[object] = []

    async def first(connection: ServerConnection, subscribe: dict[str, object]) -> None:
        asked.append(subscribe)
        await connection.send(line("subscribed", cursor="3.10", recovered=False))
        await connection.send(event("3.11") + "\n" + event("3.12"))
        await connection.close(1012)

    async def second(connection: ServerConnection, subscribe: dict[str, object]) -> None:
        asked.append(subscribe)
        await connection.send(line("subscribed", cursor="3.12", recovered=True))
        await connection.send(event("3.13"))

    async with server(first, second) as url:
        feed = Feed(url, filter={"eq": {"queue": "mail"}}, backoff=SOON)
        seen = await collect(feed, lambda m: isinstance(m, JobEvent) and m.cursor == "3.13")
    assert asked == [
        {"type": "subscribe", "filter": {"eq": {"queue": "mail"}}},
        {"type": "subscribe", "filter": {"eq": {"queue": "mail"}}, "cursor": "3.12"},
    ]
    assert [m.cursor for m in seen if isinstance(m, JobEvent)] == ["3.11", "3.12", "3.13"]
    assert [m.reason for m in seen if isinstance(m, Disconnected)] == [
        "the server closed the connection with 1012"
    ]


async def test_what_is_said_before_it_follows_anything_moves_no_place() -> None:
    asked: list[object] = []

    async def first(connection: ServerConnection, subscribe: dict[str, object]) -> None:
        await connection.send(line("heartbeat", cursor="3.999", lag_ms=2500.0))
        await connection.send(line("error", code="database_unavailable", message="later", retryable=True))
        await connection.close(4013)

    async def second(connection: ServerConnection, subscribe: dict[str, object]) -> None:
        asked.append(subscribe["cursor"])
        await connection.send(line("subscribed", cursor="3.10", recovered=True))

    async with server(first, second) as url:
        await collect(Feed(url, cursor="3.10", backoff=SOON), lambda m: isinstance(m, Subscribed))
    assert asked == ["3.10"]


async def test_without_any_event_it_goes_on_from_where_it_was_subscribed() -> None:
    async def first(connection: ServerConnection, subscribe: dict[str, object]) -> None:
        await connection.send(line("subscribed", cursor="3.10"))
        await connection.send(line("stats_updated", stats={"pending": 1, "total": 1}, cursor="3.500"))
        connection.transport.abort()

    asked: list[object] = []

    async def second(connection: ServerConnection, subscribe: dict[str, object]) -> None:
        asked.append(subscribe.get("cursor"))
        await connection.send(line("caught_up", cursor="3.10"))

    async with server(first, second) as url:
        seen = await collect(Feed(url, backoff=SOON), lambda m: isinstance(m, CaughtUp))
    assert asked == ["3.10"]
    assert Stats in {type(m) for m in seen}


async def test_a_reset_moves_the_cursor_and_is_handed_out() -> None:
    async def first(connection: ServerConnection, subscribe: dict[str, object]) -> None:
        await connection.send(line("reset", reason="cursor_expired", cursor="4.0"))
        await connection.close(4001)

    asked: list[object] = []

    async def second(connection: ServerConnection, subscribe: dict[str, object]) -> None:
        asked.append(subscribe.get("cursor"))
        await connection.send(line("subscribed", cursor="4.0"))

    async with server(first, second) as url:
        feed = Feed(url, cursor="2.5", backoff=SOON)
        seen = await collect(feed, lambda m: isinstance(m, Subscribed))
    assert [m.reason for m in seen if isinstance(m, Reset)] == ["cursor_expired"]
    assert asked == ["4.0"]


async def test_an_event_keeps_the_line_the_server_wrote_and_reads_its_job() -> None:
    async def only(connection: ServerConnection, subscribe: dict[str, object]) -> None:
        await connection.send(line("a_type_of_next_year", x=1) + "\n" + event("3.11", "job_started"))

    async with server(only) as url:
        seen = await collect(Feed(url, backoff=SOON), lambda m: isinstance(m, JobEvent))
    got = seen[-1]
    assert isinstance(got, JobEvent)
    assert got.line.decode() == event("3.11", "job_started")
    assert (got.job.id, got.job.kind, got.change.old, got.change.new) == (1, "mail.welcome", None, "pending")


@pytest.mark.parametrize(
    ("code", "error"),
    [(1008, AccessDenied), (1003, ServerRefused), (4500, ServerRefused), (4999, ServerRefused)],
)
async def test_a_close_that_says_do_not_come_back_is_an_error(code: int, error: type[Exception]) -> None:
    async def only(connection: ServerConnection, subscribe: dict[str, object]) -> None:
        await connection.close(code, "for this reason")

    async with server(only) as url:
        with pytest.raises(error, match="for this reason"):
            await collect(Feed(url, backoff=SOON), lambda _: False)


@pytest.mark.parametrize("reason", ["", "not allowed: this board needs its token"])
async def test_a_close_for_want_of_the_token_says_where_to_put_it(reason: str) -> None:
    async def only(connection: ServerConnection, subscribe: dict[str, object]) -> None:
        await connection.close(1008, reason)

    async with server(only) as url:
        with pytest.raises(AccessDenied, match="set TAILBOARD_TOKEN"):
            await collect(Feed(url, backoff=SOON), lambda _: False)


@pytest.mark.parametrize(
    ("code", "error"),
    [("invalid_filter", InvalidFilter), ("invalid_cursor", InvalidCursor), ("unheard_of", ServerRefused)],
)
async def test_an_error_that_is_not_retryable_is_raised(code: str, error: type[Exception]) -> None:
    async def only(connection: ServerConnection, subscribe: dict[str, object]) -> None:
        await connection.send(line("error", code=code, message="what to do", retryable=False))
        await connection.wait_closed()

    async with server(only) as url:
        with pytest.raises(error, match="what to do"):
            await collect(Feed(url, backoff=SOON), lambda _: False)


async def test_a_retryable_error_sets_the_least_time_to_wait() -> None:
    async def busy(connection: ServerConnection, subscribe: dict[str, object]) -> None:
        await connection.send(
            line("error", code="overloaded", message="later", retryable=True, retry_after_ms=60_000)
        )
        await connection.close(4003)

    async with server(busy) as url:
        seen = await collect(Feed(url, backoff=SOON), lambda m: isinstance(m, Disconnected))
    assert isinstance(seen[-1], Disconnected)
    assert seen[-1].retry_s == 60


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        (HTTPStatus.UNAUTHORIZED, AccessDenied, "answered 401: check the address"),
        (HTTPStatus.FORBIDDEN, AccessDenied, "answered 403: check the address"),
        (HTTPStatus.UPGRADE_REQUIRED, ServerRefused, "a proxy before the board passes no WebSocket upgrades"),
        (HTTPStatus.NOT_FOUND, ServerRefused, "answered 404; is that a Tailboard server"),
    ],
)
async def test_a_refused_handshake_is_an_error(status: HTTPStatus, error: type[Exception], says: str) -> None:
    def refuse(connection: ServerConnection, request: Request) -> Response:
        return connection.respond(status, "no\n")

    async def never(_: ServerConnection) -> None:
        raise AssertionError

    async with serve(never, "127.0.0.1", 0, process_request=refuse) as listening:
        port = listening.sockets[0].getsockname()[1]
        with pytest.raises(error, match=says):
            await collect(Feed(f"http://127.0.0.1:{port}", backoff=SOON), lambda _: False)


async def test_the_token_travels_in_a_header_and_not_in_the_address() -> None:
    requests: list[Request] = []

    async def note(connection: ServerConnection) -> None:
        assert connection.request is not None
        requests.append(connection.request)
        await connection.close(1008)

    async with serve(note, "127.0.0.1", 0, subprotocols=[Subprotocol("tailboard.v1")]) as listening:
        port = listening.sockets[0].getsockname()[1]
        with pytest.raises(AccessDenied):
            await collect(Feed(f"http://127.0.0.1:{port}", token="s3cret", backoff=SOON), lambda _: False)
    assert requests[0].headers["Authorization"] == "Bearer s3cret"
    assert "s3cret" not in requests[0].path


async def test_a_server_that_speaks_no_tls_is_told_from_none() -> None:
    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        with pytest.raises(ServerUnreachable, match=r"cannot be reached by TLS: .*; check the scheme"):
            await collect(Feed(f"https://127.0.0.1:{port}", backoff=SOON), lambda _: False)


async def test_nothing_there_is_an_error_at_first_and_a_reason_to_wait_later(unused_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}"
    with pytest.raises(ServerUnreachable, match="tailboard up"):
        await collect(Feed(url, backoff=SOON), lambda _: False)
    seen = await collect(Feed(url, backoff=SOON, patient=True), lambda m: isinstance(m, Disconnected))
    assert isinstance(seen[0], Disconnected)


async def test_a_server_without_the_protocol_is_refused() -> None:
    async def silent(connection: ServerConnection) -> None:
        await connection.wait_closed()

    async with serve(silent, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        with pytest.raises(ServerRefused, match=r"tailboard\.v1"):
            await collect(Feed(f"http://127.0.0.1:{port}", backoff=SOON), lambda _: False)
