"""The hub: who is told what, in which order, and how those who come back join the live stream."""

import asyncio
import json
from time import perf_counter

import pytest

from delivery_rig import Feed, MemoryPage, make_event
from tailboard.core.change import Op, Was
from tailboard.core.cursor import Cursor
from tailboard.core.event import Tick
from tailboard.core.filter import EVERYTHING, Filter
from tailboard.core.frames import Form, Parcel
from tailboard.errors import InvalidCursor, Overloaded
from tailboard.live.groups import Sighting
from tailboard.live.hub import HubLimits
from tailboard.live.subscription import RESTARTING, TOO_SLOW, Ending, Peer, Subscription


class Client:
    """An outlet that keeps what it is given, and takes nothing while it is `stuck`."""

    def __init__(self, feed: Feed, form: Form = Form.LINES) -> None:
        self.form = form
        self.parcels: list[Parcel] = []
        self.stuck = False
        self.ended = asyncio.get_running_loop().create_future()
        self.free = asyncio.Event()
        self.arrived = asyncio.Event()
        self.subscription: Subscription = feed.hub.open(self, Peer())

    def write(self, parcel: Parcel) -> bool:
        self.parcels.append(parcel)
        self.arrived.set()
        return not self.stuck

    async def drain(self) -> None:
        await self.free.wait()

    def finish(self, ending: Ending) -> None:
        if not self.ended.done():
            self.ended.set_result(ending)

    def release(self) -> None:
        self.stuck = False
        self.free.set()
        self.subscription.resume()

    @property
    def messages(self) -> list[dict[str, object]]:
        return [json.loads(entry.data) for parcel in self.parcels for entry in parcel.entries]

    @property
    def events(self) -> list[str]:
        return [str(found["cursor"]) for found in self.messages if str(found["type"]).startswith("job_")]

    def types(self) -> list[str]:
        return [str(found["type"]) for found in self.messages]

    async def until(self, cursor: str) -> None:
        """Wait for an entry with this cursor."""
        async with asyncio.timeout(5):
            while not any(found.get("cursor") == cursor for found in self.messages):
                self.arrived.clear()
                await self.arrived.wait()


async def following(feed: Feed, tree: object = None, cursor: str | None = None) -> Client:
    client = Client(feed)
    filter_ = Filter.from_tree(tree or {})
    await feed.hub.follow(client.subscription, filter_, None if cursor is None else Cursor.parse(cursor))
    return client


async def test_one_tick_is_one_parcel_shared_by_all_with_the_filter() -> None:
    feed = Feed()
    first = await following(feed, {"in": {"queue": ["a", "b"]}})
    second = await following(feed, {"in": {"queue": ["b", "a", "a"]}})
    feed.burst(20, queue="a")
    await first.until("1.20")
    await second.until("1.20")
    assert first.parcels[-1] is second.parcels[-1]
    assert len(first.parcels[-1].entries) == 21
    assert first.types()[-1] == "stats_updated"


async def test_only_matching_changes_arrive_and_a_job_that_leaves_is_told() -> None:
    feed = Feed()
    client = await following(feed, {"eq": {"status": "failed"}})
    feed.publish(
        make_event(1, job=1, old="in_progress", new="failed"),
        make_event(2, job=2, old="pending", new="in_progress"),
        make_event(3, job=1, old="failed", new="pending"),
    )
    await client.until("1.3")
    found = [(str(m["type"]), m["cursor"]) for m in client.messages if m["type"] in {"job_failed", "left"}]
    assert found == [("job_failed", "1.1"), ("left", "1.3")]
    assert "1.2" not in client.events


async def test_a_job_that_moves_to_another_queue_leaves_one_filter_and_enters_the_other() -> None:
    feed = Feed()
    old = await following(feed, {"eq": {"queue": "a"}})
    new = await following(feed, {"eq": {"queue": "b"}})
    feed.publish(make_event(1, queue="b", was=Was(queue="a")))
    await old.until("1.1")
    await new.until("1.1")
    assert "left" in old.types()
    assert new.events == ["1.1"]


