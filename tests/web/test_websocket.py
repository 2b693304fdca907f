"""The WebSocket on a real server and real sockets, with the wire and over plain ASGI."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import httpx
import pytest
import websockets
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from delivery_rig import Address, Feed, eventually, make_event, serving
from tailboard.errors import DatabaseUnavailable
from tailboard.live.limits import HubLimits
from tailboard.web import websocket
from tailboard.web.access import Access
from tailboard.web.websocket import JobsSocket

V1 = websockets.Subprotocol("tailboard.v1")
AUTH = '{"type":"auth","token":"secret"}'


@pytest.fixture(params=[True, False], ids=["wire", "asgi"])
def wire(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@asynccontextmanager
async def full(address: Address, query: str = "", **options: Any) -> AsyncIterator[ClientConnection]:
    async with connect(address.ws + query, subprotocols=[V1], **options) as client:
        assert client.subprotocol == V1
        yield client


async def frame(client: ClientConnection) -> list[dict[str, Any]]:
    """The messages of the next frame."""
    async with asyncio.timeout(5):
        text = await client.recv()
    assert isinstance(text, str)
    return [json.loads(line) for line in text.split("\n")]


async def until(client: ClientConnection, kind: str) -> list[dict[str, Any]]:
    """All messages up to the first of this type, which is the last of them."""
    found: list[dict[str, Any]] = []
    while True:
        for message in await frame(client):
            found.append(message)
            if message["type"] == kind:
                return found


async def closed(client: ClientConnection) -> ConnectionClosed:
    async with asyncio.timeout(5):
        while True:
            try:
                await client.recv()
            except ConnectionClosed as error:
                return error


async def close_code(client: ClientConnection) -> int:
    """What the server says on closing."""
    said = (await closed(client)).rcvd
    assert said is not None, "cut off, not closed"
    return said.code


async def rest(client: ClientConnection) -> tuple[list[dict[str, Any]], int]:
    """All messages up to the end, and what the server says on closing."""
    found: list[dict[str, Any]] = []
    try:
        while True:
            found += await frame(client)
    except ConnectionClosed:
        return found, await close_code(client)


async def test_the_plain_dialect_is_one_json_object_a_frame(wire: bool) -> None:
    feed = Feed()
    async with serving(feed, wire=wire) as address, connect(address.ws) as client:
        assert client.subprotocol is None
        assert (await frame(client))[0]["type"] == "stats_updated"
        feed.burst(3)
        found = [await frame(client) for _ in range(4)]
        assert [len(messages) for messages in found] == [1, 1, 1, 1]
        assert [messages[0]["type"] for messages in found] == ["job_started"] * 3 + ["stats_updated"]
        assert [messages[0]["cursor"] for messages in found] == ["1.1", "1.2", "1.3", "1.3"]
        await client.send("ping")
        async with asyncio.timeout(5):
            assert await client.recv() == "pong"


async def test_the_plain_dialect_filters_and_resumes_by_its_query_string(wire: bool) -> None:
    feed = Feed()
    for n in range(1, 7):
        feed.publish(make_event(n, queue="ab"[n % 2]))
    async with serving(feed, wire=wire) as address, connect(f"{address.ws}?queue=b&cursor=1.2") as client:
        assert [m["cursor"] for m in await until(client, "stats_updated")][:-1] == ["1.3", "1.5"]


async def test_the_full_dialect_welcomes_subscribes_replays_and_goes_live(wire: bool) -> None:
    feed = Feed()
    feed.burst(5)
    async with serving(feed, wire=wire) as address, full(address) as client:
        (welcome,) = await frame(client)
        assert welcome == {
            "type": "welcome",
            "session": welcome["session"],
            "ping_s": 25,
            "cursor": "1.5",
            "epoch": 1,
        }
        await client.send('{"type":"subscribe","filter":{},"cursor":"1.2"}')
        found = await until(client, "caught_up")
        assert found[0] == {"type": "subscribed", "cursor": "1.2", "recovered": True}
        assert [m["cursor"] for m in found[1:-1]] == ["1.3", "1.4", "1.5"]
        assert found[-1]["cursor"] == "1.5"
        assert (await until(client, "stats_updated"))[-1]["cursor"] == "1.5"
        feed.burst(20)
        tick = await frame(client)
        assert [m["cursor"] for m in tick] == [*(f"1.{n}" for n in range(6, 26)), "1.25"]


async def test_the_full_dialect_subscribes_by_its_query_string_too(wire: bool) -> None:
    feed = Feed()
    async with serving(feed, wire=wire) as address, full(address, "?status=failed") as client:
        await until(client, "caught_up")
        assert feed.hub.connections()[0].filter == {"eq": {"status": "failed"}}


async def test_subscribing_again_replaces_the_filter(wire: bool) -> None:
    feed = Feed()
    async with serving(feed, wire=wire) as address, full(address, "?queue=a") as client:
        await until(client, "caught_up")
        await client.send('{"type":"subscribe","filter":{"eq":{"queue":"b"}}}')
        await until(client, "caught_up")
        feed.publish(make_event(1, queue="a"), make_event(2, queue="b"))
        assert (await until(client, "job_started"))[-1]["cursor"] == "1.2"


async def test_pings_are_answered_in_both_ways(wire: bool) -> None:
    async with serving(Feed(), wire=wire) as address, full(address) as client:
        await client.send('{"type":"ping"}')
        assert (await until(client, "pong"))[-1] == {"type": "pong"}
        await client.send("ping")
        assert await client.recv() == "pong"


async def test_heartbeats_come_without_being_asked_for(wire: bool) -> None:
    feed = Feed(HubLimits(heartbeat_s=0.2))
    async with serving(feed, wire=wire) as address, full(address) as client:
        assert (await frame(client))[0]["ping_s"] == 0.2
        assert (await until(client, "heartbeat"))[-1] == {"type": "heartbeat", "cursor": "1.0", "lag_ms": 1.2}


async def test_a_cursor_below_retention_is_a_reset_and_the_stream_goes_on(wire: bool) -> None:
    feed = Feed(HubLimits(recent_bytes=0))
    feed.log.floor = 10
    feed.publish(make_event(11))
    async with serving(feed, wire=wire) as address, full(address, "?cursor=1.3") as client:
        found = await until(client, "caught_up")
        assert [m["type"] for m in found] == ["welcome", "subscribed", "reset", "caught_up"]
        assert found[2] == {"type": "reset", "reason": "cursor_expired", "cursor": "1.11"}
        feed.publish(make_event(12))
        assert (await until(client, "job_started"))[-1]["cursor"] == "1.12"


async def test_shutdown_closes_with_1012_after_what_was_published(wire: bool) -> None:
    feed = Feed()
    async with serving(feed, wire=wire) as address, connect(address.ws) as plain, full(address) as v1:
        await until(plain, "stats_updated")
        feed.burst(2)
        feed.hub.close()
        assert [m["cursor"] for m in await until(plain, "job_started")] == ["1.1"]
        assert await close_code(plain) == 1012
        assert await close_code(v1) == 1012


async def test_a_client_that_leaves_is_forgotten(wire: bool) -> None:
    feed = Feed()
    async with serving(feed, wire=wire) as address:
        async with connect(address.ws) as client:
            await until(client, "stats_updated")
            assert feed.hub.connected == 1
            client.transport.abort()
        await eventually(lambda: feed.hub.connected == 0)
        feed.burst(1)


async def test_too_many_connections_are_told_to_come_back_later(wire: bool) -> None:
    feed = Feed(HubLimits(connections=1))
    async with serving(feed, wire=wire) as address, connect(address.ws) as first:
        async with connect(address.ws) as second:
            assert await close_code(second) == 4429
        assert (await frame(first))[0]["type"] == "stats_updated"


async def test_plain_http_is_told_to_upgrade() -> None:
    async with serving(Feed()) as address, httpx.AsyncClient() as client:
        refused = await client.get(f"{address.http}/api/ws/jobs")
        assert (refused.status_code, refused.json()["code"]) == (426, "upgrade_required")
        assert (refused.headers["upgrade"], refused.headers["connection"]) == ("websocket", "upgrade")


TOKEN = Access(token="secret")


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("?token=secret", {}),
        ("", {"Authorization": "Bearer secret"}),
        ("", {"X-API-Key": "secret"}),
    ],
)
async def test_a_token_opens_the_board(wire: bool, query: str, headers: dict[str, str]) -> None:
    async with (
        serving(Feed(), TOKEN, wire=wire) as address,
        connect(address.ws + query, additional_headers=headers) as client,
    ):
        assert (await frame(client))[0]["type"] == "stats_updated"


async def test_a_token_may_be_the_first_frame(wire: bool) -> None:
    async with serving(Feed(), TOKEN, wire=wire) as address, full(address) as client:
        await client.send(AUTH)
        assert (await frame(client))[0]["type"] == "welcome"


async def test_a_token_that_came_in_time_lifts_the_limit() -> None:
    said = iter([{"type": "websocket.connect"}, {"type": "websocket.receive", "text": AUTH}])
    told: list[str] = []

    async def receive() -> dict[str, str]:
        """What a client says in the same turn of the event loop as it is asked; then it listens for some, and goes."""
        message = next(said, None)
        if message is None:
            for _ in range(10):
                await asyncio.sleep(0)
        return message or {"type": "websocket.disconnect"}

    async def send(message: Any) -> None:
        told.append(message["type"])

    feed = Feed()
    scope = {"type": "websocket", "subprotocols": [V1], "headers": [], "query_string": b""}
    await JobsSocket(feed.hub, TOKEN, auth_s=0.0)(scope, receive, send)
    assert "websocket.close" not in told


async def test_a_later_token_has_to_be_right_as_well(wire: bool) -> None:
    async with serving(Feed(), TOKEN, wire=wire) as address, full(address) as client:
        await client.send(AUTH)
        await until(client, "welcome")
        await client.send('{"type":"auth","token":"wrong"}')
        assert await close_code(client) == 1008


async def test_a_token_in_the_address_asks_for_nothing(wire: bool) -> None:
    async with serving(Feed(), TOKEN, wire=wire) as address, full(address, "?token=secret") as client:
        await client.send('{"type":"ping"}')
        assert [message["type"] for message in await until(client, "pong")] == ["welcome", "pong"]


@pytest.mark.parametrize("query", ["?token=wrong", "?token=", "?token=%FF"])
async def test_a_wrong_token_is_closed_with_1008(wire: bool, query: str) -> None:
    async with serving(Feed(), TOKEN, wire=wire) as address, connect(address.ws + query) as client:
        assert (await frame(client))[0]["code"] == "unauthorized"
        assert await close_code(client) == 1008


@pytest.mark.parametrize(
    "first", ['{"type":"auth","token":"wrong"}', '{"type":"ping"}', "ping", b"\x00", "{"]
)
async def test_a_first_frame_that_is_not_the_token_is_closed_with_1008(
    wire: bool, first: str | bytes
) -> None:
    async with serving(Feed(), TOKEN, wire=wire) as address, connect(address.ws) as client:
        await client.send(first)
        assert (await frame(client))[0]["code"] == "unauthorized"
        assert await close_code(client) == 1008


@pytest.mark.parametrize("subprotocols", [[], [websockets.Subprotocol("tailboard.v1")]])
async def test_no_token_in_time_is_closed_with_1008_and_told_nothing_before(
    wire: bool, subprotocols: list[websockets.Subprotocol]
) -> None:
    feed = Feed(HubLimits(heartbeat_s=0.05, stats_interval_s=0.05))
    async with (
        serving(feed, TOKEN, wire=wire, auth_s=0.5) as address,
        connect(address.ws, subprotocols=subprotocols or None) as client,
    ):
        feed.publish(make_event(1))
        with pytest.raises(websockets.ConnectionClosed) as closing:
            pytest.fail(f"it was told {await client.recv()!r}")
        assert closing.value.rcvd is not None
        assert closing.value.rcvd.code == 1008


async def test_a_foreign_origin_is_closed_with_1008(wire: bool) -> None:
    async with (
        serving(Feed(), wire=wire) as address,
        connect(address.ws, origin=websockets.Origin("https://evil.example")) as client,
    ):
        assert await close_code(client) == 1008


async def test_a_foreign_host_name_is_closed_with_1008(wire: bool) -> None:
    async with serving(Feed(), wire=wire) as address:
        evil = address.ws.replace(address.host, "evil.example")
        async with connect(evil, host=address.host, port=address.port, proxy=None) as client:
            assert await close_code(client) == 1008


async def test_our_own_origin_is_welcome(wire: bool) -> None:
    async with serving(Feed(), wire=wire) as address:
        origin = websockets.Origin(f"http://{address.host}:{address.port}")
        async with connect(address.ws, origin=origin) as client:
            assert (await frame(client))[0]["type"] == "stats_updated"


BAD_MESSAGES = {
    "malformed JSON": ("{", "invalid_frame", "not valid JSON"),
    "not an object": ("[]", "invalid_frame", "object"),
    "a bare word": ("hello", "invalid_frame", "not valid JSON"),
    "empty": ("", "invalid_frame", "not valid JSON"),
    "no type": ("{}", "invalid_frame", "type"),
    "a type that is no text": ('{"type":1}', "invalid_frame", "type"),
    "an unknown type": ('{"type":"publish"}', "invalid_frame", "publish"),
    "an unknown key": ('{"type":"subscribe","fliter":{}}', "invalid_frame", "fliter"),
    "a filter that is no object": ('{"type":"subscribe","filter":[]}', "invalid_frame", "$.filter"),
    "a cursor that is no text": ('{"type":"subscribe","cursor":3}', "invalid_frame", "$.cursor"),
    "an unknown filter field": (
        '{"type":"subscribe","filter":{"eq":{"colour":"red"}}}',
        "invalid_filter",
        "'colour'",
    ),
    "an unknown operator": ('{"type":"subscribe","filter":{"like":{}}}', "invalid_filter", "'like'"),
    "a deep filter": (
        '{"type":"subscribe","filter":' + '{"not":' * 30 + '{"eq":{"queue":"a"}}' + "}" * 31,
        "invalid_filter",
        "deep",
    ),
    "deeper than any parser": (
        '{"type":"subscribe","filter":' + '{"a":' * 9000,
        "invalid_frame",
        "not valid",
    ),
    "brackets without end": ("[" * 60_000, "invalid_frame", ""),
    "a garbage cursor": ('{"type":"subscribe","cursor":"yesterday"}', "invalid_cursor", "not a cursor"),
    "a future cursor": ('{"type":"subscribe","cursor":"1.999"}', "invalid_cursor", "ahead"),
    "a cursor of an epoch to come": ('{"type":"subscribe","cursor":"9.1"}', "invalid_cursor", "ahead"),
    "a binary message": (b'{"type":"ping"}', "invalid_frame", "text, not binary"),
    "half a character": ('{"type":"subscribe","filter":{"eq":{"queue":"\\ud800"}}}', "invalid_f", ""),
}


@pytest.mark.parametrize(("text", "code", "message"), BAD_MESSAGES.values(), ids=BAD_MESSAGES.keys())
async def test_a_bad_message_is_answered_and_harms_nobody(
    wire: bool, text: str | bytes, code: str, message: str
) -> None:
    feed = Feed()
    async with serving(feed, wire=wire) as address, full(address, "?queue=default") as other:
        await until(other, "stats_updated")
        async with full(address) as client:
            await client.send(text)
            error = (await until(client, "error"))[-1]
            assert error["code"].startswith(code)
            assert message in error["message"]
            assert error["retryable"] is False
            await client.send('{"type":"subscribe"}')
            await until(client, "caught_up")
            feed.burst(1)
            assert (await until(client, "job_started"))[-1]["cursor"] == "1.1"
        assert (await until(other, "job_started"))[-1]["cursor"] == "1.1"


BAD_QUERIES = {
    "an unknown field": ("?quue=a", "invalid_filter"),
    "an unknown status": ("?status=done", "invalid_filter"),
    "a filter that is no JSON": ("?filter=%7B", "invalid_filter"),
    "too many fields": ("?" + "&".join(["token=a"] * 700), "invalid_filter"),
    "a garbage cursor": ("?cursor=1", "invalid_cursor"),
    "a future cursor": ("?cursor=1.999", "invalid_cursor"),
}


@pytest.mark.parametrize(("query", "code"), BAD_QUERIES.values(), ids=BAD_QUERIES.keys())
async def test_a_bad_query_is_answered_and_closed_for_good(wire: bool, query: str, code: str) -> None:
    async with serving(Feed(), wire=wire) as address, connect(address.ws + query) as client:
        error = (await until(client, "error"))[-1]
        assert (error["code"], error["retryable"]) == (code, False)
        assert await close_code(client) == 4500


async def test_a_subscription_that_the_database_cannot_serve_is_closed_with_4013(
    wire: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = Feed(HubLimits(recent_bytes=0))
    feed.burst(5)

    async def away(*_: object) -> NoReturn:
        raise DatabaseUnavailable("PostgreSQL is not available")

    monkeypatch.setattr(feed.log, "read", away)
    async with serving(feed, wire=wire) as address, full(address) as client:
        await client.send('{"type":"subscribe","cursor":"1.2"}')
        error = (await until(client, "error"))[-1]
        assert (error["code"], error["retryable"]) == ("database_unavailable", True)
        assert await close_code(client) == 4013


async def test_a_heartbeat_after_an_answer_does_not_speak_of_what_still_waits(wire: bool) -> None:
    feed = Feed(HubLimits(heartbeat_s=0.05, frame_bytes=1, pace_s=600))
    async with serving(feed, wire=wire) as address, full(address, "?queue=default") as first:
        await until(first, "stats_updated")
        feed.burst(5)  # of which one is sent, and the others wait
        async with full(address, "?queue=default&cursor=1.0") as client:
            await until(client, "caught_up")
            feed.publish(make_event(6))
            await client.send('{"type":"publish"}')
            await until(client, "error")
            assert (await until(client, "heartbeat"))[-1]["cursor"] == "1.5"


async def test_a_message_over_64_kib_is_closed_with_1009(wire: bool) -> None:
    async with serving(Feed(), wire=wire) as address, full(address) as client:
        await client.send("x" * 65_537)
        assert await close_code(client) == 1009


async def test_nonsense_without_end_is_closed_for_good(wire: bool) -> None:
    async with serving(Feed(), wire=wire) as address, full(address) as client:
        for _ in range(15):
            await client.send("nonsense")
        assert await close_code(client) == 4501


async def test_filters_that_cannot_be_used_are_no_nonsense(wire: bool) -> None:
    async with serving(Feed(), wire=wire) as address, full(address) as client:
        for _ in range(15):
            await client.send('{"type":"subscribe","filter":{"eq":{"colour":"red"}}}')
        await client.send('{"type":"subscribe"}')
        await until(client, "caught_up")


async def test_a_flood_of_subscribes_is_limited_and_others_are_served(
    wire: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "monotonic", lambda: 0.0)
    feed = Feed()
    async with serving(feed, wire=wire) as address, full(address, "?queue=default") as other:
        await until(other, "stats_updated")
        async with full(address) as client:
            for _ in range(100):
                await client.send('{"type":"subscribe"}')
            found, code = await rest(client)
            assert code == 4429
            assert [message["type"] for message in found].count("subscribed") == 40
            for error in [message for message in found if message["type"] == "error"]:
                assert (error["code"], error["retryable"]) == ("rate_limited", True)
                assert error["retry_after_ms"] == 51
        feed.burst(1)
        assert (await until(other, "job_started"))[-1]["cursor"] == "1.1"


async def test_the_plain_dialect_refuses_subscribe_and_says_how() -> None:
    async with serving(Feed()) as address, connect(address.ws) as client:
        await client.send('{"type":"subscribe"}')
        assert "tailboard.v1" in (await until(client, "error"))[-1]["message"]


async def test_compression_works_where_it_is_on() -> None:
    feed = Feed()
    async with serving(feed, compression=True) as address, full(address, "?queue=default") as client:
        assert client.protocol.extensions
        await until(client, "stats_updated")
        feed.burst(50)
        assert len(await frame(client)) == 51


async def test_a_wrong_path_is_refused() -> None:
    async with serving(Feed()) as address:
        with pytest.raises((InvalidStatus, ConnectionClosed)):
            async with connect(address.ws + "/nowhere") as client:
                await client.recv()
