"""The leader knows whether anybody follows the feed, on any node or in SQL; what follows is in core/test_bell.py."""

from collections.abc import AsyncIterator

import pytest

from fixtures.database import AConnect
from fixtures.waiting import await_until
from log_rig import WatchedSealer, one, sealing
from tailboard.core import bell
from tailboard.live import sealer as sealer_module


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The leader looks for other watchers whenever it keeps house."""
    monkeypatch.setattr(sealer_module, "_HOUSEKEEPING_S", 0.05)


async def until_watched(leader: WatchedSealer, *, watched: bool) -> None:
    await await_until(lambda: leader.bell is not None and leader.bell.watched is watched)


@pytest.fixture
async def leader(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[WatchedSealer]:
    """One whose node nobody is connected to, and who never arms the bell."""
    monkeypatch.setattr(bell, "QUIET_POLLS", 10**9)
    async with sealing(database_url, followers=0) as made:
        await until_watched(made, watched=False)
        yield made


async def test_its_own_followers_count(leader: WatchedSealer) -> None:
    leader.followers = 1
    await until_watched(leader, watched=True)
    leader.followers = 0
    await until_watched(leader, watched=False)


async def test_followers_of_another_node_count_until_that_node_is_gone(
    leader: WatchedSealer, database_url: str
) -> None:
    async with sealing(database_url) as other:
        assert not other.leading
        await until_watched(leader, watched=True)
        other.followers = 0
        await until_watched(leader, watched=False)
        other.followers = 1
        await until_watched(leader, watched=True)
    await until_watched(leader, watched=False)


async def test_a_reader_in_sql_can_say_that_it_watches(leader: WatchedSealer, aconnect: AConnect) -> None:
    reader = await aconnect()
    assert await one(reader, "SELECT tailboard.watch()")
    await until_watched(leader, watched=True)
    assert await one(reader, "SELECT tailboard.unwatch()")
    await until_watched(leader, watched=False)
    assert await one(reader, "SELECT tailboard.watch()")
    await until_watched(leader, watched=True)
    await reader.close()
    await until_watched(leader, watched=False)
