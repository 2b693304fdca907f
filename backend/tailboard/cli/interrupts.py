"""SIGTERM and Ctrl-C, heard by the event loop.

Not by asyncio.run's own KeyboardInterrupt: a signal that comes just before the loop begins to wait would be noticed
only when something else wakes it.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

_GIVE_UP: Final = 130
"""The exit code of a process that Ctrl-C ended."""


class Interrupts:
    """SIGTERM and Ctrl-C: the first asks to stop, a second Ctrl-C forces it, a third ends the process."""

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self.forced = asyncio.Event()
        self._give_up: Callable[[], object] | None = None

    def install(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._heard, number)

    @contextmanager
    def calling(self, give_up: Callable[[], object]) -> Iterator[None]:
        """Around what may take long before anybody looks at `stopping`: who asks to stop meanwhile has it given up."""
        self._give_up = give_up
        try:
            yield
        finally:
            self._give_up = None

    def _heard(self, number: signal.Signals) -> None:
        if not self.stopping.is_set():
            self.stopping.set()
            if self._give_up is not None:
                self._give_up()
        elif number == signal.SIGINT:
            if self.forced.is_set():
                os._exit(_GIVE_UP)
            self.forced.set()


@contextmanager
def sigterm_as_ctrl_c() -> Iterator[None]:
    """Around what asks a database: the statement is cancelled there, too, and does not go on waiting for a lock with
    everybody else behind it. Without a handler the first process of a container would not hear SIGTERM at all.
    """
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


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
