"""One shape for what runs in the background: starts when ready, stops when stopped, fails in sight."""

import asyncio
import logging
from typing import Any

import pytest

from fixtures.waiting import await_until
from tailboard.errors import DatabaseUnavailable
from tailboard.live.service import Service


class Worker(Service):
    """Runs through a script: what each run does before it is ready, and how it ends."""

    name = "worker"

    def __init__(self, *failures: Exception | None) -> None:
        super().__init__()
        self.script = list(failures)
        self.runs = 0
        self.cleaned_up = 0
        self.go_on = asyncio.Event()

    async def run(self) -> None:
        self.runs += 1
        try:
            if self.script:
                error = self.script.pop(0)
                if error is not None:
                    raise error
                return
            self.ready()
            await self.go_on.wait()
            self.go_on.clear()
            raise DatabaseUnavailable("the server went away")
        finally:
            self.cleaned_up += 1


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tailboard.live.service._FIRST_PAUSE_S", 0.001)


@pytest.fixture(autouse=True)
async def in_time() -> Any:
    async with asyncio.timeout(10):
        yield


async def test_start_returns_once_it_is_ready_and_stop_once_it_is_clean() -> None:
    worker = Worker()
    await worker.start()
    assert worker.is_ready
    await worker.stop()
    assert not worker.is_ready
    assert worker.cleaned_up == worker.runs == 1


async def test_both_are_safe_twice_and_in_any_order() -> None:
    worker = Worker()
    await worker.stop()
    await asyncio.gather(worker.start(), worker.start())
    await worker.start()
    assert worker.runs == 1
    await asyncio.gather(worker.stop(), worker.stop())
    await worker.stop()
    await worker.start()
    assert worker.is_ready
    assert worker.runs == 2
    await worker.stop()


async def test_it_can_be_stopped_while_it_has_not_become_ready() -> None:
    worker = Worker(*[DatabaseUnavailable("no server")] * 10_000)
    starting = asyncio.create_task(worker.start())
    await await_until(lambda: worker.restarts >= 3)
    await worker.stop()
    await starting  # it does not wait for ever for what was stopped
    assert not worker.is_ready


async def test_a_failure_is_told_counted_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    worker = Worker(DatabaseUnavailable("no server"), ValueError("a bug"), None)
    await worker.start()
    assert worker.runs == 4
    assert worker.restarts == 3
    assert worker.failure is None, "it runs now"
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]
    assert "no server" in caplog.text
    assert "ValueError: a bug" in caplog.text
    await worker.stop()


async def test_what_failed_says_what_looks_into_it_and_that_it_goes_on(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tailboard.live.service._STEADY_AFTER_S", 0.0)
    caplog.set_level(logging.INFO)
    worker = Worker(DatabaseUnavailable("no server"), DatabaseUnavailable("no server"))
    await worker.start()
    await await_until(lambda: len(caplog.messages) > 2)
    worker.ready()  # as a follower says again and again
    assert caplog.messages[0].startswith("worker: no server (it tries again; `tailboard doctor`")
    assert caplog.messages[2:] == ["worker: goes on"]
    await worker.stop()


async def test_what_fails_again_at_once_is_not_said_to_go_on(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    worker = Worker(DatabaseUnavailable("no server"))
    await worker.start()
    worker.go_on.set()
    await await_until(lambda: worker.runs > 2 and worker.is_ready)
    await worker.stop()
    assert not any("goes on" in text for text in caplog.messages)


async def test_while_it_is_away_it_is_not_ready_and_says_why() -> None:
    worker = Worker()
    await worker.start()
    worker.script = [DatabaseUnavailable("still away")] * 8
    worker.go_on.set()
    await await_until(lambda: worker.failure == "still away")
    assert not worker.is_ready
    await await_until(lambda: worker.is_ready)
    assert worker.failure is None
    assert worker.restarts == 9
    await worker.stop()
