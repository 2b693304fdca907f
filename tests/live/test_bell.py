"""The bell strands no change: who read "muted" is sealed by polling, who reads "armed" wakes the sealer.

The safety poll, which would find a stranded change after a second, is put off for an hour in every test here,
so that none can pass by it. A real sealer, a real database.
"""

from dataclasses import dataclass

import pytest

from fixtures.database import AConnect, Connect
from fixtures.waiting import await_until
from log_rig import AConnection, WatchedSealer, one, sealing
from tailboard.core import bell
from tailboard.core.bell import Bell, State

each_isolation_level = pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])

AN_HOUR = 3600.0
NEVER = 10**9
SOON = 0.7
"""Seconds; the longest pause while lingering is 0.16, the safety poll would take 1."""


@dataclass(kw_only=True)
class Scene:
    """A job, somebody who is told of every tick, and a hand on what the sealer takes for quiet."""

    url: str
    connect: AConnect
    ticks: AConnection
    job: int
    monkeypatch: pytest.MonkeyPatch

    def keep_muted(self) -> None:
        """However quiet it is, the bell stays muted."""
        self.monkeypatch.setattr(bell, "QUIET_POLLS", NEVER)

    def let_arm(self) -> None:
        self.monkeypatch.setattr(bell, "QUIET_POLLS", 1)

    async def begin(self, level: str) -> AConnection:
        """Open a transaction that has taken its snapshot and written nothing."""
        writer = await self.connect()
        await writer.execute(f"BEGIN ISOLATION LEVEL {level}".encode())
        await writer.execute("SELECT FROM tailboard.jobs")
        return writer

    async def write(self, writer: AConnection) -> None:
        await writer.execute("UPDATE tailboard.jobs SET progress = random() WHERE id = %s", [self.job])

    async def write_while_muted(self, level: str, sealer: WatchedSealer) -> AConnection:
        """A writer that has read "muted" and stays open; the bell is then armed. Return when the sealer
        sleeps for as long as it ever does in this state.
        """
        writer = await self.begin(level)
        await self.write(writer)
        assert await one(writer, "SELECT pg_sequence_last_value('tailboard.bell')") == 0
        self.let_arm()
        await sealer.until_pause(lambda pause: pause.sleep_s >= bell.LONGEST_LINGER_S)
        assert await one(writer, "SELECT pg_sequence_last_value('tailboard.bell')") == 1
        return writer

    async def sealed(self) -> bool:
        """Whether a tick comes soon."""
        return bool([notice async for notice in self.ticks.notifies(timeout=SOON, stop_after=1)])


