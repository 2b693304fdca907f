"""A moment that somebody asks for: a cursor, or a time.

"3.104522"               -> Cursor     exactly after that event
"2026-11-22T19:05:00Z"   -> datetime   what readers could see by then
"""

from datetime import datetime

from tailboard.core.cursor import Cursor
from tailboard.errors import InvalidCursor, InvalidMoment

Asked = Cursor | datetime


def parse_moment(text: str) -> Asked:
    """Read a cursor or an RFC 3339 time with its offset. Raises InvalidMoment with both forms in the message."""
    try:
        return Cursor.parse(text)
    except InvalidCursor:
        pass
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at
    except ValueError:
        pass
    shown = text if len(text) <= 40 else text[:40] + "…"
    raise InvalidMoment(
        f"{shown!r} is not a moment; give a cursor such as 3.104522, or a time with its offset such as "
        "2026-11-22T19:05:00Z (in an address, + is written %2B)."
    )
