"""The filter in a query string: one set of parameters for whatever lists jobs or pages through events."""

from typing import Annotated, Final

from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter

from tailboard.core.filter import Filter
from tailboard.core.job import Status
from tailboard.db.jobs.page import JobFilter
from tailboard.web.bodies import MAX_VALUES, NameOfJob, Value, job_names

_ANY_OF = QueryParameter(
    max_items=MAX_VALUES, description="Repeated means any of; different fields must all hold."
)
_Values = Annotated[list[Value] | None, _ANY_OF]


def _read(
    *,
    source: _Values = None,
    queue: _Values = None,
    kind: _Values = None,
    status: Annotated[list[Status] | None, _ANY_OF] = None,
    worker: _Values = None,
    tags: _Values = None,
    job: Annotated[
        list[NameOfJob] | None, QueryParameter(max_items=500, description="Jobs by name: source/id.")
    ] = None,
) -> JobFilter:
    return JobFilter(
        sources=tuple(source or ()),
        queues=tuple(queue or ()),
        kinds=tuple(kind or ()),
        statuses=tuple([one.value for one in status or ()]),
        workers=tuple(worker or ()),
        tags=tuple(tags or ()),
        jobs=job_names(job),
    )


FILTERED: Final = {"asked": Provide(_read, sync_to_thread=False)}
"""The `dependencies` of a handler that takes these parameters."""

AskedFilter = NamedDependency[JobFilter]
"""How such a handler gets them: by a parameter named `asked`."""


def events_filter(asked: JobFilter, tree: str | None) -> Filter:
    """The same for events, with a JSON tree that must hold as well."""
    values = {
        "source": asked.sources,
        "queue": asked.queues,
        "kind": asked.kinds,
        "status": asked.statuses,
        "worker": asked.workers,
        "tags": asked.tags,
        "job": [str(name) for name in asked.jobs or ()],
        "filter": [] if tree is None else [tree],
    }
    return Filter.from_query([(field, value) for field, found in values.items() for value in found])