@pytest.fixture
async def scene(database_url: str, aconnect: AConnect, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(bell, "SAFETY_S", AN_HOUR)
    ticks = await aconnect()
    job = await one(ticks, "INSERT INTO tailboard.jobs (kind) VALUES ('k') RETURNING id")
    await ticks.execute("LISTEN tailboard_tick")
    return Scene(url=database_url, connect=aconnect, ticks=ticks, job=job, monkeypatch=monkeypatch)


async def asleep(sealer: WatchedSealer) -> None:
    await sealer.until_pause(lambda pause: pause.sleep_s == AN_HOUR)


async def notices(connection: AConnection) -> list[str]:
    """What rang before this moment: notifications come in the order of their commits."""
    await connection.execute("NOTIFY tailboard_bell, 'the end'")
    heard: list[str] = []
    async for notice in connection.notifies(timeout=SOON):
        heard.append(notice.payload)
        if notice.payload == "the end":
            return heard[:-1]
    raise AssertionError("the last notification did not come")


@each_isolation_level
async def test_a_writer_that_read_muted_is_sealed_though_it_commits_after_the_arming(
    level: str, scene: Scene
) -> None:
    scene.keep_muted()
    async with sealing(scene.url) as sealer:
        assert await scene.sealed(), "the job's creation"
        writer = await scene.write_while_muted(level, sealer)
        assert sealer.bell is not None
        assert sealer.bell.state is State.LINGERING
        sealed_before = sealer.changes_sealed
        await writer.execute("COMMIT")
        assert await scene.sealed()
        # only then does it sleep, with nothing left behind
        await asleep(sealer)
        assert sealer.changes_sealed == sealed_before + 1


async def test_the_same_writer_would_be_stranded_by_a_sealer_that_sleeps_as_soon_as_it_has_armed(
    scene: Scene,
) -> None:
    """Shows that the test above can fail."""

    class HastyBell(Bell):
        def armed(self, barrier: int) -> None:
            super().armed(barrier)
            self.state = State.ARMED

    scene.monkeypatch.setattr("tailboard.live.sealer.Bell", HastyBell)
    scene.keep_muted()
    async with sealing(scene.url) as sealer:
        assert await scene.sealed(), "the job's creation"
        writer = await scene.write_while_muted("READ COMMITTED", sealer)
        await asleep(sealer)
        await writer.execute("COMMIT")
        assert not await scene.sealed()


@each_isolation_level
async def test_a_writer_that_begins_after_the_arming_wakes_the_sealer(level: str, scene: Scene) -> None:
    async with sealing(scene.url) as sealer:
        assert await scene.sealed(), "the job's creation"
        await asleep(sealer)
        writer = await scene.begin(level)
        await scene.write(writer)
        await writer.execute("COMMIT")
        assert await scene.sealed()


@each_isolation_level
async def test_a_snapshot_from_before_the_arming_reads_the_bell_of_now(level: str, scene: Scene) -> None:
    scene.keep_muted()
    async with sealing(scene.url) as sealer:
        assert await scene.sealed(), "the job's creation"
        writer = await scene.begin(level)
        scene.let_arm()
        # It has no transaction id yet: nothing that it wrote could have read "muted", nobody waits.
        await asleep(sealer)
        await scene.write(writer)
        await writer.execute("COMMIT")
        assert await scene.sealed()


@each_isolation_level
async def test_a_snapshot_from_before_the_muting_does_not_ring(level: str, scene: Scene) -> None:
    async with sealing(scene.url) as sealer:
        assert await scene.sealed(), "the job's creation"
        await asleep(sealer)
        writer, other = await scene.begin(level), await scene.connect()
        scene.keep_muted()
        await other.execute("INSERT INTO tailboard.jobs (kind) SELECT 'k' FROM generate_series(1, 20)")
        assert await scene.sealed(), "the burst"
        await sealer.until_pause(lambda pause: not pause.listen)
        await other.execute("LISTEN tailboard_bell")
        await scene.write(writer)
        await writer.execute("COMMIT")
        assert await scene.sealed()
        assert await notices(other) == []


async def test_a_writer_in_two_phase_commit_is_sealed_when_it_is_committed(
    scene: Scene, prepared_transactions: None
) -> None:
    scene.keep_muted()
    async with sealing(scene.url) as sealer:
        assert await scene.sealed(), "the job's creation"
        writer = await scene.begin("READ COMMITTED")
        await scene.write(writer)
        await writer.execute("PREPARE TRANSACTION 'muted'")
        scene.let_arm()
        await sealer.until_pause(lambda pause: pause.sleep_s >= bell.LONGEST_LINGER_S)
        await writer.execute("COMMIT PREPARED 'muted'")
        assert await scene.sealed()


async def test_where_notify_is_turned_off_nobody_rings_and_all_is_sealed(scene: Scene) -> None:
    writer = await scene.connect()
    await writer.execute("UPDATE tailboard.settings SET value = 'false' WHERE key = 'notify'")
    async with sealing(scene.url):
        assert await scene.sealed(), "the job's creation"
        await writer.execute("LISTEN tailboard_bell")
        for _ in range(3):
            await scene.write(writer)
            assert await scene.sealed()
        assert await notices(writer) == []


async def test_a_bulk_change_rings_once(scene: Scene) -> None:
    async with sealing(scene.url) as sealer:
        await asleep(sealer)
        writer, listener = await scene.connect(), await scene.connect()
        await listener.execute("LISTEN tailboard_bell")
        await writer.execute("INSERT INTO tailboard.jobs (kind) SELECT 'k' FROM generate_series(1, 5000)")
        assert await notices(listener) == [""]
        await await_until(lambda: sealer.changes_sealed == 5000)


def test_the_bell_is_no_row(connect: Connect) -> None:
    """A row would be read from a snapshot, and a REPEATABLE READ writer would see "muted" for ever."""
    reader, setter = connect(), connect()
    reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    reader.execute("SELECT FROM tailboard.jobs")
    for value in (0, 1, 0, 1):
        setter.execute("SELECT setval('tailboard.bell', %s, true)", [value])
        assert reader.execute("SELECT pg_sequence_last_value('tailboard.bell')").fetchone() == (value,)
