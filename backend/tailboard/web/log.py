"""/api/events and /api/stats: the log page by page, and what it adds up to."""

from datetime import UTC, datetime
from typing import Annotated

from litestar import Controller, Response, get
from litestar.params import QueryParameter

from tailboard.core.change import Op
from tailboard.core.cursor import Cursor
from tailboard.core.event import Event
from tailboard.core.filter import Filter
from tailboard.core.frames import reset_entry
from tailboard.core.projections import Minute
from tailboard.core.stats import Stats
from tailboard.errors import DatabaseUnavailable
from tailboard.live.groups import Sighting
from tailboard.web.board import Board, OfBoard
from tailboard.web.bodies import MAX_VALUES, Value
from tailboard.web.documents import EventPage, StatsHistory, StatsNow, answers
from tailboard.web.filters import FILTERED, AskedFilter, events_filter
from tailboard.web.past import AsOf, stats_then
from tailboard.web.render import answer, fields, items

_MAX_TREE = 8192
"""Characters of a filter in an address, which has to stay one that every server and proxy takes."""


class EventsController(Controller):
    path = "/events"
    tags = ("log",)

    @get(
        summary="Page through the log",
        description=(
            "The events after a cursor, in their order. Go on from `cursor`; `more` says whether there is "
            "more now. Without `after` the answer is empty and `cursor` is where the log ends. With a filter, "
            "`limit` is how many changes are looked at: a page may hold fewer events, or none, and `more` still says "
            "whether to go on. A job that stops matching is told as `left`."
        ),
        responses=answers(EventPage, "Events in order"),
        dependencies=FILTERED,
    )
    async def events(
        self,
        board: OfBoard,
        asked: AskedFilter,
        after: Annotated[
            str | None, QueryParameter(max_length=40, description="A cursor, for example 3.104522.")
        ] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 100,
        filter: Annotated[  # noqa: A002  # as clients write it
            str | None, QueryParameter(max_length=_MAX_TREE, description="A filter as a JSON tree.")
        ] = None,
    ) -> Response[bytes]:
        wanted = events_filter(asked, filter)
        if after is None:
            return answer(fields(events=b"[]", cursor=str(await board.log.head()), more=False))
        page = await board.log.read(Cursor.parse(after), limit)
        return answer(
            fields(
                events=items([told for event in page.events if (told := _told(event, wanted)) is not None]),
                cursor=str(page.cursor),
                more=page.cursor != page.head.cursor,
            )
        )


def _told(event: Event, wanted: Filter) -> bytes | None:
    """As every transport tells it: a source that is to be loaded again is a reset, not an event of some job."""
    if event.change.op is Op.RESET:
        source = event.change.source
        return reset_entry("source_reset", event.cursor, source).data if wanted.touches(source) else None
    entry = Sighting(event).entry_for(wanted)
    return None if entry is None else entry.data


class StatsController(Controller):
    path = "/stats"
    tags = ("log",)

    @get(
        summary="Jobs by status",
        description=(
            "A fold of the log, exact at `cursor`. Nothing is counted for this. With `as_of` it is the fold as it "
            "stood then. `by_queue` holds the `queues` "
            "with the most jobs, and each `queue` that is named; `queues` in the answer is how many have jobs."
        ),
        responses=answers(StatsNow, "Counts"),
    )
    async def stats(
        self,
        board: OfBoard,
        queues: Annotated[
            int,
            QueryParameter(
                ge=0, le=1_000_000, description="Only so many in `by_queue`: those with the most jobs."
            ),
        ] = 1_000_000,
        queue: Annotated[
            list[Value] | None,
            QueryParameter(max_items=MAX_VALUES, description="And these, however few jobs they have."),
        ] = None,
        as_of: AsOf = None,
    ) -> Response[bytes]:
        if as_of is not None:
            moment, stats, _ = await stats_then(board, as_of)
            return answer(fields(**_counted(stats, moment.cursor, queues, queue), at=moment.at))
        _require_folds(board)
        return answer(fields(**_counted(board.projector.current(), board.projector.cursor, queues, queue)))

    @get(
        "/history",
        summary="What happened in each minute",
        description=(
            "Oldest first, up to the minute that is running. Reaches back one day. With `as_of` it is the minutes up "
            "to then, as they stood; it reaches back one hour from there."
        ),
        responses=answers(StatsHistory, "Minutes"),
    )
    async def history(
        self,
        board: OfBoard,
        minutes: Annotated[int, QueryParameter(ge=1, le=1440)] = 60,
        as_of: AsOf = None,
    ) -> Response[bytes]:
        if as_of is not None:
            moment, _, rates = await stats_then(board, as_of)
            then = [_minute(minute) for minute in rates.last(minutes, moment.at)]
            return answer(fields(minutes=then, cursor=str(moment.cursor)))
        _require_folds(board)
        now = board.projector.now() or datetime.now(UTC)
        found = [_minute(minute) for minute in board.projector.rates.last(minutes, now)]
        return answer(fields(minutes=found, cursor=str(board.projector.cursor)))


def _require_folds(board: Board) -> None:
    if board.tailer.head is None:
        raise DatabaseUnavailable("The stats are still being loaded; try again in a moment.")


def _counted(stats: Stats, cursor: Cursor, most: int, named: list[str] | None) -> dict[str, object]:
    by_queue, queues = stats.by_queue(most, frozenset(named or ()))
    return {
        "stats": stats.counts(),
        "by_source": [{"source": source, "stats": counts} for source, counts in stats.by_source().items()],
        "by_queue": [
            {"source": source, "queue": queue, "stats": counts}
            for (source, queue), counts in by_queue.items()
        ],
        "queues": queues,
        "cursor": str(cursor),
    }


def _minute(minute: Minute) -> dict[str, object]:
    n = sum(minute.durations.values())
    return {
        "at": datetime.fromtimestamp(minute.minute * 60, UTC),
        "created": minute.created,
        "started": minute.started,
        "completed": minute.completed,
        "failed": minute.failed,
        "duration_ms": {
            "n": n,
            "mean": round(minute.total_ms / n, 1) if n else None,
            "p50": _rounded(minute.percentile(0.5)),
            "p95": _rounded(minute.percentile(0.95)),
        },
    }


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 1)
