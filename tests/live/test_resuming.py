"""Those who come back join the live stream at their cursor: everything once, or a reset that says why."""

import asyncio
from unittest.mock import patch

import pytest

from delivery_rig import Feed, MemoryPage, eventually, make_event
from live.client import Client, following
from tailboard.core.cursor import Cursor
from tailboard.core.event import Tick
from tailboard.core.filter import EVERYTHING
from tailboard.core.frames import pong_entry
from tailboard.errors import InvalidCursor
from tailboard.live.limits import HubLimits


async def test_without_a_cursor_one_starts_live_from_a_stated_place() -> None:
    feed = Feed()
    feed.burst(3)
    client = await following(feed)
    assert [(m["type"], m["cursor"]) for m in client.messages] == [
        ("subscribed", "1.3"),
        ("caught_up", "1.3"),
        ("stats_updated", "1.3"),
    ]
    assert client.messages[0]["recovered"] is False
    feed.burst(1)
    await client.until("1.4")
    assert client.events == ["1.4"]


@pytest.mark.parametrize("recent_bytes", [0, 4 << 20])
async def test_a_resumption_gets_everything_once_while_ticks_go_on(recent_bytes: int) -> None:
    feed = Feed(HubLimits(recent_bytes=recent_bytes))
    for _ in range(120):
        feed.burst(20)
    going = True

    async def writer() -> None:
        while going:
            feed.burst(7)
            await asyncio.sleep(0)

    writing = asyncio.create_task(writer())
    clients = await asyncio.gather(
        *(following(feed, None, f"1.{place}") for place in (0, 1, 700, 1200, 2399))
    )
    going = False
    await writing
    end = feed.log.head
    for client, place in zip(clients, (0, 1, 700, 1200, 2399), strict=True):
        await client.until(str(end))
        assert client.events == [f"1.{n}" for n in range(place + 1, end.position + 1)]
        assert client.types()[:1] == ["subscribed"]
        assert client.types().count("caught_up") == 1
    assert (feed.log.reads == 0) is (recent_bytes > 0)


async def test_far_behind_the_next_page_is_asked_for_before_one_is_sent() -> None:
    feed = Feed(HubLimits(recent_bytes=0))
    for _ in range(30):
        feed.burst(100)
    client = Client(feed)
    asked: list[tuple[int, int]] = []
    read = feed.log.read

    async def noted(after: Cursor, limit: int) -> MemoryPage:
        asked.append((after.position, len(client.events)))
        return await read(after, limit)

    with patch.object(feed.log, "read", noted):
        await feed.hub.follow(client.subscription, EVERYTHING, Cursor(1, 0))
    assert asked == [(0, 0), (1000, 0), (2000, 1000)]
    assert client.events == [f"1.{n}" for n in range(1, 3001)]


async def test_what_passed_while_nobody_was_there_comes_from_the_log() -> None:
    feed = Feed()
    assert not feed.hub.reads_events
    feed.burst(3)
    feed.record([make_event(4), make_event(5)])
    feed.hub.publish(Tick(2, Cursor(1, 5), (), quiet={"jobs": 2}))
    assert feed.hub.head == Cursor(1, 5)
    assert feed.hub.counters.events == 5
    client = Client(feed)
    assert feed.hub.reads_events
    await feed.hub.follow(client.subscription, EVERYTHING, Cursor(1, 2))
    feed.publish(make_event(6))
    await asyncio.sleep(0)
    assert client.events == ["1.3", "1.4", "1.5", "1.6"]
    assert feed.log.reads == 1
    feed.hub.leave(client.subscription)
    assert not feed.hub.reads_events


