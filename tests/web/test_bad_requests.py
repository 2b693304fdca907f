"""Whatever is sent, the answer is a problem document with a status and a code to rely on, never a 500."""

import zlib
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

JSON = {"content-type": "application/json"}


class Bad(NamedTuple):
    method: str
    path: str
    status: int
    code: str
    body: bytes | None = None
    headers: dict[str, str] = JSON


def after(written: bytes, *, cut: int = 0) -> str:
    """The address of a list that goes on at such a place."""
    packed = urlsafe_b64encode(zlib.compress(written)).rstrip(b"=").decode()
    return f"/api/jobs?after={packed[: len(packed) - cut]}"


BAD: dict[str, Bad] = {
    # places
    "no such interface": Bad("GET", "/api/nothing", 404, "not_found"),
    "no such file": Bad("GET", "/assets/nothing.js", 404, "not_found"),
    "a write to a page": Bad("POST", "/queue", 404, "not_found"),
    "wrong method": Bad("PUT", "/api/jobs", 405, "method_not_allowed"),
    "wrong method on a probe": Bad("POST", "/livez", 405, "method_not_allowed"),
    # the query string
    "unknown parameter": Bad("GET", "/api/jobs?quueue=mail", 400, "unknown_parameter"),
    "unknown parameter beside a known one": Bad("GET", "/api/jobs?queue=a&page=2", 400, "unknown_parameter"),
    "parameters where there are none": Bad("GET", "/api/workers?limit=3", 400, "unknown_parameter"),
    "very many parameters": Bad("GET", "/api/jobs?" + "token=a&" * 700, 400, "invalid_input"),
    "too many values": Bad("GET", "/api/jobs?" + "queue=a&" * 51, 400, "invalid_input"),
    "a NUL": Bad("GET", "/api/jobs?queue=a%00b", 400, "invalid_input"),
    "a NUL to search for": Bad("GET", "/api/jobs?q=%00", 400, "invalid_input"),
    "a long search": Bad("GET", "/api/jobs?q=" + "x" * 201, 400, "invalid_input"),
    "no status": Bad("GET", "/api/jobs?status=done", 400, "invalid_input"),
    "no order": Bad("GET", "/api/jobs?sort=random", 400, "invalid_input"),
    "limit of nothing": Bad("GET", "/api/jobs?limit=0", 400, "invalid_input"),
    "limit beyond the limit": Bad("GET", "/api/jobs?limit=501", 400, "invalid_input"),
    "limit in words": Bad("GET", "/api/jobs?limit=ten", 400, "invalid_input"),
    "limit that is huge": Bad("GET", "/api/jobs?limit=" + "9" * 4000, 400, "invalid_input"),
    "a job without a source": Bad("GET", "/api/jobs?job=17", 400, "invalid_input"),
    # places in lists and in the log
    "a place that is garbage": Bad("GET", "/api/jobs?after=zzz", 400, "invalid_cursor"),
    "a place that is not ASCII": Bad("GET", "/api/jobs?after=%C3%A4", 400, "invalid_cursor"),
    "a place with other contents": Bad("GET", after(b"[1,2]"), 400, "invalid_cursor"),
    "a place of another list": Bad("GET", after(b'["x",{}]'), 400, "invalid_cursor"),
    "a place that is no text": Bad("GET", after(b'["\xff",{}]'), 400, "invalid_cursor"),
    "a place cut short": Bad("GET", after(b'["x",{}]', cut=8), 400, "invalid_cursor"),
    "a place that unpacks to a lot": Bad("GET", after(b" " * 3_000_000 + b'["x",{}]'), 400, "invalid_cursor"),
    "a cursor that is garbage": Bad("GET", "/api/events?after=now", 400, "invalid_cursor"),
    "a cursor with zeros": Bad("GET", "/api/events?after=01.5", 400, "invalid_cursor"),
    "a cursor of the future": Bad("GET", "/api/events?after=1.999999999", 400, "cursor_ahead"),
    "a cursor of a foreign epoch": Bad("GET", "/api/events?after=99.0", 410, "epoch_changed"),
    "a cursor beyond int8": Bad("GET", "/api/events?after=1." + "9" * 30, 400, "invalid_cursor"),
    "a history from nowhere": Bad("GET", "/api/jobs/jobs/1/events?before=x", 400, "invalid_input"),
    "a moment that is garbage": Bad("GET", "/api/jobs?as_of=yesterday", 400, "invalid_moment"),
    "a moment without an offset": Bad("GET", "/api/stats?as_of=2026-11-22T19:05:00", 400, "invalid_moment"),
    "a moment at the end of the calendar": Bad(
        "GET", "/api/stats?as_of=9999-12-31T23:59:59-12:00", 400, "moment_ahead"
    ),
    "a moment before the calendar": Bad(
        "GET", "/api/stats?as_of=0001-01-01T00:00:00%2B14:00", 410, "cursor_expired"
    ),
    "a moment to come": Bad("GET", "/api/jobs?as_of=2999-01-01T00:00:00Z", 400, "moment_ahead"),
    "a moment before the log": Bad("GET", "/api/jobs?as_of=2001-01-01T00:00:00Z", 410, "cursor_expired"),
    "a moment of a foreign epoch": Bad("GET", "/api/jobs/jobs/1?as_of=99.0", 410, "epoch_changed"),
    "a moment that the log has not reached": Bad(
        "GET", "/api/stats/history?as_of=1.999999999", 400, "cursor_ahead"
    ),
    "a job that was not there": Bad("GET", "/api/jobs/jobs/1?as_of=1.0", 404, "job_not_found"),
    "a place that is garbage, in the past": Bad(
        "GET", "/api/jobs?as_of=1.0&after=zzz", 400, "invalid_cursor"
    ),
    "minutes beyond a day": Bad("GET", "/api/stats/history?minutes=1441", 400, "invalid_input"),
    # jobs
    "no such job": Bad("GET", "/api/jobs/jobs/999", 404, "job_not_found"),
    "no such job to act on": Bad("POST", "/api/jobs/jobs/999/retry", 404, "job_not_found"),
    "no such job to delete": Bad("DELETE", "/api/jobs/jobs/999", 404, "job_not_found"),
    "no such history": Bad("GET", "/api/jobs/jobs/999/events", 404, "job_not_found"),
    "no such source": Bad("GET", "/api/jobs/orders/1", 404, "source_not_found"),
    "no such source to act on": Bad("POST", "/api/jobs/orders/1/cancel", 404, "source_not_found"),
    "a source with a NUL": Bad("GET", "/api/jobs/a%00b/1", 400, "invalid_input"),
    "an id in words": Bad("GET", "/api/jobs/jobs/first", 404, "job_not_found"),
    "an id with a slash": Bad("GET", "/api/jobs/jobs/a%2Fb", 404, "job_not_found"),
    "an id that is no UTF-8": Bad("GET", "/api/jobs/jobs/%FF", 404, "job_not_found"),
    "an id beyond int8": Bad("GET", "/api/jobs/jobs/9223372036854775808", 404, "job_not_found"),
    "an id that is huge": Bad("GET", "/api/jobs/jobs/" + "9" * 3000, 400, "invalid_input"),
    "an id with a NUL": Bad("GET", "/api/jobs/jobs/1%00", 400, "invalid_input"),
    "no such action": Bad("POST", "/api/jobs/jobs/1/explode", 404, "not_found"),
    "an action the status forbids": Bad("POST", "/api/jobs/jobs/1/resume", 409, "action_refused"),
    "a version that is none": Bad(
        "POST", "/api/jobs/jobs/1/cancel", 400, "invalid_input", headers={"If-Match": "seven"}
    ),
    "a tag that is none": Bad(
        "GET", "/api/jobs/jobs/1", 400, "invalid_input", headers={"If-None-Match": "seven"}
    ),
    "a request where a WebSocket is": Bad("GET", "/api/ws/jobs", 426, "upgrade_required"),
    "a write where a WebSocket is": Bad("POST", "/api/ws/jobs", 405, "method_not_allowed"),
    "a version that is old": Bad(
        "POST", "/api/jobs/jobs/1/cancel", 412, "version_mismatch", headers={"If-Match": '"0"'}
    ),
    # bodies
    "no body": Bad("POST", "/api/jobs", 400, "malformed_json", b""),
    "half a body": Bad("POST", "/api/jobs", 400, "malformed_json", b'{"kind":'),
    "no UTF-8": Bad("POST", "/api/jobs", 400, "malformed_json", b'{"kind": "\xff"}'),
    "no UTF-8 in the payload": Bad(
        "POST", "/api/jobs", 400, "malformed_json", b'{"kind": "a", "payload": "\xff"}'
    ),
    "half a character": Bad("POST", "/api/jobs", 400, "malformed_json", rb'{"kind": "\ud800"}'),
    "a list": Bad("POST", "/api/jobs", 400, "invalid_input", b"[]"),
    "no kind": Bad("POST", "/api/jobs", 400, "invalid_input", b"{}"),
    "an empty kind": Bad("POST", "/api/jobs", 400, "invalid_input", b'{"kind": ""}'),
    "a NUL in the kind": Bad("POST", "/api/jobs", 400, "invalid_input", rb'{"kind": "a\u0000"}'),
    "a NUL in a tag": Bad("POST", "/api/jobs", 400, "invalid_input", rb'{"kind": "a", "tags": ["\u0000"]}'),
    "a NUL in the payload": Bad(
        "POST", "/api/jobs", 400, "invalid_job", rb'{"kind": "a", "payload": "\u0000"}'
    ),
    "a number beyond numeric": Bad(
        "POST", "/api/jobs", 400, "invalid_job", b'{"kind": "a", "payload": 1e999999}'
    ),
    "a priority beyond int4": Bad(
        "POST", "/api/jobs", 400, "invalid_input", b'{"kind": "a", "priority": 1e10}'
    ),
    "a field that is unknown": Bad("POST", "/api/jobs", 400, "invalid_input", b'{"kind": "a", "qeue": "b"}'),
    "a time that is none": Bad(
        "POST", "/api/jobs", 400, "invalid_input", b'{"kind": "a", "scheduled_at": "tomorrow"}'
    ),
    "a time without an offset": Bad(
        "POST", "/api/jobs", 400, "invalid_input", b'{"kind": "a", "scheduled_at": "2026-01-01T00:00:00"}'
    ),
    "a deep payload": Bad(
        "POST",
        "/api/jobs",
        400,
        "malformed_json",
        b'{"kind": "a", "payload": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ),
    "a body over 1 MiB": Bad("POST", "/api/jobs", 413, "body_too_large", b'"' + b"x" * (1 << 20) + b'"'),
    "a form": Bad(
        "POST",
        "/api/jobs",
        415,
        "unsupported_media_type",
        b"kind=a",
        {"content-type": "application/x-www-form-urlencoded"},
    ),
    "JSON that says it is text": Bad(
        "POST", "/api/jobs", 415, "unsupported_media_type", b'{"kind": "a"}', {"content-type": "text/plain"}
    ),
    "a body without a type": Bad("POST", "/api/jobs", 415, "unsupported_media_type", b'{"kind": "a"}', {}),
    "nothing to change": Bad("PATCH", "/api/jobs/jobs/1", 400, "invalid_input", b"{}"),
    "a status that is none": Bad("PATCH", "/api/jobs/jobs/1", 400, "invalid_input", b'{"status": "done"}'),
    "more than all progress": Bad("PATCH", "/api/jobs/jobs/1", 400, "invalid_input", b'{"progress": 1.5}'),
    "a time out of hand": Bad("PATCH", "/api/jobs/jobs/1", 400, "invalid_input", b'{"started_at": null}'),
    "a kind that is null": Bad("PATCH", "/api/jobs/jobs/1", 400, "invalid_input", b'{"kind": null}'),
    "a payload PostgreSQL refuses": Bad(
        "PATCH", "/api/jobs/jobs/1", 400, "invalid_job", rb'{"payload": {"a": "\u0000"}}'
    ),
    "bulk without a filter": Bad("POST", "/api/jobs/bulk", 400, "invalid_input", b'{"action": "retry"}'),
    "bulk of no action": Bad(
        "POST", "/api/jobs/bulk", 400, "invalid_input", b'{"action": "x", "filter": {}}'
    ),
    "bulk with a misspelt filter": Bad(
        "POST", "/api/jobs/bulk", 400, "invalid_input", b'{"action": "retry", "filter": {"queues": ["a"]}}'
    ),
}


async def test_bad_requests_are_refused_with_a_stable_code(client: httpx.AsyncClient) -> None:
    created = await client.post("/api/jobs", json={"kind": "good"})
    assert created.status_code == 201
    wrong: list[Any] = []
    for name, bad in BAD.items():
        response = await client.request(bad.method, bad.path, content=bad.body, headers=bad.headers)
        told = (response.status_code, _code(response))
        if told != (bad.status, bad.code):
            wrong.append((name, told, response.text[:200]))
            continue
        problem = response.json()
        assert response.headers["content-type"] == "application/problem+json", name
        assert response.headers["cache-control"] == "no-store", name
        assert problem["status"] == bad.status
        assert problem["title"], name
        assert problem["detail"], name
    assert not wrong


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("no status", "status: 'done' is none of scheduled, pending, in_progress, paused, completed, "),
        ("no order", "sort: 'random' is none of newest, oldest, priority, started, finished"),
        ("a job without a source", "job: is no job's name; write source/id, such as jobs/17"),
        ("a long search", "q: has more than 200 characters"),
        ("a NUL to search for", "q: may not hold the character U+0000"),
        ("a history from nowhere", "before: is not the `next` of the page before"),
        ("a version that is none", 'If-Match: is no version; write one such as "812", with the quotes'),
        ("bulk of no action", "'x' is none of retry, cancel, pause, resume, delete - at `$.action`"),
        ("an empty kind", "is empty - at `$.kind`"),
    ],
)
async def test_a_refusal_says_what_to_write(client: httpx.AsyncClient, bad: str, says: str) -> None:
    asked = BAD[bad]
    response = await client.request(asked.method, asked.path, content=asked.body, headers=asked.headers)
    assert says in response.json()["detail"]