async def test_a_deleted_job_is_told_to_those_who_saw_it() -> None:
    feed = Feed()
    client = await following(feed, {"eq": {"queue": "a"}})
    feed.publish(make_event(1, op=Op.DELETE, queue="a"))
    await client.until("1.1")
    assert "job_deleted" in client.types()
    assert "left" not in client.types()


async def test_an_end_by_deletion_is_told_to_those_who_had_the_job_and_to_those_who_asked_for_ends() -> None:
    feed = Feed()
    watching = await following(feed, {"eq": {"status": "in_progress"}})
    ends = await following(feed, {"eq": {"status": "completed"}})
    neither = await following(feed, {"eq": {"status": "failed"}})
    feed.publish(make_event(1, op=Op.DELETE, old="in_progress", new="completed"))
    feed.publish(make_event(2, old="in_progress", new="failed"))
    for client in (watching, ends):
        await client.until("1.1")
        assert "job_completed" in client.types()
    await neither.until("1.2")
    assert neither.events == ["1.2"]
    await watching.until("1.2")
    assert watching.types().count("left") == 1, "for the job that failed, not for the one that is gone"


async def test_a_source_reset_goes_to_those_whom_the_source_may_concern() -> None:
    feed = Feed()
    concerned = await following(feed)
    other = await following(feed, {"eq": {"source": "other"}})
    feed.publish(make_event(1, op=Op.RESET, old=None, new=None))
    await concerned.until("1.1")
    await other.until("1.1")
    assert {
        "type": "reset",
        "reason": "source_reset",
        "source": "jobs",
        "cursor": "1.1",
    } in concerned.messages
    assert "reset" not in other.types()


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


async def test_subscribing_again_replaces_the_filter() -> None:
    feed = Feed()
    client = await following(feed, {"eq": {"queue": "a"}})
    await feed.hub.follow(client.subscription, Filter.from_tree({"eq": {"queue": "b"}}), None)
    feed.publish(make_event(1, queue="a"), make_event(2, queue="b"))
    await client.until("1.2")
    assert client.events == ["1.2"]


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


async def test_stats_go_out_when_only_time_moved_a_count() -> None:
    feed = Feed(HubLimits(stats_interval_s=0.02))
    await feed.hub.start()
    try:
        client = await following(feed)
        feed.publish(make_event(1, new="scheduled"))
        await client.until("1.1")
        feed.counts |= {"scheduled": 0, "pending": 1}
        async with asyncio.timeout(5):
            while client.messages[-1].get("stats") != feed.counts:
                client.arrived.clear()
                await client.arrived.wait()
        assert client.messages[-1]["cursor"] == "1.1"
    finally:
        await feed.hub.stop()


async def test_stats_go_at_once_and_then_at_a_bounded_rate_ending_with_the_newest() -> None:
    feed = Feed(HubLimits(stats_interval_s=0.2))
    client = await following(feed)
    began = perf_counter()
    feed.burst(1)
    await client.until("1.1")
    assert client.types().count("stats_updated") == 2
    for _ in range(50):
        feed.burst(1)
        await asyncio.sleep(0)
    assert client.types().count("stats_updated") == 2
    async with asyncio.timeout(5):
        while client.types().count("stats_updated") < 3:
            client.arrived.clear()
            await client.arrived.wait()
    assert perf_counter() - began >= 0.2
    assert client.messages[-1]["stats"] == feed.counts
    assert client.messages[-1]["cursor"] == "1.51"


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
    await feed.hub.stop()


async def test_heartbeats_carry_the_place_and_the_lag_and_never_overtake_events() -> None:
    feed = Feed(HubLimits(heartbeat_s=0.25))
    await feed.hub.start()
    client = await following(feed)
    async with asyncio.timeout(5):
        while "heartbeat" not in client.types():
            client.arrived.clear()
            await client.arrived.wait()
    heartbeat = next(m for m in client.messages if m["type"] == "heartbeat")
    assert heartbeat == {"type": "heartbeat", "cursor": "1.0", "lag_ms": 1.2}
    for _ in range(100):
        feed.burst(5)
        await asyncio.sleep(0.005)
    await client.until("1.500")
    cursors = [int(str(m["cursor"]).partition(".")[2]) for m in client.messages]
    assert cursors == sorted(cursors)
    assert client.types().count("heartbeat") > 1
    await feed.hub.stop()


