"""One shape for everything that runs in the background: `start` returns when ready, `stop` when stopped.

A service's `run` may fail at any time; it is logged, counted and run again after a growing, jittered pause.
What went wrong last is in `failure`, for /readyz, /metrics and doctor: no failure goes unseen.
"""

import asyncio
import logging
import random
from abc import ABC, abstractmethod
from time import monotonic
from typing import Final

from tailboard.errors import TailboardError

_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0
_HEALTHY_AFTER_S: Final = 10.0
"""A run that lasted this long ended an episode: the next failure starts with a short pause again."""
_STEADY_AFTER_S: Final = 2.0
"""Only a run that lasts this long is said to go on."""


class Service(ABC):
    """A supervised background activity. `start` and `stop` are safe twice, in any order."""

    name: str = "service"

    def __init__(self) -> None:
        self.restarts = 0
        self.failure: str | None = None
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._steady: asyncio.TimerHandle | None = None
        self._log = logging.getLogger(f"tailboard.{self.name}")

    @abstractmethod
    async def run(self) -> None:
        """Do the work until cancelled; call `ready` once it is under way. Clean up in `finally`."""

    @property
    def is_ready(self) -> bool:
        """Whether the work is under way now, not failed and waiting to be tried again."""
        return self._ready.is_set()

    def ready(self) -> None:
        if self.failure is not None:
            self._steady = asyncio.get_running_loop().call_later(
                _STEADY_AFTER_S, self._log.info, "%s: goes on", self.name
            )
        self.failure = None
        self._ready.set()

    async def start(self) -> None:
        """Begin, and return as soon as `run` has said that it is ready, or `stop` was called before it had."""
        if self._task is None:
            # The service owns its one task and awaits it in `stop`; a supervised loop has no other parent.
            self._task = asyncio.create_task(self._supervise(), name=f"tailboard.{self.name}")
        ready = asyncio.ensure_future(self._ready.wait())
        try:
            await asyncio.wait({ready, self._task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()

    async def stop(self) -> None:
        """Cancel `run` and return once it has cleaned up."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        await asyncio.wait([task])
        self._unsteady()
        self._ready.clear()

    def _unsteady(self) -> None:
        if self._steady is not None:
            self._steady.cancel()

    async def _supervise(self) -> None:
        pause = _FIRST_PAUSE_S
        while True:
            began = monotonic()
            try:
                await self.run()
                self.failure = "ended without being asked to"
            except TailboardError as error:
                self.failure = str(error)
                self._log.warning(
                    "%s: %s (it tries again; `tailboard doctor` looks at the database)", self.name, error
                )
            except Exception as error:  # noqa: BLE001 - a bug must not end the feed in silence
                self.failure = f"{type(error).__name__}: {error}"
                self._log.exception("%s failed", self.name)
            self._unsteady()
            self._ready.clear()
            self.restarts += 1
            if monotonic() - began > _HEALTHY_AFTER_S:
                pause = _FIRST_PAUSE_S
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, _LONGEST_PAUSE_S)
