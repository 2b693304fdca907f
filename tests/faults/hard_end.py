"""The end of a walk that hangs: from a thread of its own, because the event loop may be what hangs."""

import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Self

HUNG: Final = 3
"""The exit code of a walk that was ended by force."""
_LAST_RESORT_S: Final = 30.0


class HardEnd:
    """While entered: so many seconds after the last `step`, `report` is called, every stack is printed, what the walk
    started is killed, and the process ends. Where even that hangs, faulthandler ends it, with the stacks alone.
    """

    def __init__(self, within_s: float, report: Callable[[], None]) -> None:
        self._within_s = within_s
        self._report = report
        self._timer: threading.Timer | None = None

    def __enter__(self) -> Self:
        self.step()
        return self

    def __exit__(self, *_: object) -> None:
        self._cancel()

    def step(self) -> None:
        """The walk has come further: its time begins anew."""
        self._cancel()
        faulthandler.dump_traceback_later(self._within_s + _LAST_RESORT_S, exit=True)
        self._timer = threading.Timer(self._within_s, self._end)
        self._timer.daemon = True
        self._timer.start()

    def _cancel(self) -> None:
        faulthandler.cancel_dump_traceback_later()
        if self._timer is not None:
            self._timer.cancel()

    def _end(self) -> None:
        try:
            self._report()
            faulthandler.dump_traceback(all_threads=True)
            sys.stdout.flush()
        finally:
            for pid in [*descendants(os.getpid())]:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            os._exit(HUNG)


def descendants(pid: int) -> Iterable[int]:
    """The processes that this one has started, and theirs."""
    for child in children(pid):
        yield from descendants(child)
        yield child


def children(parent: int) -> list[int]:
    """The processes that this one has started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(stat.parent.name))
    return found
