"""Nobody of a node is woken by what does not concern it: while it looks by itself, it does not LISTEN."""

import asyncio

import pytest

from fixtures.database import AConnect
from fixtures.waiting import await_until
from log_rig import PATIENCE, board, one, sealing
from tailboard.core import bell
from tailboard.db.listener import Listener
from tailboard.db.pool import Database
from tailboard.live import tailer


async def test_a_deaf_listener_is_not_woken_until_it_hears(database_url: str, aconnect: AConnect) -> None:
    ringer = await aconnect()
    async with Listener(Database(database_url), "faint", "test", silence_s=60, deaf=True) as listener:
        await ringer.execute("NOTIFY faint")
        assert not await listener.wait(0.2)
        assert await listener.hear(), "there may be something that rang unheard"
        assert not await listener.hear()
        await ringer.execute("NOTIFY faint")
        assert await listener.wait(PATIENCE)
        await listener.turn_deaf()
        await ringer.execute("NOTIFY faint")
        assert not await listener.wait(0.2)


async def test_a_sealer_hears_an_armed_bell_after_every_time_it_was_muted(
    database_url: str, aconnect: AConnect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bell, "SAFETY_S", 5.0)  # before it looks by itself the server would end its session
    writer = await aconnect()
    async with sealing(database_url) as sealer:
        await sealer.until_pause(lambda pause: pause.sleep_s >= 1)
        assert await one(writer, "SELECT pg_sequence_last_value('tailboard.bell')") == 1
        # Many at once mute the bell.
        await writer.execute("INSERT INTO tailboard.jobs (kind) SELECT 'k' FROM generate_series(1, 100)")
        await sealer.until_pause(lambda pause: not pause.listen)
        await sealer.until_pause(lambda pause: pause.sleep_s >= 1)
        before = sealer.changes_sealed
        await writer.execute("SELECT tailboard.enqueue('k')")
        await await_until(lambda: sealer.changes_sealed == before + 1, timeout=4)


async def test_a_node_to_which_nobody_is_connected_is_woken_again_once_it_is_quiet(
    database_url: str, aconnect: AConnect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tailer, "LOOK_S", 10 * PATIENCE)  # nothing but a tick's NOTIFY can wake it
    waiting = asyncio.Event()

    class Seen(Listener):
        async def wait(self, timeout: float) -> bool:  # noqa: ASYNC109 - as the one that is watched
            waiting.set()
            return await super().wait(timeout)

    monkeypatch.setattr(tailer, "Listener", Seen)
    writer = await aconnect()
    async with board(database_url) as node:
        node.recorder.reads_events = False
        for n in range(1, 4):
            async with asyncio.timeout(PATIENCE):
                await waiting.wait()
            waiting.clear()
            await writer.execute("INSERT INTO tailboard.jobs (kind) SELECT 'k' FROM generate_series(1, 50)")
            await await_until(
                lambda n=n: sum(tally.n for tally in node.projector.current().tallies()) == 50 * n
            )
