"""/api/jobs: the list, enqueueing, and actions over all that match."""

from typing import Annotated

from litestar import Controller, Response, get, post
from litestar.params import QueryParameter, RawBody

from tailboard.core.job import JobName
from tailboard.db.jobs.actions import BULK_LIMIT, BulkResult
from tailboard.db.jobs.page import JobFilter, Sort, Wanted
from tailboard.web.board import Board, OfBoard
from tailboard.web.bodies import Bulk, Enqueue, read_body
from tailboard.web.checks import NO_NUL
from tailboard.web.documents import BulkDone, JobList, OneJob, answers
from tailboard.web.filters import FILTERED, AskedFilter
from tailboard.web.past import AsOf, jobs_then
from tailboard.web.places import MAX_LENGTH, list_name, read_places, write_places
from tailboard.web.render import answer, failing_json, fields, items, job_json, tagged


class JobsController(Controller):
    path = "/jobs"
    tags = ("jobs",)

    @get(
        summary="List jobs",
        description=(
            "Newest first unless `sort` says otherwise. `q` finds a job by its id, by the beginning of its "
            "kind, queue or worker, and by any part of those, of its tags and of its error. Any part is "
            "looked for in the newest 10,000 jobs of each source only, and the orders `priority`, `started` and "
            "`finished` are over those; `complete` is false where there were more. Each source is listed in its "
            "own order, and the lists are merged by time of creation or by what `sort` names. A source that "
            "cannot be read is named in `failing`, and the page holds the others. A page may be shorter than "
            "`limit` and not the last: follow `next` until it is null. The page is one moment of the tables, "
            "and `cursor` the place in the log to go on from. With `as_of` it is the jobs as they stood then, "
            "by when the log came to know them; `complete` is false where there were jobs that it does not know, "
            "such as those that have not changed since the oldest change it holds."
        ),
        responses=answers(JobList, "A page of jobs"),
        dependencies=FILTERED,
    )
    async def list_jobs(  # noqa: PLR0917  # one parameter for each in the query string
        self,
        board: OfBoard,
        asked: AskedFilter,
        q: Annotated[
            str, QueryParameter(max_length=200, pattern=NO_NUL, description="Search, see above.")
        ] = "",
        sort: Annotated[Sort, QueryParameter(description="The order.")] = "newest",
        after: Annotated[
            str | None, QueryParameter(max_length=MAX_LENGTH, description="The `next` of the page before.")
        ] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=500)] = 100,
        as_of: AsOf = None,
    ) -> Response[bytes]:
        text = q.strip()
        if as_of is not None:
            return await jobs_then(board, as_of, asked, text, sort=sort, after=after, limit=limit)
        name = list_name(None, asked, sort, text)
        places = None if after is None else read_places(after, name)
        wanted = Wanted(filter=asked, sort=sort, after=places, limit=limit)
        page = await (board.jobs.search(wanted, text) if text else board.jobs.list(wanted))
        return answer(
            fields(
                jobs=items([job_json(card) for card in page.cards]),
                next=write_places(page.after, name),
                cursor=str(page.cursor),
                complete=page.complete,
                failing=failing_json(page.failing),
            )
        )

    @post(
        summary="Enqueue a job",
        description="Adds a job to the built-in source. With `scheduled_at` ahead it waits as `scheduled`.",
        responses=answers(OneJob, "The job; Location says where it is", status=201),
    )
    async def enqueue(self, board: OfBoard, body: RawBody) -> Response[bytes]:
        card = await board.actions.enqueue(read_body(body, Enqueue).new_job())
        # Relative to /api/jobs: whether a proxy has the board in a folder is not known here.
        where = {"Location": f"jobs/{card.name.source}/{card.name.id}"}
        return answer(fields(job=job_json(card)), status=201, headers=where | tagged(card))

    @post(
        "/bulk",
        status_code=200,
        summary="Act on all jobs that match",
        description=(
            "Reaches the jobs that match the filter and whose status allows the action, up to "
            f"{BULK_LIMIT:,} and for some ten seconds a call; `more` says that the same call would find further ones. "
            "Built-in jobs are "
            "written in batches of 500, each its own transaction, and jobs that somebody else has locked are "
            "left alone. Jobs of other sources are acted on one by one with their queue's own SQL: `refused` "
            "counts those that it left as they were, `unsupported` names sources that have no such action. "
            "With `dry_run` jobs are only counted."
        ),
        responses=answers(BulkDone, "What was reached"),
    )
    async def bulk(self, board: OfBoard, body: RawBody) -> Response[bytes]:
        bulk = read_body(body, Bulk)
        jobs, complete = await _found(board, bulk.filter.job_filter(), bulk.filter.q.strip())
        if bulk.dry_run:
            done: BulkResult = await board.actions.count(jobs, bulk.action)
        else:
            done = await board.actions.act_on_all(jobs, bulk.action)
        return answer(
            fields(
                action=bulk.action.value,
                dry_run=bulk.dry_run,
                matched=done.matched,
                changed=done.changed,
                more=done.more,
                refused=done.refused,
                unsupported=done.unsupported,
                failing=failing_json(done.failing),
                complete=complete,
            )
        )


async def _found(board: Board, jobs: JobFilter, text: str) -> tuple[JobFilter, bool]:
    """The filter, narrowed to what a search finds where there is one, and whether it looked at all jobs."""
    if not text:
        return jobs, True
    found: list[JobName] = []
    place = None
    while True:
        page = await board.jobs.search(Wanted(filter=jobs, after=place, limit=500), text)
        found.extend([card.name for card in page.cards])
        place = page.after
        if place is None:
            return JobFilter(sources=jobs.sources, statuses=jobs.statuses, jobs=tuple(found)), page.complete
