"""Job names in addresses: an id may hold any character, `/`, `.` and `%` too, and stays one part of a path.

A router is given paths in which %2F has become a slash already, so that `/api/jobs/orders/2026%2F17` would be a job
with a part too many. Paths of jobs are therefore cut at the slashes of the address as it was sent, and in each
part a slash or percent sign that belongs to it is written as %2F or %25 again until `job_name` reads it.
"""

from typing import Annotated, Final
from urllib.parse import unquote, unquote_to_bytes

from litestar.params import PathParameter
from litestar.types import LifeSpanScope, Scope

from tailboard.core.job import JobName
from tailboard.errors import InvalidInput
from tailboard.web.checks import NO_NUL

AnyScope = Scope | LifeSpanScope
_JOBS: Final = b"/api/jobs/"

Source = Annotated[str, PathParameter(max_length=200, pattern=NO_NUL, description="The source's name.")]
JobId = Annotated[
    str,
    PathParameter(
        max_length=1000, pattern=NO_NUL, description="The job's id, percent-encoded where it must."
    ),
]


def whole_parts(scope: AnyScope) -> AnyScope:
    """The scope, with the parts of a job's path kept whole."""
    if scope["type"] == "lifespan":
        return scope
    raw = scope.get("raw_path") or b""
    if not raw.startswith(_JOBS) or b"%" not in raw:
        return scope
    try:
        parts = [unquote_to_bytes(part).decode() for part in raw.split(b"/")]
    except UnicodeDecodeError:
        return scope
    whole = scope.copy()
    whole["path"] = "/".join([part.replace("%", "%25").replace("/", "%2F") for part in parts])
    return whole


def job_name(source: str, job_id: str) -> JobName:
    """The job that two parts of a path name."""
    name = JobName(unquote(source), unquote(job_id))
    if len(name.id) > 500:
        raise InvalidInput("No job's id is longer than 500 characters.")
    return name
