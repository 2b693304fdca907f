"""Server-sent events on a real server: for EventSource, and for `curl -N`."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from delivery_rig import Address, Feed, eventually, make_event, serving
from tailboard.core.change import Op
from tailboard.live.limits import HubLimits
from tailboard.web import http
from tailboard.web.access import Access


class Stream:
    """Reads as the standard says: fields to a blank line, an event when there is data."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def next(self) -> dict[str, str]:
        fields: dict[str, str] = {}
        async with asyncio.timeout(5):
            async for line in self._lines:
                if line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif "data" in fields:
                    return fields
                else:
                    fields = {}
        raise EOFError

    async def until(self, kind: str) -> list[dict[str, str]]:
        found = [await self.next()]
        while found[-1]["event"] != kind:
            found.append(await self.next())
        return found


@asynccontextmanager
async def stream(address: Address, query: str = "", **headers: str) -> AsyncIterator[Stream]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        httpx.AsyncClient() as client,
        client.stream("GET", f"{address.http}/api/events/stream{query}", headers=named) as response,
    ):
        yield Stream(response)


@asynccontextmanager
async def never_reading(address: Address, query: str = "") -> AsyncIterator[socket.socket]:
    """A stream whose owner asks for everything; nothing of it is read here."""
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        await loop.sock_connect(client, (address.host, address.port))
        await loop.sock_sendall(
            client, f"GET /api/events/stream{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        )
        yield client


async def test_an_event_has_its_cursor_as_id_and_its_type_as_name() -> None:
    feed = Feed()
    async with serving(feed) as address, stream(address) as events:
        assert events.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert events.response.headers["cache-control"] == "no-store"
        assert (await events.next())["event"] == "stats_updated"
        feed.burst(2)
        first, second, stats = [await events.next() for _ in range(3)]
        assert (first["id"], first["event"]) == ("1.1", "job_started")
        assert json.loads(first["data"])["cursor"] == "1.1"
        assert (second["id"], stats["event"]) == ("1.2", "stats_updated")


@pytest.mark.parametrize(
    ("query", "headers", "first"),
    [
        ("?cursor=1.2", {}, "1.3"),
        ("", {"Last_Event_ID": "1.3"}, "1.4"),
        ("?cursor=1.1", {"Last_Event_ID": "1.3"}, "1.4"),
    ],
)
async def test_it_resumes_and_last_event_id_wins(query: str, headers: dict[str, str], first: str) -> None:
    feed = Feed()
    feed.burst(5)
    async with serving(feed) as address, stream(address, query, **headers) as events:
        found = await events.until("stats_updated")
        assert found[0]["id"] == first
        assert found[-2]["id"] == "1.5"


async def test_it_filters_and_tells_what_left() -> None:
    feed = Feed()
    async with serving(feed) as address, stream(address, "?status=failed") as events:
        await events.until("stats_updated")
        feed.publish(
            make_event(1, old="in_progress", new="failed"),
            make_event(2, job=2),
            make_event(3, old="failed", new="pending"),
            make_event(4, op=Op.RESET, old=None, new=None),
        )
        found = await events.until("reset")
        assert [(event["event"], event["id"]) for event in found] == [
            ("job_failed", "1.1"),
            ("left", "1.3"),
            ("reset", "1.4"),
        ]


async def test_it_takes_a_filter_tree_in_the_query_string() -> None:
    feed = Feed()
    async with serving(feed) as address, stream(address, '?filter={"prefix":{"kind":"mail."}}') as events:
        await events.until("stats_updated")
        feed.publish(make_event(1, kind="post.send"), make_event(2, kind="mail.send"))
        assert (await events.next())["id"] == "1.2"


async def test_a_cursor_that_cannot_be_continued_is_a_reset_event() -> None:
    feed = Feed(HubLimits(recent_bytes=0))
    feed.log.floor = 10
    feed.publish(make_event(11))
    async with serving(feed) as address, stream(address, Last_Event_ID="1.2") as events:
        reset = await events.next()
        assert (reset["event"], reset["id"]) == ("reset", "1.11")
        assert json.loads(reset["data"])["reason"] == "cursor_expired"


async def test_heartbeats_are_named_events() -> None:
    feed = Feed(HubLimits(heartbeat_s=0.2))
    async with serving(feed) as address, stream(address) as events:
        heartbeat = (await events.until("heartbeat"))[-1]
        assert (heartbeat["id"], json.loads(heartbeat["data"])["lag_ms"]) == ("1.0", 1.2)


async def test_it_ends_cleanly_when_the_hub_closes() -> None:
    feed = Feed()
    async with serving(feed) as address, stream(address) as events:
        await events.until("stats_updated")
        feed.burst(1)
        feed.hub.close()
        assert (await events.next())["id"] == "1.1"
        with pytest.raises(EOFError):
            await events.next()


async def test_a_client_that_leaves_is_forgotten() -> None:
    feed = Feed()
    async with serving(feed) as address:
        async with stream(address) as events:
            await events.until("stats_updated")
            assert feed.hub.connected == 1
        await eventually(lambda: feed.hub.connected == 0)
        feed.burst(1)


async def test_nothing_more_is_read_for_a_client_that_left_in_the_middle_of_what_it_missed() -> None:
    feed = Feed()
    feed.record(make_event(n) for n in range(1, 50_001))
    feed.hub.begin(feed.log.head)
    async with serving(feed) as address:
        async with never_reading(address, "?cursor=1.0") as client:
            await asyncio.get_running_loop().sock_recv(client, 100)
        await eventually(lambda: feed.hub.connected == 0)
    assert feed.hub.counters.replayed < 25_000


async def test_a_slow_client_is_bounded_and_ended_after_the_grace_time() -> None:
    feed = Feed(HubLimits(mailbox_bytes=50_000, grace_s=0.4))
    loop = asyncio.get_running_loop()
    async with serving(feed) as address:
        async with never_reading(address):
            async with asyncio.timeout(20):
                while not feed.hub.counters.closed_slow:
                    feed.burst(50, padding=2000)
                    assert all(info.queued_bytes <= 50_000 for info in feed.hub.connections())
                    await asyncio.sleep(0.001)
            await eventually(lambda: feed.hub.connected == 0)
        began = loop.time()
    assert loop.time() - began < 5


async def test_a_client_that_never_reads_its_end_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    feed = Feed(HubLimits(mailbox_bytes=50_000, grace_s=0.2))
    async with serving(feed) as address, never_reading(address):
        while not feed.hub.counters.closed_slow:
            feed.burst(50, padding=2000)
            await asyncio.sleep(0.001)
        await eventually(lambda: address.sockets() == 0)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_small_answers_of_which_nothing_is_taken_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Together they are too few for the server to wait before it writes the next."""
    monkeypatch.setattr(http, "TAKEN_WITHIN_S", 0.2)
    async with serving(Feed(), send_buffer=4096) as address:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, (address.host, address.port))
            for _ in range(100):
                await loop.sock_sendall(client, b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await eventually(lambda: address.sockets() == 1)
            await loop.sock_sendall(client, b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
            await eventually(lambda: address.sockets() == 0)


async def test_an_answer_of_which_nothing_is_taken_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "TAKEN_WITHIN_S", 0.2)
    feed = Feed()
    async with serving(feed) as address, never_reading(address):
        await eventually(lambda: feed.hub.connected == 1)
        async with asyncio.timeout(20):
            while address.sockets():
                feed.burst(50, padding=2000)
                await asyncio.sleep(0.001)
        await eventually(lambda: feed.hub.connected == 0)


BAD = {
    "an unknown field": ("?quue=a", {}, 400, "invalid_filter"),
    "a tree that is no JSON": ("?filter=[", {}, 400, "invalid_filter"),
    "a garbage cursor": ("?cursor=x", {}, 400, "invalid_cursor"),
    "a garbage id": ("", {"Last_Event_ID": "x"}, 400, "invalid_cursor"),
    "a future cursor": ("?cursor=1.99", {}, 400, "invalid_cursor"),
    "an epoch to come": ("?cursor=9.1", {}, 400, "invalid_cursor"),
    "a foreign host name": ("", {"Host": "evil.example"}, 403, "foreign_host"),
    "a foreign origin": ("", {"Origin": "https://evil.example"}, 403, "foreign_origin"),
}


@pytest.mark.parametrize(("query", "headers", "status", "code"), BAD.values(), ids=BAD.keys())
async def test_a_bad_request_is_a_problem_document(
    query: str, headers: dict[str, str], status: int, code: str
) -> None:
    async with serving(Feed()) as address, stream(address, query, **headers) as events:
        body: dict[str, Any] = json.loads(await events.response.aread())
        assert (events.response.status_code, body["code"]) == (status, code)
        assert events.response.headers["content-type"] == "application/problem+json"


async def test_it_needs_the_token_where_there_is_one() -> None:
    feed = Feed()
    async with serving(feed, Access(token="secret")) as address:
        async with stream(address) as events:
            assert events.response.status_code == 401
            assert json.loads(await events.response.aread())["code"] == "unauthorized"
        async with stream(address, "?token=secret") as events:
            assert (await events.next())["event"] == "stats_updated"


async def test_other_methods_are_refused() -> None:
    async with serving(Feed()) as address, httpx.AsyncClient() as client:
        refused = await client.post(f"{address.http}/api/events/stream")
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


async def test_head_tells_what_a_stream_is_and_ends() -> None:
    async with serving(Feed()) as address, httpx.AsyncClient() as client:
        asked = await client.head(f"{address.http}/api/events/stream")
        assert (asked.status_code, asked.headers["cache-control"]) == (200, "no-store")
        assert asked.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert asked.headers["x-accel-buffering"] == "no", "or nginx would hold events back"
        assert (await client.head(f"{address.http}/api/events/stream?cursor=x")).status_code == 400


async def test_too_many_connections_are_told_to_come_back_later() -> None:
    feed = Feed(HubLimits(connections=1))
    async with serving(feed) as address, stream(address) as first:
        await first.until("stats_updated")
        async with stream(address) as second:
            assert second.response.status_code == 503
            assert "retry-after" in second.response.headers
