"""What a client that does not keep up gets, and that it costs the others nothing."""

import asyncio
from time import monotonic

from delivery_rig import Feed, make_event
from live.client import following
from tailboard.live.limits import HubLimits
from tailboard.live.subscription import TOO_SLOW


async def test_a_stuck_client_gets_the_newest_of_each_job_and_others_get_everything() -> None:
    feed = Feed(HubLimits(mailbox_bytes=40_000))
    stuck, healthy = await following(feed), await following(feed)
    stuck.stuck = True
    for _ in range(200):
        first = feed.next
        feed.publish(*(make_event(first + n, job=n) for n in range(5)))
        await asyncio.sleep(0)
    await healthy.until("1.1000")
    assert healthy.events == [f"1.{n}" for n in range(1, 1001)]
    assert stuck.subscription.info(feed.hub.head).queued_bytes <= 40_000
    stuck.release()
    assert "reset" not in stuck.types()
    assert stuck.events[-5:] == ["1.996", "1.997", "1.998", "1.999", "1.1000"]
    assert len(stuck.events) < 100


async def test_past_the_limit_a_stuck_client_is_reset_and_goes_on_from_there() -> None:
    feed = Feed(HubLimits(mailbox_bytes=40_000))
    stuck = await following(feed)
    stuck.stuck = True
    for _ in range(50):
        feed.burst(20)
        await asyncio.sleep(0)
    stuck.release()
    resets = [m for m in stuck.messages if m["type"] == "reset"]
    assert len(resets) == 1
    assert resets[0]["reason"] == "lagged"
    feed.burst(1)
    await stuck.until("1.1001")
    position = int(str(resets[0]["cursor"]).partition(".")[2])
    after = stuck.messages[stuck.messages.index(resets[0]) + 1 :]
    assert all(
        int(str(m["cursor"]).partition(".")[2]) > position for m in after if m["type"] != "stats_updated"
    )


async def test_a_client_that_takes_nothing_for_the_grace_time_is_ended() -> None:
    feed = Feed(HubLimits(grace_s=0.1))
    await feed.hub.start()
    stuck, healthy = await following(feed), await following(feed)
    stuck.stuck = True
    feed.burst(1)
    async with asyncio.timeout(5):
        assert await stuck.ended == TOO_SLOW
    assert not healthy.ended.done()
    feed.hub._close_stalled(monotonic())
    assert feed.hub.counters.closed_slow == 1, "once each"
    await feed.hub.stop()


async def test_a_client_that_was_stuck_and_has_taken_all_is_not_ended() -> None:
    feed = Feed(HubLimits(grace_s=30))
    client = await following(feed)
    client.stuck = True
    feed.burst(1)
    await client.until("1.1")
    client.release()
    feed.hub._close_stalled(monotonic() + 60)
    assert not client.ended.done()


async def test_a_bulk_change_is_paced_and_complete_for_a_client_that_keeps_up() -> None:
    feed = Feed(HubLimits(frame_bytes=10_000))
    client = await following(feed)
    for _ in range(10):
        feed.burst(100)
    joined_late = await following(feed)
    await client.until("1.1000")
    assert client.events == [f"1.{n}" for n in range(1, 1001)]
    assert max(parcel.size for parcel in client.parcels) <= 10_000
    assert joined_late.events == []


async def test_what_has_been_sent_is_no_backlog() -> None:
    feed = Feed(HubLimits(backlog_bytes=10_000))
    client = await following(feed)
    for n in range(1, 101):
        feed.burst(1)
        await client.until(f"1.{n}")
    assert "reset" not in client.types()


async def test_a_bulk_change_beyond_the_backlog_resets_and_does_not_grow() -> None:
    feed = Feed(HubLimits(backlog_bytes=100_000))
    client = await following(feed)
    feed.burst(1000)
    feed.burst(1)
    await client.until("1.1001")
    assert [m["reason"] for m in client.messages if m["type"] == "reset"] == ["lagged"]
    assert len(client.events) < 400
