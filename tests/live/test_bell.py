"""The bell never strands a change: whoever read "muted" is sealed by polling, whoever reads "armed" wakes the sealer.

The safety poll, which would find a stranded change after a second, is put off for an hour in every test here, so
that none can pass by it. A real sealer, a real database.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from time import monotonic

import psycopg
import pytest
from fixtures.database import AConnect
from log_rig import AConnection, WatchedSealer, one, sealing

from tailboard.core import bell
from tailboard.core.bell import Bell, State

ISOLATION_LEVELS = ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]
AN_HOUR = 3600.0
NEVER = 10**9
SOON = 0.7
"""Seconds; the longest pause while lingering is 0.16, the safety poll would take 1."""


@pytest.fixture(autouse=True)
def no_safety_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bell, "SAFETY_S", AN_HOUR)


@pytest.fixture
async def job(aconnect: AConnect) -> int:
    return int(await one(await aconnect(), "INSERT INTO tailboard.jobs (kind) VALUES ('k') RETURNING id"))


@pytest.fixture
async def ticks(aconnect: AConnect) -> AsyncIterator[AConnection]:
    """A connection that is told of every tick."""
    connection = await aconnect()
    await connection.execute("LISTEN tailboard_tick")
    yield connection


def keep_muted(monkeypatch: pytest.MonkeyPatch) -> None:
    """However quiet it is, the bell stays muted."""
    monkeypatch.setattr(bell, "QUIET_POLLS", NEVER)


def let_arm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bell, "QUIET_POLLS", 1)


async def sealed_within(ticks: AConnection, seconds: float) -> bool:
    return bool([notice async for notice in ticks.notifies(timeout=seconds, stop_after=1)])


async def asleep(sealer: WatchedSealer) -> None:
    await sealer.until_pause(lambda pause: pause.sleep_s == AN_HOUR)


async def begin(connection: AConnection, level: str) -> None:
    """Open a transaction that has taken its snapshot and written nothing."""
    await connection.execute(f"BEGIN ISOLATION LEVEL {level}".encode())
    await connection.execute("SELECT FROM tailboard.jobs")


async def write_while_muted(
    level: str, aconnect: AConnect, sealer: WatchedSealer, job: int, monkeypatch: pytest.MonkeyPatch
) -> AConnection:
    """A writer that has read "muted" and stays open; the bell is then armed. Return when the sealer would sleep
    for as long as it ever does in this state.
    """
    writer = await aconnect()
    await begin(writer, level)
    await writer.execute("UPDATE tailboard.jobs SET progress = 0.5 WHERE id = %s", [job])
    assert await one(writer, "SELECT pg_sequence_last_value('tailboard.bell')") == 0
    let_arm(monkeypatch)
    await sealer.until_pause(lambda pause: pause.sleep_s >= bell.LONGEST_LINGER_S)
    assert await one(writer, "SELECT pg_sequence_last_value('tailboard.bell')") == 1
    return writer


@pytest.mark.parametrize("level", ISOLATION_LEVELS)
async def test_a_writer_that_read_muted_is_sealed_though_it_commits_after_the_bell_is_armed(
    level: str,
    database_url: str,
    aconnect: AConnect,
    ticks: AConnection,
    job: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep_muted(monkeypatch)
    async with sealing(database_url) as sealer:
        writer = await write_while_muted(level, aconnect, sealer, job, monkeypatch)
        assert sealer.bell is not None
        assert sealer.bell.state is State.LINGERING
        sealed_before = sealer.changes_sealed
        assert await sealed_within(ticks, SOON), "the job's creation"
        committed = monotonic()
        await writer.execute("COMMIT")
        assert await sealed_within(ticks, SOON), (
            f"not sealed {monotonic() - committed:.2f} s after its commit"
        )
        # only then does it sleep, with nothing left behind
        await asleep(sealer)
        assert sealer.changes_sealed == sealed_before + 1


async def test_the_same_writer_would_be_stranded_by_a_sealer_that_sleeps_as_soon_as_it_has_armed(
    database_url: str, aconnect: AConnect, ticks: AConnection, job: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shows that the test above can fail."""

    class HastyBell(Bell):
        def armed(self, barrier: int) -> None:
            super().armed(barrier)
            self.state = State.ARMED

    monkeypatch.setattr("tailboard.live.sealer.Bell", HastyBell)
    keep_muted(monkeypatch)
    async with sealing(database_url) as sealer:
        writer = await write_while_muted("READ COMMITTED", aconnect, sealer, job, monkeypatch)
        assert await sealed_within(ticks, SOON), "the job's creation"
        await asleep(sealer)
        await writer.execute("COMMIT")
        assert not await sealed_within(ticks, SOON)


