"""What a comparison found."""

from collections.abc import Callable
from typing import Final

import msgspec

_SHOWN: Final = 100


class Difference(msgspec.Struct, frozen=True):
    """Two things that should agree and do not."""

    check: str
    subject: str
    detail: str


class Report(msgspec.Struct, kw_only=True):
    """What was compared and what was found. `differences` holds the first hundred, `found` counts all."""

    cursor: str
    jobs: int
    changes: int
    unsealed: int = 0
    """Changes that were visible but had no position yet; they were part of the fold."""
    unknown: int = 0
    """Jobs whose changes retention has dropped: the log has nothing to compare them with."""
    adopted: int = 0
    """Jobs of adopted sources that were compared one by one."""
    only_counted: int = 0
    """Jobs of adopted sources of which nothing was written since they were counted: no change tells of them."""
    found: int = 0
    differences: list[Difference] = []

    @property
    def is_clean(self) -> bool:
        return self.found == 0

    def add(self, check: str, subject: object, detail: str) -> None:
        self.found += 1
        if len(self.differences) < _SHOWN:
            self.differences.append(Difference(check, str(subject), detail))


class Progress:
    """Tells how many jobs have been looked at, of how many there are at least."""

    def __init__(self, tell: Callable[[int, int], None], total: int) -> None:
        self._tell = tell
        self._total = total
        self._done = 0

    def done(self, jobs: int) -> None:
        """So many more have been looked at."""
        self._done += jobs
        self._tell(self._done, max(self._done, self._total))

    def finish(self) -> None:
        """All of them have."""
        self._tell(max(self._done, self._total), max(self._done, self._total))
