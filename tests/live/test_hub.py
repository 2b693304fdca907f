"""The hub: who is told which changes, and whom it lets in."""

import pytest

from delivery_rig import Feed, make_event
from live.client import Client, following
from tailboard.core.change import Op, Was
from tailboard.core.filter import EVERYTHING, Filter
from tailboard.errors import Overloaded
from tailboard.live.groups import Sighting
from tailboard.live.limits import HubLimits
from tailboard.live.subscription import RESTARTING


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
    assert (await following(feed, None, "1.0")).types().count("reset") == 1
    assert "reset" not in (await following(feed, {"eq": {"source": "other"}}, "1.0")).types()


async def test_subscribing_again_replaces_the_filter() -> None:
    feed = Feed()
    client = await following(feed, {"eq": {"queue": "a"}})
    await feed.hub.follow(client.subscription, Filter.from_tree({"eq": {"queue": "b"}}), None)
    feed.publish(make_event(1, queue="a"), make_event(2, queue="b"))
    await client.until("1.2")
    assert client.events == ["1.2"]


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
