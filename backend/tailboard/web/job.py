"""/api/jobs/{source}/{id}: one job, what can be done to it, and what happened to it."""

from http import HTTPStatus
from typing import Annotated, Final

from litestar import Controller, Response, delete, get, patch, post
from litestar.params import HeaderParameter, QueryParameter, RawBody

from tailboard.core.action import Action
from tailboard.web.board import Board, OfBoard
from tailboard.web.bodies import ChangeJob, read_body
from tailboard.web.checks import SEQ
from tailboard.web.documents import History, OneJob, answers
from tailboard.web.etags import TAGS, etag, names, versions
from tailboard.web.history import history_json
from tailboard.web.names import JobId, Source, job_name
from tailboard.web.past import AsOf, history_end, job_then
from tailboard.web.render import answer, fields, items, job_json, tagged

IfMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match",
        description=(
            'ETags of the job, or versions such as "812", with commas between: act only if it is still at one of them.'
        ),
        pattern=TAGS,
    ),
]
IfNoneMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-None-Match",
        description="ETags of the job, with commas between: 304 if it is still as it was with one of them.",
        pattern=TAGS,
    ),
]
_ACTED: Final = answers(OneJob, "The job as it is now")


class JobController(Controller):
    path = "/jobs/{source:str}/{job_id:str}"
    tags = ("job",)

    @get(
        summary="One job",
        description=(
            "Whole, with payload and result whatever their size. ETag begins with its version. With `as_of` it is the "
            "job as it stood then, as the log has it: what is too large for the log is named in `omitted`."
        ),
        responses=answers(OneJob, "The job"),
    )
    async def job(
        self,
        board: OfBoard,
        source: Source,
        job_id: JobId,
        as_of: AsOf = None,
        if_none_match: IfNoneMatch = None,
    ) -> Response[bytes]:
        name = job_name(source, job_id)
        if as_of is not None:
            return await job_then(board, as_of, name)
        card, cursor = await board.jobs.get(name)
        if names(if_none_match, etag(card)):
            return answer(b"", status=HTTPStatus.NOT_MODIFIED, headers=tagged(card))
        return answer(fields(job=job_json(card), cursor=str(cursor)), headers=tagged(card))

    @patch(
        summary="Change a job",
        description=(
            "Sets the fields that are named; null empties those that may be empty. Only jobs of the built-in "
            "source can be changed."
        ),
        responses=answers(OneJob, "The job as it is now"),
    )
    async def change(
        self, board: OfBoard, source: Source, job_id: JobId, body: RawBody, if_match: IfMatch = None
    ) -> Response[bytes]:
        changes = read_body(body, ChangeJob).changes()
        card = await board.actions.change(job_name(source, job_id), changes, versions=versions(if_match))
        return answer(fields(job=job_json(card)), headers=tagged(card))

    @post("/retry", status_code=200, summary="Retry a job that has ended", responses=_ACTED)
    async def retry(
        self, board: OfBoard, source: Source, job_id: JobId, if_match: IfMatch = None
    ) -> Response[bytes]:
        return await _act(board, source, job_id, Action.RETRY, if_match)

    @post("/cancel", status_code=200, summary="Cancel a job that has not ended", responses=_ACTED)
    async def cancel(
        self, board: OfBoard, source: Source, job_id: JobId, if_match: IfMatch = None
    ) -> Response[bytes]:
        return await _act(board, source, job_id, Action.CANCEL, if_match)

    @post("/pause", status_code=200, summary="Hold back a job that waits", responses=_ACTED)
    async def pause(
        self, board: OfBoard, source: Source, job_id: JobId, if_match: IfMatch = None
    ) -> Response[bytes]:
        return await _act(board, source, job_id, Action.PAUSE, if_match)

    @post("/resume", status_code=200, summary="Let a paused job go on waiting", responses=_ACTED)
    async def resume(
        self, board: OfBoard, source: Source, job_id: JobId, if_match: IfMatch = None
    ) -> Response[bytes]:
        return await _act(board, source, job_id, Action.RESUME, if_match)

    @delete(status_code=204, summary="Delete a job that is not in progress")
    async def remove(self, board: OfBoard, source: Source, job_id: JobId, if_match: IfMatch = None) -> None:
        await board.actions.act(job_name(source, job_id), Action.DELETE, versions=versions(if_match))

    @get(
        "/events",
        summary="What happened to a job",
        description="Newest first. `changed` says what each event altered. Jobs that are gone keep their history.",
        responses=answers(History, "A page of its history"),
    )
    async def history(  # noqa: PLR0917  # one parameter for each in the query string
        self,
        board: OfBoard,
        source: Source,
        job_id: JobId,
        before: Annotated[
            str | None,
            QueryParameter(pattern=SEQ, description="The `next` of the page before."),
        ] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=500)] = 50,
        as_of: AsOf = None,
    ) -> Response[bytes]:
        name = job_name(source, job_id)
        before_seq = None if before is None else int(before)
        if as_of is not None:
            end = await history_end(board, as_of, name)
            before_seq = end if before_seq is None else min(before_seq, end)
        # One more than asked for: the change before the oldest shown says what that one altered.
        entries = await board.log.history(name.source, name.id, before_seq, limit + 1)
        if not entries and before is None:
            # From before the log, or before its table was attached, it may have none; if it never was, it is not found.
            await board.jobs.get(name)
        following = str(entries[limit - 1].change.seq) if len(entries) > limit else None
        return answer(fields(events=items(history_json(entries, limit)), next=following))


async def _act(
    board: Board, source: str, job_id: str, action: Action, if_match: str | None
) -> Response[bytes]:
    card = await board.actions.act(job_name(source, job_id), action, versions=versions(if_match))
    if card is None:
        return Response(b"", status_code=HTTPStatus.NO_CONTENT)
    return answer(fields(job=job_json(card)), headers=tagged(card))