@pytest.mark.parametrize("level", ISOLATION_LEVELS)
async def test_a_writer_that_begins_after_arming_wakes_the_sealer(
    level: str, database_url: str, aconnect: AConnect, ticks: AConnection, job: int
) -> None:
    async with sealing(database_url) as sealer:
        await asleep(sealer)
        assert await sealed_within(ticks, SOON), "the job's creation"
        writer = await aconnect()
        await begin(writer, level)
        await writer.execute("UPDATE tailboard.jobs SET progress = 0.5 WHERE id = %s", [job])
        await writer.execute("COMMIT")
        assert await sealed_within(ticks, SOON)


@pytest.mark.parametrize("level", ISOLATION_LEVELS)
async def test_a_snapshot_from_before_the_arming_reads_the_bell_of_now(
    level: str,
    database_url: str,
    aconnect: AConnect,
    ticks: AConnection,
    job: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep_muted(monkeypatch)
    async with sealing(database_url) as sealer:
        writer = await aconnect()
        await begin(writer, level)
        let_arm(monkeypatch)
        # The writer has no transaction id yet: nothing that it wrote could have read "muted", and nobody waits.
        await asleep(sealer)
        assert await sealed_within(ticks, SOON), "the job's creation"
        await writer.execute("UPDATE tailboard.jobs SET progress = 0.5 WHERE id = %s", [job])
        await writer.execute("COMMIT")
        assert await sealed_within(ticks, SOON)


@pytest.mark.parametrize("level", ISOLATION_LEVELS)
async def test_a_snapshot_from_before_the_muting_does_not_ring(
    level: str,
    database_url: str,
    aconnect: AConnect,
    ticks: AConnection,
    job: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with sealing(database_url) as sealer:
        await asleep(sealer)
        writer, other = await aconnect(), await aconnect()
        await begin(writer, level)
        keep_muted(monkeypatch)
        await other.execute("INSERT INTO tailboard.jobs (kind) SELECT 'k' FROM generate_series(1, 20)")
        await sealer.until_pause(lambda pause: not pause.listen)
        await other.execute("LISTEN tailboard_bell")
        async with asyncio.timeout(SOON):
            while await sealed_within(ticks, 0.02):
                pass
        await writer.execute("UPDATE tailboard.jobs SET progress = 0.5 WHERE id = %s", [job])
        await writer.execute("COMMIT")
        assert await sealed_within(ticks, SOON)
        # Notifications come in the order of their commits: had the writer rung, it would have come first.
        await other.execute("NOTIFY tailboard_bell, 'the end'")
        assert [notice.payload async for notice in other.notifies(timeout=SOON, stop_after=1)] == ["the end"]


async def test_a_writer_in_two_phase_commit_is_sealed_when_it_is_committed(
    database_url: str,
    aconnect: AConnect,
    ticks: AConnection,
    job: int,
    prepared_transactions: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep_muted(monkeypatch)
    async with sealing(database_url) as sealer:
        assert await sealed_within(ticks, SOON), "the job's creation"
        writer = await aconnect()
        await begin(writer, "READ COMMITTED")
        await writer.execute("UPDATE tailboard.jobs SET progress = 0.5 WHERE id = %s", [job])
        await writer.execute("PREPARE TRANSACTION 'muted'")
        let_arm(monkeypatch)
        await sealer.until_pause(lambda pause: pause.sleep_s >= bell.LONGEST_LINGER_S)
        await writer.execute("COMMIT PREPARED 'muted'")
        assert await sealed_within(ticks, SOON)


async def test_where_notify_is_turned_off_nobody_rings_and_all_is_sealed(
    database_url: str, aconnect: AConnect, ticks: AConnection, job: int
) -> None:
    writer = await aconnect()
    await writer.execute("UPDATE tailboard.settings SET value = 'false' WHERE key = 'notify'")
    async with sealing(database_url):
        assert await sealed_within(ticks, SOON), "the job's creation"
        await writer.execute("LISTEN tailboard_bell")
        for progress in (0.1, 0.2, 0.3):
            await writer.execute("UPDATE tailboard.jobs SET progress = %s WHERE id = %s", [progress, job])
            assert await sealed_within(ticks, SOON)
        await writer.execute("NOTIFY tailboard_bell, 'the end'")
        assert [notice.payload async for notice in writer.notifies(timeout=SOON, stop_after=1)] == ["the end"]


def test_the_bell_is_no_row(connect: Callable[..., psycopg.Connection[object]]) -> None:
    """A row would be read from a snapshot, and a REPEATABLE READ writer would see "muted" for ever."""
    reader, setter = connect(), connect()
    reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    reader.execute("SELECT FROM tailboard.jobs")
    for value in (0, 1, 0, 1):
        setter.execute("SELECT setval('tailboard.bell', %s, true)", [value])
        assert reader.execute("SELECT pg_sequence_last_value('tailboard.bell')").fetchone() == (value,)
