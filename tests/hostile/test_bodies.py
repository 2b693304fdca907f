"""Bodies that are no honest JSON: each gets a problem document that says so, and the board goes on."""

import gzip
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpx
import psycopg
import pytest

from hostile.board import Attacked, attacked

JSON: Final = {"Content-Type": "application/json"}
DEEP: Final = 100_000
CALLS: Final = [("POST", "/api/jobs"), ("POST", "/api/jobs/bulk"), ("PATCH", "/api/jobs/jobs/1")]
GOOD: Final = (
    b'{"kind": "k", "queue": "q", "tags": ["a"], "priority": 1, "payload": {"n": [1, 2.5, null, "x"]}}'
)
SEED: Final = 20_261

REFUSED: Final[dict[str, tuple[bytes, int]]] = {
    "nothing": (b"", 400),
    "no object": (b"[]", 400),
    "null": (b"null", 400),
    "cut short": (b'{"kind": "k', 400),
    "two in one": (b'{"kind": "k"}{"kind": "k"}', 400),
    "a byte order mark": (b"\xef\xbb\xbf{}", 400),
    "UTF-16": ('{"kind": "k"}'.encode("utf-16"), 400),
    "no UTF-8": (b'{"kind": "\xff\xfe"}', 400),
    "half a character": (b'{"kind": "\\ud800"}', 400),
    "a zero character": (b'{"kind": "a\\u0000b"}', 400),
    "a raw control character": (b'{"kind": "a\nb"}', 400),
    "comments": (b'{"kind": "k" /* x */}', 400),
    "a trailing comma": (b'{"kind": "k",}', 400),
    "NaN": (b'{"kind": "k", "priority": NaN}', 400),
    "a number too large": (b'{"kind": "k", "priority": 1e999}', 400),
    "a number of many digits": (b'{"kind": "k", "priority": ' + b"9" * 50_000 + b"}", 400),
    "an empty name": (b'{"kind": ""}', 400),
    "an unknown field": (b'{"kind": "k", "__proto__": {}}', 400),
    "lists without end": (b"[" * DEEP, 400),
    "objects without end": (b'{"a":' * DEEP, 400),
    "a deep payload": (b'{"kind": "k", "payload": ' + b"[" * DEEP + b"]" * DEEP + b"}", 400),
    "a zero character in the payload": (b'{"kind": "k", "payload": {"a": "\\u0000"}}', 400),
    "half a character in the payload": (b'{"kind": "k", "payload": "\\udfff"}', 400),
    "no UTF-8 in the payload": (b'{"kind": "k", "payload": "\xc3\x28"}', 400),
    "a payload that is no JSON": (b'{"kind": "k", "payload": {"a": 01}}', 400),
    "many fields": (json.dumps({f"f{n}": n for n in range(50_000)}).encode(), 400),
    "many tags": (json.dumps({"kind": "k", "tags": ["t"] * 50_000}).encode(), 400),
    "too many bytes": (b'{"kind": "' + b"x" * 5_000_000 + b'"}', 413),
}


@pytest.fixture
async def board(database_url: str, tmp_path: Path) -> AsyncIterator[Attacked]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("INSERT INTO tailboard.jobs (kind) VALUES ('k')")
    async with attacked(tmp_path, database_url) as board:
        yield board


@pytest.fixture
async def client(board: Attacked) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=board.url, trust_env=False, timeout=20) as client:
        yield client


def is_problem(answer: httpx.Response) -> bool:
    return (
        answer.headers["content-type"].startswith("application/problem+json")
        and len(answer.json()["detail"]) > 10
    )


async def test_a_body_that_is_no_honest_json_is_refused_in_words(
    board: Attacked, client: httpx.AsyncClient
) -> None:
    wrong = []
    for method, path in CALLS:
        for name, (body, status) in REFUSED.items():
            answer = await client.request(method, path, content=body, headers=JSON)
            if answer.status_code != status or not is_problem(answer):
                wrong.append((method, path, name, answer.status_code, answer.text[:200]))
    assert not wrong
    await board.healthy()


async def test_a_body_that_is_not_what_it_says_is_refused(board: Attacked, client: httpx.AsyncClient) -> None:
    for headers, body in (
        ({"Content-Type": "text/plain"}, GOOD),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"kind=k"),
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x\r\n\r\nk\r\n--x--"),
        (
            {"Content-Type": "application/json", "Content-Encoding": "gzip"},
            gzip.compress(b" " * 50_000_000 + GOOD),
        ),
    ):
        answer = await client.post("/api/jobs", content=body, headers=headers)
        assert answer.status_code in {400, 415}, (headers, answer.text)
        assert is_problem(answer)
    assert board.memory_mib() < 200, "a compressed bomb is not unpacked"
    await board.healthy()


async def test_spoilt_bodies_never_end_in_a_server_error(board: Attacked, client: httpx.AsyncClient) -> None:
    """Bytes of a good body replaced, left out, doubled, and put elsewhere."""
    rng = random.Random(SEED)
    answers: Counter[int] = Counter()
    for _ in range(600):
        body = bytearray(GOOD)
        for _ in range(rng.randint(1, 2)):
            place = rng.randrange(len(body))
            match rng.randrange(4):
                case 0:
                    body[place] = rng.randrange(256)
                case 1:
                    del body[place : place + rng.randint(1, 5)]
                case 2:
                    body[place:place] = body[place : place + rng.randint(1, 20)]
                case _:
                    body[place:place] = rng.choice(
                        (b"\\u0000", b"\\ud800", b"1e400", b"-0", b"null", b'"', b"{", b"]")
                    )
            if not body:
                break
        method, path = rng.choice(CALLS)
        answer = await client.request(method, path, content=bytes(body), headers=JSON)
        assert answer.status_code < 500, (method, path, bytes(body), answer.text)
        assert answer.is_success or is_problem(answer)
        answers[answer.status_code] += 1
    assert answers[400] > 100, answers
    assert answers[200] + answers[201] > 5, "some are still good"
    await board.healthy()


async def test_lengths_that_lie_and_chunks_that_are_none_are_ended(board: Attacked) -> None:
    head = b"POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    for rest in (
        b"Content-Length: -1\r\n\r\n" + GOOD,
        b"Content-Length: 99999999999999999999\r\n\r\n" + GOOD,
        b"Content-Length: 5\r\nContent-Length: 90\r\n\r\n" + GOOD,
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + GOOD,
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + GOOD,
        b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n" + GOOD,
        b"Transfer-Encoding: chunked\r\n\r\n" + b"1;" + b"x" * 100_000 + b"\r\n{",
    ):
        reader, writer = await board.raw()
        writer.write(head + rest)
        writer.write_eof()
        answer = await reader.read(65_536)
        assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 501")), (rest[:60], answer)
        writer.close()
    await board.healthy()
