"""/schema: the OpenAPI document, as Litestar writes it and completed with what only we know.

Litestar sees handlers; it does not see the bodies that we read ourselves, nor that every error is a problem
document, nor the token.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from litestar import Request, Router
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.types import Guard

from tailboard.core.filter import MAX_VALUE_LENGTH
from tailboard.web.bodies import BODIES, MAX_JOB_NAME, Bulk, ChangeJob, Enqueue
from tailboard.web.checks import JOB_NAME, NO_NUL
from tailboard.web.documents import Left, SourceReset
from tailboard.web.errors import PROBLEM_JSON, Problem

_REF: Final = "#/components/schemas/{name}"
_BODY_OF: Final[dict[tuple[str, str], type]] = {
    ("/api/jobs", "post"): Enqueue,
    ("/api/jobs/bulk", "post"): Bulk,
    ("/api/jobs/{source}/{job_id}", "patch"): ChangeJob,
}
_OPEN: Final = frozenset({"/livez", "/readyz"})
_GONE_BELOW_THE_FLOOR: Final = frozenset(
    {
        "/api/events",
        "/api/jobs",
        "/api/jobs/{source}/{job_id}",
        "/api/jobs/{source}/{job_id}/events",
        "/api/stats",
        "/api/stats/history",
    }
)


def completed(document: dict[str, Any]) -> dict[str, Any]:
    """The document with bodies, problems, the token, and numbers as JSON has them."""
    _, schemas = msgspec.json.schema_components((*BODIES, Problem, Left, SourceReset), ref_template=_REF)
    schemas["ChangeJob"]["minProperties"] = 1
    components = document.setdefault("components", {})
    components["schemas"] = components.get("schemas", {}) | schemas
    events = components["schemas"]["EventPage"]["properties"]["events"]
    told = [{"$ref": _REF.format(name=shape.__name__)} for shape in (Left, SourceReset)]
    events["items"] = {"oneOf": [events["items"], *told]}
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "query": {"type": "apiKey", "in": "query", "name": "token"},
    }
    problem = {
        "description": "What went wrong: `code` is stable, `detail` says what to do",
        "content": {PROBLEM_JSON: {"schema": {"$ref": _REF.format(name="Problem")}}},
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            body = _BODY_OF.get((path, method))
            if body is not None:
                schema = {"$ref": _REF.format(name=body.__name__)}
                operation["requestBody"] = {
                    "required": True,
                    "content": {"application/json": {"schema": schema}},
                }
            for parameter in operation.get("parameters", ()):
                parameter["schema"] = _plain(parameter["name"], parameter["schema"])
            responses = operation["responses"]
            for status in [status for status in responses if status >= "400"]:
                del responses[status]
            if any(parameter["name"] == "If-None-Match" for parameter in operation.get("parameters", ())):
                responses["304"] = {"description": "It is still as the client has it"}
            for status in _problems(path, method):
                responses[status] = problem
            if path not in _OPEN:
                operation["security"] = [{}, {"bearer": []}, {"key": []}, {"query": []}]
    return document


def _problems(path: str, method: str) -> list[str]:
    if path in _OPEN:
        return ["503"] if path == "/readyz" else ["default"]
    found = ["400", "401", "403", "503", "default"]
    if "{job_id}" in path:
        found.append("404")
    if method in {"post", "patch", "delete"}:
        found += ["409", "412"] if "{job_id}" in path else []
        found += ["413", "415"] if (path, method) in _BODY_OF else []
    if path in _GONE_BELOW_THE_FLOOR and method == "get":
        found.append("410")
    return found


def _plain(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A query parameter cannot be null, only absent; and limits are whole numbers where the type is."""
    options = [option for option in schema.get("oneOf", ()) if option != {"type": "null"}]
    if len(options) == 1:
        rest = {key: value for key, value in schema.items() if key != "oneOf"}
        schema = {**options[0], **rest}
    if schema.get("type") == "array" and schema["items"] == {"type": "string"}:
        most, pattern = (MAX_JOB_NAME, JOB_NAME) if name == "job" else (MAX_VALUE_LENGTH, NO_NUL)
        # Litestar checks the limits of each value but does not show them
        schema = {**schema, "items": {"type": "string", "maxLength": most, "pattern": pattern}}
    if schema.get("type") == "integer":
        for bound in ("minimum", "maximum"):
            if isinstance(schema.get(bound), float):
                # 2**63 - 1 is no float; what became 2**63 on the way is put back
                schema[bound] = min(int(schema[bound]), 2**63 - 1)
    return schema


class _Schema(JsonRenderPlugin):
    def __init__(self) -> None:
        super().__init__(path=["/", "/openapi.json"])
        self._document: dict[str, Any] | None = None
        self._texts: dict[str, bytes] = {}

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        if self._document is None:
            self._document = completed(openapi_schema)
        # Relative to where the document is: a proxy may have taken a folder off.
        root = "." if request.scope["raw_path"].count(b"/") == 1 else ".."
        if root not in self._texts:
            self._texts[root] = msgspec.json.encode(self._document | {"servers": [{"url": root}]})
        return self._texts[root]


def openapi_config(version: str, guards: Sequence[Guard]) -> OpenAPIConfig:
    """What `Litestar(openapi_config=…)` gets: the document at /schema, for those whom the guards let in."""
    return OpenAPIConfig(
        title="Tailboard",
        version=version,
        summary="Any PostgreSQL job table on a live board",
        description=(
            "One cursor is valid everywhere: in answers, WebSocket and SSE messages, and in SQL. Live events "
            "come by WebSocket at /api/ws/jobs and as server-sent events at /api/events/stream."
        ),
        openapi_router=Router("/schema", route_handlers=[], guards=guards, include_in_schema=False),
        render_plugins=[_Schema()],
    )
