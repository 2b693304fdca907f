"""SIGTERM and Ctrl-C, heard by the event loop.

Not by asyncio.run's own KeyboardInterrupt: a signal that comes just before the loop begins to wait would be noticed
only when something else wakes it.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable
from typing import Final

_GIVE_UP: Final = 130
"""The exit code of a process that Ctrl-C ended."""


class Interrupts:
    """SIGTERM and Ctrl-C: the first asks to stop, a second Ctrl-C forces it, a third ends the process."""

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self.forced = asyncio.Event()

    def install(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._heard, number)

    def _heard(self, number: signal.Signals) -> None:
        if not self.stopping.is_set():
            self.stopping.set()
        elif number == signal.SIGINT:
            if self.forced.is_set():
                os._exit(_GIVE_UP)
            self.forced.set()


async def until_ctrl_c(work: Awaitable[None]) -> bool:
    """Wait for the work; return whether Ctrl-C ended it.

    SIGTERM keeps ending the process at once: the loop would not hear it while a print waits for a reader that is stuck.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine that awaits runs in a task
    loop.add_signal_handler(signal.SIGINT, task.cancel)
    try:
        await work
    except asyncio.CancelledError:
        return True
    finally:
        loop.remove_signal_handler(signal.SIGINT)
    return False