def test_every_code_is_documented() -> None:
    text = (Path(__file__).parents[2] / "PROTOCOL.md").read_text()
    assert not sorted({bad.code for bad in BAD.values() if f"`{bad.code}`" not in text})


def _code(response: httpx.Response) -> str | None:
    try:
        return str(response.json().get("code"))
    except ValueError:
        return None


async def test_an_unknown_parameter_is_answered_with_the_known_ones(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/past?since=1.0")
    assert response.json()["detail"] == "Unknown query parameter 'since'; this call knows token."


async def test_a_405_names_the_methods_that_are_allowed(client: httpx.AsyncClient) -> None:
    response = await client.put("/api/jobs")
    assert response.json()["detail"] == ("PUT is not one of the methods here. Use GET, HEAD, OPTIONS, POST.")
    assert set(response.headers["allow"].split(", ")) >= {"GET", "HEAD", "POST"}
    response = await client.get("/api/jobs/bulk")
    assert set(response.headers["allow"].split(", ")) == {"OPTIONS", "POST"}


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/api/jobs", "GET, HEAD, OPTIONS, POST"),
        ("/api/jobs?status=failed", "GET, HEAD, OPTIONS, POST"),
        ("/api/jobs/bulk", "OPTIONS, POST"),
        ("/api/jobs/orders/2026%2F17", "DELETE, GET, HEAD, OPTIONS, PATCH"),
        ("/api/events/stream", "GET, HEAD, OPTIONS"),
        ("/api/ws/jobs", "GET, HEAD, OPTIONS"),
        ("/readyz", "GET, HEAD, OPTIONS"),
        ("/schema", "GET, HEAD, OPTIONS"),
        ("/", "GET, HEAD, OPTIONS"),
        ("/jobs/orders/17", "GET, HEAD, OPTIONS"),
    ],
)
async def test_options_names_every_method_that_is_answered(
    client: httpx.AsyncClient, path: str, methods: str
) -> None:
    response = await client.options(path)
    assert (response.status_code, response.headers.get("allow")) == (204, methods)


@pytest.mark.parametrize(
    "path", ["/api/jobs?q=%27%3B--", "/api/jobs?queue=%25%5C_", "/api/jobs?tags=%7B%22a"]
)
async def test_odd_text_is_just_text(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path)
    assert response.status_code == 200
    assert response.json()["jobs"] == []