async def test_a_log_that_is_ahead_of_the_hub_is_delivered_once() -> None:
    feed = Feed(HubLimits(recent_bytes=0))
    feed.burst(5)
    ahead = [make_event(n, job=n) for n in range(6, 11)]
    feed.record(ahead)
    client = await following(feed, None, "1.2")
    assert client.events == [f"1.{n}" for n in range(3, 11)]
    feed.log.events = feed.log.events[:5]
    feed.publish(*ahead, make_event(11))
    await client.until("1.11")
    assert client.events == [f"1.{n}" for n in range(3, 12)]
    cursors = [int(str(m["cursor"]).partition(".")[2]) for m in client.messages[1:]]
    assert cursors == sorted(cursors)


async def test_who_is_ahead_of_the_hub_is_answered_and_told_nothing_twice() -> None:
    feed = Feed(HubLimits(recent_bytes=0))
    feed.burst(5)
    ahead = [make_event(n, job=n) for n in range(6, 11)]
    feed.record(ahead)
    client = await following(feed, None, "1.2")
    client.subscription.say(pong_entry(client.subscription.place))
    assert client.types()[-1] == "pong"
    feed.log.events = feed.log.events[:5]
    feed.publish(*ahead, make_event(11))
    await client.until("1.11")
    assert client.events == [f"1.{n}" for n in range(3, 12)]


@pytest.mark.parametrize(
    ("cursor", "floor", "epoch", "reason"), [("1.2", 5, 1, "cursor_expired"), ("1.2", 0, 2, "epoch_changed")]
)
async def test_a_cursor_that_cannot_be_continued_is_a_reset_in_band(
    cursor: str, floor: int, epoch: int, reason: str
) -> None:
    feed = Feed(HubLimits(recent_bytes=0), epoch=epoch)
    feed.log.floor = floor
    feed.publish(*(make_event(n, epoch=epoch) for n in range(floor + 1, floor + 4)))
    client = await following(feed, None, cursor)
    assert client.types()[:3] == ["subscribed", "reset", "caught_up"]
    assert client.messages[0]["recovered"] is False
    assert client.messages[1]["reason"] == reason
    assert client.messages[1]["cursor"] == str(feed.log.head)
    feed.publish(make_event(floor + 4, epoch=epoch))
    await client.until(str(feed.log.head))
    assert client.events == [str(feed.log.head)]


async def test_memory_does_not_answer_for_an_epoch_that_has_ended() -> None:
    """Only the log knows whether the place was lost with it."""
    feed = Feed()
    feed.burst(3)
    feed.log.epoch = 2
    feed.publish(make_event(4, epoch=2))
    client = await following(feed, None, "1.9")
    assert client.types()[:3] == ["subscribed", "reset", "caught_up"]
    assert client.messages[1]["reason"] == "epoch_changed"
    assert client.events == []


async def test_what_a_reset_has_passed_over_is_not_taken_for_remembered() -> None:
    """Retention overtook the node: between what it told before and what it tells now something is missing."""
    feed = Feed(HubLimits(recent_bytes=4_000))
    client = await following(feed)
    feed.burst(5)
    feed.log.events.clear()
    feed.log.floor = 50
    feed.hub.reset("cursor_expired", Cursor(1, 50))
    for n in range(51, 54):
        feed.publish(make_event(n))
    await client.until("1.53")
    late = await following(feed, None, "1.4")
    assert [m["reason"] for m in late.messages if m["type"] == "reset"] == ["cursor_expired"]
    assert late.events == []


async def test_so_many_resumptions_read_the_log_at_one_time(monkeypatch: pytest.MonkeyPatch) -> None:
    feed = Feed(HubLimits(recent_bytes=0, replays=2))
    feed.burst(5)
    answer = feed.log.read
    reading, most = 0, 0

    async def read(after: Cursor, limit: int) -> MemoryPage:
        nonlocal reading, most
        reading += 1
        most = max(most, reading)
        try:
            return await answer(after, limit)
        finally:
            reading -= 1

    monkeypatch.setattr(feed.log, "read", read)
    clients = await asyncio.gather(*(following(feed, None, "1.0") for _ in range(6)))
    assert all(client.events == [f"1.{n}" for n in range(1, 6)] for client in clients)
    assert most == 2


