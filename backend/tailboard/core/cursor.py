"""A cursor: `epoch.position`, a place in the total order that is the same on every node, for ever.

Source: `tailboard.ticks` gives every sealed change a dense position within an epoch (an incarnation of
the log). A raw transaction snapshot would be shorter to get but is not safe to keep: after a crash, a
failover or a restore PostgreSQL uses transaction ids again.
"""

import re
from typing import NamedTuple, Self

from tailboard.errors import InvalidCursor

# Both parts fit PostgreSQL's int8; 18 digits always do.
_FORM = re.compile(r"([1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,17})", re.ASCII)


class Cursor(NamedTuple):
    """The place after the event numbered `position`. Compares by epoch, then position."""

    epoch: int
    position: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `3.104522`. Raises InvalidCursor with the expected form in the message."""
        match = _FORM.fullmatch(text)
        if match is None:
            shown = text if len(text) <= 40 else text[:40] + "…"
            raise InvalidCursor(
                f"{shown!r} is not a cursor; a cursor is epoch.position, for example 3.104522. "
                "Take one from a response, a frame or tailboard.cursor()."
            )
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.epoch}.{self.position}"
