"""The crowd's own counting: what it calls exact has to be exact, however the bytes are cut."""

from typing import Any

import pytest

from measuring.crowd_client import Part, Reader, Way

HEAD = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"


class Written:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data


def text(payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


def change(number: int, padding: int = 0) -> bytes:
    return b'{"phase": "change %d", "payload": "%b"}' % (number, b"x" * padding)


async def reader(way: Way | None = None) -> tuple[Reader, Written]:
    way = way or Way(1, "/jobs", None, None, None)
    made, transport = Reader(way, way.path), Written()
    made.connection_made(transport)
    made.expect(first=10, changes=4, mine=4)
    return made, transport


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100, 10**6])
async def test_changes_are_counted_however_the_bytes_are_cut(size: int) -> None:
    sent = HEAD + text(change(10)) + text(change(11, 200) + b"\n" + change(12)) + text(change(13, 70_000))
    made, _ = await reader()
    for start in range(0, len(sent), size):
        made.data_received(sent[start : start + size])
    assert made.ready.done()
    assert list(made.counts) == [1, 1, 1, 1]
    assert made.left == 0


async def test_what_is_missing_and_what_comes_twice_shows() -> None:
    made, _ = await reader()
    made.data_received(HEAD + text(change(10)) + text(change(10)) + text(change(12)) + text(change(99)))
    assert list(made.counts) == [2, 0, 1, 0]
    assert made.left == 2


async def test_a_client_that_says_hello_is_live_only_once_it_was_answered() -> None:
    made, written = await reader(Way(1, "/socket.io/", None, "40", "40"))
    made.data_received(HEAD + text(b'0{"sid":"a"}'))
    assert written.data.endswith(b"\x81\x82\0\0\0\x0040")
    assert not made.ready.done()
    made.data_received(text(b'40{"sid":"b"}') + text(b"2"))
    assert made.ready.done()
    assert written.data.endswith(b"\x81\x81\0\0\0\x003")


async def test_pings_are_answered_with_their_payload() -> None:
    made, written = await reader()
    made.data_received(HEAD + b"\x89\x04abcd")
    assert written.data.endswith(b"\x8a\x84\0\0\0\0abcd")


async def test_a_tally_knows_whose_change_is_whose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.measuring.crowd_client._PATIENCE_S", 0.05)
    way = Way(1, "/jobs?queue=QUEUE", None, None, None)
    part = Part(way, queues=2)
    readers: list[Any] = []
    for queue in (0, 1):
        made = Reader(way, way.path)
        made.connection_made(Written())
        readers.append(made)
        part._readers.append((queue, made))
    part.expect(10, 4)
    readers[0].data_received(HEAD + text(change(10)) + text(change(12)))
    readers[1].data_received(HEAD + text(change(11)) + text(change(12)))
    assert await part.tally(10, 4) == {"received": 4, "missing": 1, "unwanted": 1}
