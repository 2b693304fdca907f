"""Moments: the places in the log at which the board can be seen, and the one that somebody means."""

from dataclasses import dataclass
from datetime import UTC, datetime

from tailboard.core.cursor import Cursor
from tailboard.core.moment import Asked
from tailboard.db.log import refusal
from tailboard.db.pool import Connection
from tailboard.db.queries import query
from tailboard.errors import CursorExpired, DatabaseUnavailable, MomentAhead


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A place in the log, with what decides quickly whether a change came before it.

    `at` is the time that was asked for, or when the place was sealed. `tick_id` holds the place, `cut` is the seq
    there; nothing above `drawn` is in the past, and everything at or below `solid` is.
    """

    cursor: Cursor
    at: datetime
    tick_id: int
    cut: int
    solid: int
    drawn: int

    @property
    def parameters(self) -> dict[str, object]:
        """Of the queries that ask whether a change came before it."""
        return {
            "at": self.at,
            "tick_id": self.tick_id,
            "cut": self.cut,
            "solid": self.solid,
            "drawn": self.drawn,
        }


@dataclass(frozen=True, slots=True)
class Span:
    """From where to where the past can be shown. `floor` is where the log begins, which may be below `first`; `whole`
    says that it still has its beginning.
    """

    first: Cursor
    first_at: datetime
    last: Cursor
    last_at: datetime
    now: datetime
    floor: int
    whole: bool


async def look_up_span(connection: Connection) -> Span:
    """From where to where the log reaches. Raises DatabaseUnavailable where it has no counts to begin with yet."""
    row = await (await connection.execute(query("past_span"))).fetchone()
    if row is None or row[5] is None:
        raise DatabaseUnavailable(
            "The log has no counts to begin with yet: a server saves them soon after it starts. Try again in a moment."
        )
    now, floor, whole, first_epoch, first_at, start, epoch, position, last_at = row
    start_at = first_at
    if start != floor:
        held = await (await connection.execute(query("past_moment"), {"position": start})).fetchone()
        if held is not None:
            first_epoch, start_at = held[0], held[1]
    return Span(Cursor(first_epoch, start), start_at, Cursor(epoch, position), last_at, now, floor, whole)


async def resolve(connection: Connection, span: Span, asked: Asked) -> Moment:
    """The place that is meant. Raises CursorAhead, CursorExpired and MomentAhead."""
    if isinstance(asked, Cursor):
        position, at = await _position(connection, asked), None
    else:
        if asked > span.now:
            raise MomentAhead(
                f"{asked.isoformat()} has not come yet: by the database's clock it is "
                f"{span.now.astimezone(UTC).isoformat(timespec='seconds')}"
            )
        row = await (await connection.execute(query("past_at"), {"at": asked})).fetchone()
        position, at = (-1 if row is None else row[0]), asked
    if position < span.first.position:
        raise CursorExpired(
            f"the log does not reach back that far: it begins at {span.first}, "
            f"{span.first_at.astimezone(UTC).isoformat(timespec='seconds')}"
        )
    row = await (await connection.execute(query("past_moment"), {"position": position})).fetchone()
    if row is None:  # the very beginning: nothing has happened yet
        return Moment(cursor=span.first, at=at or span.first_at, tick_id=-1, cut=0, solid=0, drawn=0)
    epoch, sealed_at, tick_id, solid, drawn, cut = row
    return Moment(
        cursor=Cursor(epoch, position), at=at or sealed_at, tick_id=tick_id, cut=cut, solid=solid, drawn=drawn
    )


async def _position(connection: Connection, asked: Cursor) -> int:
    reason = await refusal(connection, asked)
    if reason is not None:
        lost = reason == "epoch_changed"
        why = (
            "it is of another database, or was lost in a failover or a restore" if lost else "it begins later"
        )
        raise CursorExpired(f"the log does not hold {asked}: {why}. Choose another moment", reason=reason)
    return asked.position
