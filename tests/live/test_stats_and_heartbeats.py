"""What the hub says by the clock: counts at a bounded rate, and heartbeats with the place and the lag."""

import asyncio
from time import perf_counter

from delivery_rig import Feed, make_event
from live.client import following
from tailboard.live.limits import HubLimits


async def test_stats_go_out_when_only_time_moved_a_count() -> None:
    feed = Feed(HubLimits(stats_interval_s=0.02))
    await feed.hub.start()
    try:
        client = await following(feed)
        feed.publish(make_event(1, new="scheduled"))
        await client.until("1.1")
        feed.counts |= {"scheduled": 0, "pending": 1}
        await client.told(lambda: client.messages[-1].get("stats") == feed.counts)
        assert client.messages[-1]["cursor"] == "1.1"
    finally:
        await feed.hub.stop()


async def test_stats_go_at_once_and_then_at_a_bounded_rate_ending_with_the_newest() -> None:
    feed = Feed(HubLimits(stats_interval_s=0.5))
    client = await following(feed)
    began = perf_counter()
    feed.burst(1)
    await client.until("1.1")
    assert client.types().count("stats_updated") == 2
    for _ in range(50):
        feed.burst(1)
        await asyncio.sleep(0)
    assert client.types().count("stats_updated") == 2
    await client.told(lambda: client.types().count("stats_updated") == 3)
    assert perf_counter() - began >= 0.5
    assert client.messages[-1]["stats"] == feed.counts
    assert client.messages[-1]["cursor"] == "1.51"


async def test_heartbeats_carry_the_place_and_the_lag() -> None:
    feed = Feed(HubLimits(heartbeat_s=0.05))
    await feed.hub.start()
    try:
        client = await following(feed)
        await client.told(lambda: "heartbeat" in client.types())
        heartbeat = next(m for m in client.messages if m["type"] == "heartbeat")
        assert heartbeat == {"type": "heartbeat", "cursor": "1.0", "lag_ms": 1.2}
        feed.burst(5)
        await client.told(lambda: client.messages[-1] == heartbeat | {"cursor": "1.5"})
    finally:
        await feed.hub.stop()


async def test_a_heartbeat_waits_for_what_was_published_before_it() -> None:
    feed = Feed()
    client = await following(feed)
    feed.burst(1)
    feed.hub._heartbeats.beat([client.subscription])
    assert "heartbeat" not in client.types()
    await client.until("1.1")
    feed.hub._heartbeats.beat([client.subscription])
    assert client.messages[-1]["type"] == "heartbeat"


async def test_a_heartbeat_says_where_the_database_does_not_answer() -> None:
    feed = Feed(HubLimits(stats_interval_s=0.01, behind_s=0.02))
    await feed.hub.start()
    client = await following(feed)

    def last() -> dict[str, object]:
        return [m for m in client.messages if m["type"] == "heartbeat"][-1]

    feed.lag_ms, feed.away = 7_200.0, True
    await client.told(lambda: client.types().count("heartbeat") > 0)
    assert last()["away"] is True
    feed.lag_ms, feed.away = 3.0, False
    await client.told(lambda: last()["lag_ms"] == 3.0)
    assert "away" not in last()
    await feed.hub.stop()


async def test_who_comes_while_the_feed_is_behind_is_told_at_once() -> None:
    feed = Feed(HubLimits(stats_interval_s=0.01, behind_s=1000, heartbeat_s=1000))
    await feed.hub.start()
    there = await following(feed)
    feed.lag_ms = 7_200.0
    await there.told(lambda: "heartbeat" in there.types())
    comes = await following(feed)
    await comes.told(lambda: [m["lag_ms"] for m in comes.messages if m["type"] == "heartbeat"] == [7_200.0])
    assert comes.types().index("caught_up") < comes.types().index("heartbeat")
    await feed.hub.stop()


async def test_a_feed_that_falls_behind_says_so_at_once_and_again_when_it_has_caught_up() -> None:
    feed = Feed(HubLimits(stats_interval_s=0.01, behind_s=0.02))
    await feed.hub.start()
    client = await following(feed)

    def lags() -> list[object]:
        return [m["lag_ms"] for m in client.messages if m["type"] == "heartbeat"]

    feed.lag_ms = 7_200.0
    await client.told(lambda: lags().count(7_200.0) >= 3)
    feed.lag_ms = 3.0
    await client.told(lambda: 3.0 in lags())
    said = client.types().count("heartbeat")
    feed.burst(1)
    await client.until("1.1")
    assert client.types().count("heartbeat") == said, "one that keeps up is told of with the others"
    await feed.hub.stop()
