"""`as_of`: the board as it stood at a cursor or a time, and the span in which it can be asked for."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from litestar import Controller, Response, get
from litestar.params import QueryParameter

from tailboard.core.cursor import Cursor
from tailboard.core.frames import splice_source
from tailboard.core.job import JobName
from tailboard.core.moment import parse_moment
from tailboard.core.projections import Rates
from tailboard.core.stats import Stats
from tailboard.db.jobs.page import JobFilter, Sort
from tailboard.db.past.moments import Moment
from tailboard.db.past.standing import Onward, PastJob
from tailboard.errors import InvalidCursor
from tailboard.web.board import Board, OfBoard
from tailboard.web.documents import PastSpan, answers
from tailboard.web.places import Int8, list_name
from tailboard.web.render import answer, fields, items

AsOf = Annotated[
    str | None,
    QueryParameter(
        max_length=64,
        description="A cursor, or an RFC 3339 time: answer as things stood then, from the log.",
    ),
]


class PastController(Controller):
    path = "/past"
    tags = ("log",)

    @get(
        summary="What moments `as_of` can name",
        description=(
            "From `first`, the oldest moment that retention has left, to `last`, where the log ends. `whole` "
            "says that the log still has its beginning, so that it knows every job there ever was."
        ),
        responses=answers(PastSpan, "The span"),
    )
    async def span(self, board: OfBoard) -> Response[bytes]:
        span = await board.past.span()
        return answer(
            fields(
                first={"cursor": str(span.first), "at": span.first_at},
                last={"cursor": str(span.last), "at": span.last_at},
                now=span.now,
                whole=span.whole,
            )
        )


class _Written(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """Where a list of the past goes on. It carries the moment, so that all pages are of the same one."""

    list: str
    cursor: str
    at: datetime
    position: Int8
    rank: Int8 | None
    tie: Int8 | None


async def jobs_then(
    board: Board, as_of: str, wanted: JobFilter, text: str, *, sort: Sort, after: str | None, limit: int
) -> Response[bytes]:
    """The answer for a page of jobs as they stood."""
    name = list_name(as_of, wanted, sort, text)
    onward = None
    if after is None:
        moment = await board.past.moment(parse_moment(as_of))
    else:
        written = _read(after, name)
        moment = await _again(board, written)
        onward = Onward(written.position, written.rank, written.tie)
    page = await board.past.jobs(moment, wanted, sort, onward, limit, text=text)
    return answer(
        fields(
            jobs=items([_job_json(job) for job in page.jobs]),
            next=None if page.after is None else _write(page.after, moment, name),
            cursor=str(moment.cursor),
            complete=page.complete,
            failing=[],
            at=_utc(moment),
        )
    )


async def job_then(board: Board, as_of: str, name: JobName) -> Response[bytes]:
    """The answer for one job as it stood."""
    moment = await board.past.moment(parse_moment(as_of))
    job = await board.past.job(moment, name)
    return answer(fields(job=_job_json(job), cursor=str(moment.cursor), at=_utc(moment)))


async def history_end(board: Board, as_of: str, name: JobName) -> int:
    """The seq below which lie the changes of a job that had been made by then."""
    moment = await board.past.moment(parse_moment(as_of))
    return await board.past.history_end(moment, name)


async def stats_then(board: Board, as_of: str) -> tuple[Moment, Stats, Rates]:
    """The folds as they stood, for the answers that live counts give too."""
    moment = await board.past.moment(parse_moment(as_of))
    stats, rates = await board.past.folds(moment)
    return moment, stats, rates


async def _again(board: Board, written: _Written) -> Moment:
    """The moment of the page before; the same place also where a time by now would mean a later one."""
    moment = await board.past.moment(Cursor.parse(written.cursor))
    return Moment(
        cursor=moment.cursor,
        at=written.at,
        tick_id=moment.tick_id,
        cut=moment.cut,
        solid=moment.solid,
        drawn=moment.drawn,
    )


def _job_json(job: PastJob) -> bytes:
    return splice_source(job.card, job.source, job.version)


def _utc(moment: Moment) -> datetime:
    return moment.at.astimezone(UTC)


def _write(onward: Onward, moment: Moment, name: str) -> str:
    written = _Written(name, str(moment.cursor), moment.at, onward.position, onward.rank, onward.tie)
    return urlsafe_b64encode(msgspec.json.encode(written)).rstrip(b"=").decode()


def _read(text: str, name: str) -> _Written:
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        written = msgspec.json.decode(urlsafe_b64decode(padded), type=_Written)
    except (UnicodeError, binascii.Error, msgspec.MsgspecError, RecursionError) as error:
        raise InvalidCursor("after must be the `next` of a page of this list, unchanged.") from error
    if written.list != name:
        raise InvalidCursor(
            "after belongs to a list with another filter, order or moment; begin again without it."
        )
    return written
