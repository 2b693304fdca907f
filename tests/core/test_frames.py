"""Frames: the JSON every transport carries, and how it is framed."""

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest
from websockets.frames import Frame, Opcode

from delivery_rig import make_event
from tailboard.core.change import Op, Was
from tailboard.core.cursor import Cursor
from tailboard.core.frames import (
    Form,
    Parcel,
    error_entry,
    event_entry,
    event_json,
    heartbeat_entry,
    left_entry,
    parcels,
    reset_entry,
    splice_source,
    stats_entry,
    subscribed_entry,
    websocket_text,
    welcome_entry,
)


def test_an_event_carries_the_card_the_change_and_its_place() -> None:
    event = make_event(7, job=17, old="pending", new="in_progress", queue="b", was=Was(queue="a"))
    found = json.loads(event_json(event))
    card = json.loads(event.change.card or b"")
    assert found == {
        "type": "job_started",
        "source": "jobs",
        "job": {"source": "jobs", **card},
        "change": {"from": "pending", "to": "in_progress", "was": {"queue": "a"}},
        "version": 7,
        "at": "2026-11-22T19:05:00.123456Z",
        "cursor": "1.7",
    }


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (datetime(2026, 11, 22, 19, 5, 0, 120_000, UTC), "2026-11-22T19:05:00.120000Z"),
        (datetime(2026, 11, 22, 19, 5, 0, 0, UTC), "2026-11-22T19:05:00.000000Z"),
        (datetime(2026, 11, 22, 19, 5, 0, 7, ZoneInfo("UTC")), "2026-11-22T19:05:00.000007Z"),
        (datetime(2026, 11, 23, 0, 35, tzinfo=ZoneInfo("Asia/Kolkata")), "2026-11-22T19:05:00.000000Z"),
        (datetime(999, 1, 1, tzinfo=UTC), "0999-01-01T00:00:00.000000Z"),
    ],
)
def test_times_are_in_utc_with_six_digits_of_a_second(at: datetime, told: str) -> None:
    event = make_event(7)
    change = msgspec.structs.replace(event.change, at=at)
    assert json.loads(event_json(msgspec.structs.replace(event, change=change)))["at"] == told


def test_a_card_passes_through_byte_for_byte() -> None:
    card = b'{"id": 1, "n": 1.10, "text": "\\u0000 \xc3\xa4"}'
    assert (
        splice_source(card, "jobs", 5)
        == b'{"source":"jobs","version":5,"id": 1, "n": 1.10, "text": "\\u0000 \xc3\xa4"}'
    )
    assert splice_source(b"{}", 'a"b', 5) == b'{"source":"a\\"b","version":5}'


def test_an_insert_comes_from_nothing_and_a_delete_leaves_nothing() -> None:
    created = json.loads(event_json(make_event(1, op=Op.INSERT, new="pending")))
    deleted = json.loads(event_json(make_event(2, op=Op.DELETE, old="failed")))
    assert (created["type"], created["change"]) == ("job_created", {"from": None, "to": "pending"})
    assert (deleted["type"], deleted["change"]) == (
        "job_deleted",
        {"from": "failed", "to": None, "deleted": True},
    )
    assert deleted["job"]["id"] == 1


def test_a_job_that_completes_as_its_row_goes_says_that_it_is_gone() -> None:
    ended = json.loads(event_json(make_event(2, op=Op.DELETE, old="in_progress", new="completed")))
    assert (ended["type"], ended["job"]["status"]) == ("job_completed", "completed")
    assert ended["change"] == {"from": "in_progress", "to": "completed", "deleted": True}


@pytest.mark.parametrize("job", [17, "a-17"])
def test_an_id_keeps_its_type(job: int | str) -> None:
    event = make_event(3, job=job)
    assert json.loads(event_json(event))["job"]["id"] == job
    assert json.loads(left_entry(event).data) == {
        "type": "left",
        "source": "jobs",
        "id": job,
        "version": 3,
        "cursor": "1.3",
    }


def test_control_messages_are_as_documented() -> None:
    place = Cursor(3, 9)
    entries = {
        b'{"type":"reset","reason":"lagged","cursor":"3.9"}': reset_entry("lagged", place),
        b'{"type":"reset","reason":"source_reset","source":"s","cursor":"3.9"}': reset_entry(
            "source_reset", place, "s"
        ),
        b'{"type":"stats_updated","stats":{"total":97},"cursor":"3.9"}': stats_entry(place, {"total": 97}),
        b'{"type":"welcome","session":"x","ping_s":25,"cursor":"3.9","epoch":3}': welcome_entry(
            "x", 25.0, place
        ),
        b'{"type":"subscribed","cursor":"3.9","recovered":true}': subscribed_entry(place, recovered=True),
        b'{"type":"heartbeat","cursor":"3.9","lag_ms":1.3}': heartbeat_entry(place, 1.26),
        b'{"type":"heartbeat","cursor":"3.9","lag_ms":7.0,"away":true}': heartbeat_entry(
            place, 7.0, away=True
        ),
        b'{"type":"error","code":"c","message":"m","retryable":false}': error_entry(place, "c", "m"),
        b'{"type":"error","code":"c","message":"m","retryable":true,"retry_after_ms":5}': error_entry(
            place, "c", "m", retryable=True, retry_after_ms=5
        ),
    }
    for expected, entry in entries.items():
        assert entry.data == expected


def test_a_parcel_is_lines_in_one_message_or_one_message_each_or_sse() -> None:
    entries = (event_entry(make_event(1)), event_entry(make_event(2)))
    parcel = Parcel(entries)
    first, second = (entry.data for entry in entries)
    assert parcel.rendered(Form.LINES) == websocket_text(first + b"\n" + second)
    assert parcel.rendered(Form.OBJECTS) == websocket_text(first) + websocket_text(second)
    assert parcel.texts(Form.LINES) == ((first + b"\n" + second).decode(),)
    assert parcel.texts(Form.OBJECTS) == (first.decode(), second.decode())
    assert parcel.rendered(Form.SSE).startswith(b"id: 1.1\nevent: job_started\ndata: " + first + b"\n\n")
    assert parcel.rendered(Form.LINES) is parcel.rendered(Form.LINES)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 70_000])
def test_websocket_framing_is_that_of_the_reference(size: int) -> None:
    payload = b"x" * size
    expected = Frame(Opcode.TEXT, payload).serialize(mask=False)
    assert websocket_text(payload) == expected


def test_parcels_are_cut_at_the_limit_and_lose_nothing() -> None:
    entries = [event_entry(make_event(n, padding=100)) for n in range(1, 20)]
    cut = parcels(entries, 1000)
    assert [entry for parcel in cut for entry in parcel.entries] == entries
    assert all(parcel.size <= 1000 for parcel in cut)
    assert len(parcels([event_entry(make_event(1, padding=5000))], 1000)) == 1