async def test_a_replay_waits_for_a_client_that_takes_no_more_and_loses_nothing() -> None:
    feed = Feed(HubLimits(recent_bytes=0, frame_bytes=10_000, mailbox_bytes=100_000))
    feed.burst(1_500)
    client = Client(feed)
    client.stuck = True
    replay = asyncio.create_task(feed.hub.follow(client.subscription, EVERYTHING, Cursor(1, 0)))
    await eventually(lambda: client.subscription.mailbox is not None)
    await asyncio.sleep(0)
    client.release()
    await replay
    assert client.events == [f"1.{n}" for n in range(1, 1_501)]
    assert "reset" not in client.types()


async def test_a_log_that_ends_before_what_was_published_is_not_asked_for_ever() -> None:
    feed = Feed(HubLimits(recent_bytes=0))
    feed.burst(5)
    del feed.log.events[3:]
    async with asyncio.timeout(20):
        client = await following(feed, None, "1.3")
    resets = [message for message in client.messages if message["type"] == "reset"]
    assert [(reset["reason"], reset["cursor"]) for reset in resets] == [("lagged", "1.5")]
    assert client.events == []


async def test_a_client_that_is_ahead_of_its_node_is_not_reset_when_the_node_overtakes_it_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It comes from a faster node; while the log is read for it, this one catches up, and goes on."""
    feed = Feed()
    feed.record(make_event(n, job=n) for n in range(1, 6))
    answer = feed.log.read

    async def read(after: Cursor, limit: int) -> MemoryPage:
        page = await answer(after, limit)
        if feed.hub.head.position == 0:
            feed.hub.publish(Tick(1, feed.log.head, tuple(feed.log.events)))
            feed.burst(2)
        return page

    monkeypatch.setattr(feed.log, "read", read)
    client = await following(feed, None, "1.5")
    await client.until("1.7")
    assert "reset" not in client.types()
    assert client.events == ["1.6", "1.7"]


async def test_a_cursor_ahead_of_the_log_is_refused() -> None:
    feed = Feed()
    feed.burst(3)
    with pytest.raises(InvalidCursor):
        await following(feed, None, "1.4")


async def test_a_replaced_log_resets_everybody_who_is_live() -> None:
    feed = Feed()
    client = await following(feed)
    idle = Client(feed)
    feed.burst(2)
    feed.hub.reset("epoch_changed", Cursor(2, 0))
    assert {"type": "reset", "reason": "epoch_changed", "cursor": "2.0"} in client.messages
    assert client.events == []
    assert idle.messages == []
    feed.publish(make_event(1, epoch=2))
    await client.until("2.1")
    assert client.events == ["2.1"]


async def test_a_reset_to_before_where_a_client_is_ahead_has_it_told_again_what_follows() -> None:
    """It forgets what it was told, and loads afresh as of the cursor that the reset names."""
    feed = Feed(HubLimits(recent_bytes=0))
    feed.burst(5)
    ahead = [make_event(n, job=n) for n in range(6, 11)]
    feed.record(ahead)
    client = await following(feed, None, "1.2")
    feed.hub.reset("cursor_expired", Cursor(1, 7))
    feed.publish(*ahead[2:], make_event(11))
    await client.until("1.11")
    assert client.events == [*(f"1.{n}" for n in range(3, 11)), "1.8", "1.9", "1.10", "1.11"]


async def test_what_waits_for_a_stuck_client_is_void_once_the_log_is_replaced() -> None:
    feed = Feed()
    client = await following(feed)
    client.stuck = True
    feed.burst(1)
    await client.until("1.1")
    feed.burst(3)
    await eventually(lambda: feed.hub.connections()[0].queued_bytes > 0)
    feed.hub.reset("epoch_changed", Cursor(2, 0))
    client.release()
    assert client.events == ["1.1"], "which was on its way"
    assert client.types()[-1] == "reset"
