"""Token, origin, host and read-only mode: decided alike for every call, from the scope alone."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from tailboard.app import Node
from tailboard.web.access import Access
from web_node import client_of

Start = Callable[..., Awaitable[Node]]
TOKEN = "correct-horse"


def scope(query: str = "", **headers: str) -> dict[str, Any]:
    return {
        "query_string": query.encode(),
        "headers": [
            (name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()
        ],
    }


@pytest.mark.parametrize(
    ("request_scope", "token"),
    [
        (scope(authorization="Bearer abc"), "abc"),
        (scope(authorization="bearer  abc "), "abc"),
        (scope(authorization="Basic abc"), None),
        (scope(authorization="Bearer"), ""),
        (scope(x_api_key="abc"), "abc"),
        (scope("token=abc"), "abc"),
        (scope("queue=a&token=a%2Bc&token=second"), "a+c"),
        (scope("mytoken=abc"), None),
        (scope("token="), ""),
        (scope("token=abc", authorization="Bearer first", x_api_key="second"), "first"),
        (scope(), None),
    ],
)
def test_the_token_is_found_where_a_client_can_put_it(
    request_scope: dict[str, Any], token: str | None
) -> None:
    assert Access(token=TOKEN).token_from(request_scope) == token


@pytest.mark.parametrize("token", [None, "", "correct-hors", "correct-horse ", "CORRECT-HORSE", "\xff\ud800"])
def test_only_the_token_itself_is_let_in(token: str | None) -> None:
    assert not Access(token=TOKEN).allows(token)


def test_without_a_token_everybody_is_let_in() -> None:
    access = Access()
    assert not access.requires_token
    assert access.allows(None)
    assert access.allows("whatever")


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        (None, "localhost:8000", True),
        ("http://localhost:8000", "localhost:8000", True),
        ("https://board.example.com", "board.example.com", True),
        ("http://LOCALHOST:8000", "localhost:8000", True),
        ("https://board.example.com", "Board.example.com:443", True),
        ("https://board.example.com", "board.example.com:8443", False),
        ("http://localhost:3000", "localhost:8000", False),
        ("https://evil.example.com", "localhost:8000", False),
        ("null", "localhost:8000", False),
        ("file://", "localhost:8000", False),
        ("chrome-extension://localhost:8000", "localhost:8000", False),
        ("https://pages.example.com", "localhost:8000", True),
        ("http://pages.example.com", "localhost:8000", False),
        ("http://[bad", "localhost:8000", False),
    ],
)
def test_a_browser_may_come_from_our_page_or_a_listed_one(
    origin: str | None, host: str, allowed: bool
) -> None:
    access = Access(origins=("https://pages.example.com",))
    headers = {"host": host} if origin is None else {"host": host, "origin": origin}
    assert access.origin_allowed(scope(**headers)) is allowed


@pytest.mark.parametrize(
    ("bound_to", "host", "allowed"),
    [
        ("127.0.0.1", "localhost", True),
        ("127.0.0.1", "127.0.0.1:8000", True),
        ("127.0.0.1", "[::1]:8000", True),
        ("::1", "localhost:8000", True),
        ("localhost", "tailboard.localhost:8000", True),
        ("127.0.0.1", "pages.example.com", True),
        ("127.0.0.1", "pages.example.com:443", True),
        ("127.0.0.1", "pages.example.com:8443", False),
        ("127.0.0.1", "evil.example.com:8000", False),
        ("127.0.0.1", "evillocalhost:8000", False),
        ("127.0.0.1", "127.0.0.1.evil.example.com", False),
        ("127.0.0.1", "192.168.0.7:8000", False),
        ("0.0.0.0", "board.example.com", True),
    ],
)
def test_on_loopback_only_names_of_this_machine_are_served(bound_to: str, host: str, allowed: bool) -> None:
    access = Access(host=bound_to, origins=("https://pages.example.com",))
    assert access.host_allowed(scope(host=host)) is allowed


async def test_data_needs_the_token_and_probes_and_the_page_do_not(other_node: Start) -> None:
    node = await other_node(token=TOKEN)
    guarded = ["/api/jobs", "/api/jobs/jobs/1", "/api/stats", "/api/events", "/api/workers", "/api/sources"]
    guarded += ["/api/connections", "/api/board", "/metrics", "/schema", "/schema/openapi.json"]
    async with client_of(node) as client:
        for path in guarded:
            response = await client.get(path)
            assert (response.status_code, response.json()["code"]) == (401, "unauthorized"), path
            assert response.headers["www-authenticate"].startswith("Bearer")
            assert TOKEN not in response.text
        for path in ("/livez", "/readyz", "/", "/queue"):
            assert (await client.get(path)).status_code == 200, path
        ways: list[dict[str, Any]] = [
            {"headers": {"Authorization": f"Bearer {TOKEN}"}},
            {"headers": {"X-API-Key": TOKEN}},
            {"params": {"token": TOKEN}},
        ]
        for told in ways:
            assert (await client.get("/api/jobs", **told)).status_code == 200
        wrong = await client.get("/api/jobs", headers={"Authorization": "Bearer wrong"})
        assert wrong.status_code == 401


async def test_a_page_of_another_origin_cannot_write(client: httpx.AsyncClient) -> None:
    foreign = {"Origin": "https://evil.example.com"}
    for method, path in [
        ("POST", "/api/jobs"),
        ("POST", "/api/jobs/bulk"),
        ("PATCH", "/api/jobs/jobs/1"),
        ("POST", "/api/jobs/jobs/1/cancel"),
        ("DELETE", "/api/jobs/jobs/1"),
    ]:
        response = await client.request(method, path, json={"kind": "a"}, headers=foreign)
        assert (response.status_code, response.json()["code"]) == (403, "foreign_origin"), path
    own = await client.post("/api/jobs", json={"kind": "a"}, headers={"Origin": "http://localhost"})
    assert own.status_code == 201


async def test_a_page_of_a_listed_origin_may_read_and_write(other_node: Start) -> None:
    listed = "https://pages.example.com"
    node = await other_node(token=TOKEN, origins=(listed,))
    write = {
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization,if-match",
    }
    token = {"Authorization": f"Bearer {TOKEN}"}
    async with client_of(node) as client:
        asked = await client.options("/api/jobs/jobs/1", headers=write | {"Origin": listed})
        assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (204, listed)
        assert "PATCH" in asked.headers["access-control-allow-methods"]
        assert "if-match" in asked.headers["access-control-allow-headers"]
        for path in ("/api/jobs?status=failed", "/api/events/stream?status=failed"):
            put = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-mine"}
            asked = await client.options(path, headers=put | {"Origin": listed})
            assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (204, listed)
            assert "PUT" not in asked.headers["access-control-allow-methods"], (
                "the browser says which it wants"
            )
            assert "x-mine" not in asked.headers["access-control-allow-headers"]
        made = await client.post("/api/jobs", json={"kind": "a"}, headers=token | {"Origin": listed})
        refused = await client.get("/api/events?after=9.0", headers=token | {"Origin": listed})
        wrong = await client.get("/api/jobs", headers={"Origin": listed})
        for answer, status in [(made, 201), (refused, 410), (wrong, 401)]:
            assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, listed)
            assert answer.headers["vary"] == "Origin"
        assert "ETag" in made.headers["access-control-expose-headers"]
        for other in ("https://evil.example.com", "https://pagesxexample.com", f"{listed}.evil.example"):
            for path in ("/api/jobs/jobs/1", "/api/jobs?status=failed", "/api/events/stream"):
                asked = await client.options(path, headers=write | {"Origin": other})
                assert (asked.status_code, asked.json()["code"]) == (403, "foreign_origin")
                assert "TAILBOARD_ORIGINS" in asked.json()["detail"]
                assert "access-control-allow-origin" not in asked.headers
                assert asked.headers["vary"] == "Origin"
            read = await client.get("/api/jobs", headers=token | {"Origin": other})
            assert "access-control-allow-origin" not in read.headers


async def test_where_no_origin_is_listed_a_browser_is_told_so_as_well(client: httpx.AsyncClient) -> None:
    write = {"Origin": "https://evil.example.com", "Access-Control-Request-Method": "POST"}
    asked = await client.options("/api/jobs", headers=write)
    assert (asked.status_code, asked.json()["code"]) == (403, "foreign_origin")
    own = await client.options("/api/jobs", headers={"Origin": "http://localhost"})
    assert (own.status_code, own.headers.get("vary")) == (204, None)


async def test_a_stranger_that_points_its_name_here_reads_nothing(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/jobs", headers={"Host": "evil.example.com"})
    assert (response.status_code, response.json()["code"]) == (403, "foreign_host")
    assert "'evil.example.com'" in response.json()["detail"], (
        "behind a proxy it may be another than was asked for"
    )


async def test_a_read_only_board_refuses_every_write_and_says_so(other_node: Start) -> None:
    node = await other_node(read_only=True)
    async with client_of(node) as client:
        for method, path in [
            ("POST", "/api/jobs"),
            ("POST", "/api/jobs/bulk"),
            ("PATCH", "/api/jobs/jobs/1"),
            ("POST", "/api/jobs/jobs/1/retry"),
            ("DELETE", "/api/jobs/jobs/1"),
        ]:
            response = await client.request(method, path, json={"kind": "a"})
            assert (response.status_code, response.json()["code"]) == (403, "read_only"), path
        assert (await client.get("/api/jobs")).status_code == 200
        assert (await client.get("/api/board")).json()["read_only"] is True
        sources = (await client.get("/api/sources")).json()
        assert sources["read_only"] is True
        assert sources["sources"][0]["actions"] == []