async def test_a_heartbeat_waits_for_what_was_published_before_it() -> None:
    feed = Feed()
    client = await following(feed)
    feed.burst(1)
    feed.hub._beat([client.subscription])
    assert "heartbeat" not in client.types()
    await client.until("1.1")
    feed.hub._beat([client.subscription])
    assert client.messages[-1]["type"] == "heartbeat"


async def test_a_feed_that_falls_behind_says_so_at_once_and_again_when_it_has_caught_up() -> None:
    feed = Feed(HubLimits(stats_interval_s=0.01, behind_s=0.02))
    await feed.hub.start()
    client = await following(feed)

    async def told(lag_ms: float, times: int) -> None:
        while [m["lag_ms"] for m in client.messages if m["type"] == "heartbeat"].count(lag_ms) < times:
            client.arrived.clear()
            await client.arrived.wait()

    async with asyncio.timeout(5):
        feed.lag_ms = 7_200.0
        await told(7_200.0, times=3)
        feed.lag_ms = 3.0
        await told(3.0, times=1)
    said = client.types().count("heartbeat")
    feed.burst(1)
    await client.until("1.1")
    assert client.types().count("heartbeat") == said, "one that keeps up is told of with the others"
    await feed.hub.stop()


async def test_connections_are_bounded_and_places_are_given_back() -> None:
    feed = Feed(HubLimits(connections=2))
    first, _ = Client(feed), Client(feed)
    with pytest.raises(Overloaded):
        Client(feed)
    feed.hub.leave(first.subscription)
    feed.hub.leave(first.subscription)
    Client(feed)
    assert feed.hub.connected == 2


async def test_closing_sends_what_is_pending_ends_everybody_and_lets_none_in() -> None:
    feed = Feed()
    client = await following(feed)
    feed.burst(3)
    feed.hub.close()
    assert client.events == ["1.1", "1.2", "1.3"]
    assert await client.ended == RESTARTING
    with pytest.raises(Overloaded):
        Client(feed)


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


async def test_a_bulk_change_beyond_the_backlog_resets_and_does_not_grow() -> None:
    feed = Feed(HubLimits(backlog_bytes=100_000))
    client = await following(feed)
    feed.burst(1000)
    feed.burst(1)
    await client.until("1.1001")
    assert [m["reason"] for m in client.messages if m["type"] == "reset"] == ["lagged"]
    assert len(client.events) < 400


async def test_a_change_tries_only_the_filters_that_its_values_lead_to() -> None:
    feed = Feed()
    for n in range(1000):
        await following(feed, {"eq": {"job": f"jobs/{n}"}})
        await following(feed, {"and": [{"eq": {"queue": f"q{n}"}}, {"prefix": {"kind": "mail."}}]})
    broad = await following(feed, {"not": {"eq": {"kind": "other"}}})
    found = list(feed.hub._groups.of(Sighting(make_event(1, job=7, queue="q8", was=Was(queue="q9")))))
    texts = {group.filter.text for group in found}
    assert len(found) == 4
    assert broad.subscription.filter.text in texts
    assert '{"eq":{"job":"jobs/7"}}' in texts
    feed.publish(make_event(1, job=7, queue="q8", was=Was(queue="q9")))
    await broad.until("1.1")


async def test_groups_are_forgotten_with_their_last_subscription() -> None:
    feed = Feed()
    clients = [await following(feed, {"in": {"queue": ["a", "b"]}}) for _ in range(3)]
    for client in clients:
        feed.hub.leave(client.subscription)
    feed.burst(1, queue="a")
    assert feed.hub.connected == 0
    assert len(feed.hub._groups) == 0
    assert all(not index for index in feed.hub._groups._index)


async def test_connection_info_says_what_is_followed_and_how_far() -> None:
    feed = Feed()
    client = await following(feed, {"eq": {"queue": "a"}})
    (info,) = feed.hub.connections()
    assert (info.transport, info.dialect, info.live) == ("websocket", "tailboard.v1", True)
    assert info.filter == {"eq": {"queue": "a"}}
    assert info.cursor == "1.0"
    assert info.session == client.subscription.session


async def test_everything_is_one_filter() -> None:
    assert Filter.from_tree({}) == EVERYTHING == Filter.from_query([])
