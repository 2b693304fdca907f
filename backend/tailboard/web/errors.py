"""Errors as RFC 9457 problem documents: the one place where facts become HTTP status codes.

Every answer that is not a success has the media type `application/problem+json`, a sentence in `detail`
that says what to do, and a `code` that programs may rely on.
"""

import logging
from collections.abc import Collection
from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap

from tailboard.errors import (
    AccessDenied,
    ActionRefused,
    CursorExpired,
    DatabaseError,
    DatabaseUnavailable,
    InvalidInput,
    JobNotFound,
    NotEncodable,
    Overloaded,
    SchemaMissing,
    SourceFailing,
    SourceNotFound,
    TailboardError,
    Unauthorized,
    VersionMismatch,
)
from tailboard.web.checks import in_words

PROBLEM_JSON: Final = "application/problem+json"

_logger = logging.getLogger(__name__)

# The first that fits decides, so a subclass stands before its parent.
_STATUS: Final[tuple[tuple[type[TailboardError], HTTPStatus], ...]] = (
    (InvalidInput, HTTPStatus.BAD_REQUEST),
    (CursorExpired, HTTPStatus.GONE),
    (JobNotFound, HTTPStatus.NOT_FOUND),
    (SourceNotFound, HTTPStatus.NOT_FOUND),
    (SourceFailing, HTTPStatus.SERVICE_UNAVAILABLE),
    (VersionMismatch, HTTPStatus.PRECONDITION_FAILED),
    (ActionRefused, HTTPStatus.CONFLICT),
    (Unauthorized, HTTPStatus.UNAUTHORIZED),
    (AccessDenied, HTTPStatus.FORBIDDEN),
    (Overloaded, HTTPStatus.SERVICE_UNAVAILABLE),
    (DatabaseUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (NotEncodable, HTTPStatus.BAD_REQUEST),
    (SchemaMissing, HTTPStatus.SERVICE_UNAVAILABLE),
    (DatabaseError, HTTPStatus.INTERNAL_SERVER_ERROR),
)

# What Litestar itself refuses: no route, a wrong method, a body that is no JSON.
_HTTP_CODES: Final = {
    400: "invalid_request",
    401: "unauthorized",
    403: "access_denied",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
    426: "upgrade_required",
    500: "internal_error",
    503: "unavailable",
}

_FIELDS: Final = {"if_match": "If-Match", "if_none_match": "If-None-Match"}
"""Parameters whose name in the code is not the one that clients write."""
RETRY_AFTER_S: Final = 2


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """An RFC 9457 problem document. `code` is stable; `errors` names the fields that are wrong."""

    title: str
    status: int
    detail: str
    code: str
    type: str = msgspec.field(default="about:blank")
    retryable: bool = False
    errors: list[str] = []  # msgspec copies the default for every instance


class RequestRefused(TailboardError):
    """A fact about HTTP alone (a precondition, an unknown parameter), so it has its status with it."""

    def __init__(self, status: HTTPStatus, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code  # the tree's codes are per class; HTTP's facts are too many


def problem_response(
    status: int,
    code: str,
    detail: str,
    *,
    retryable: bool = False,
    errors: tuple[str, ...] = (),
    headers: dict[str, str] | None = None,
) -> Response[bytes]:
    """The answer for one problem; `Retry-After` and `WWW-Authenticate` where the status asks for them.

    Caches may keep some of them, such as 404 and 410, unless they are told not to.
    """
    headers = {"Cache-Control": "no-store", **(headers or {})}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.setdefault("Retry-After", str(RETRY_AFTER_S))
    if status == HTTPStatus.UNAUTHORIZED:
        headers.setdefault("WWW-Authenticate", 'Bearer realm="tailboard"')
    problem = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        code=code,
        retryable=retryable,
        errors=list(errors),
    )
    return Response(
        msgspec.json.encode(problem), status_code=status, media_type=PROBLEM_JSON, headers=headers
    )


def _tailboard_error(_: Request[Any, Any, Any], error: TailboardError) -> Response[bytes]:
    if isinstance(error, RequestRefused):
        return problem_response(error.status, error.code, str(error))
    status = next(
        (status for kind, status in _STATUS if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR
    )
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        # What PostgreSQL said may hold data of others; it belongs into the log.
        _logger.error("A request failed: %s", error, exc_info=error)
        detail = "The server could not do this; its log says why."
    else:
        detail = str(error)
    code = error.reason if isinstance(error, CursorExpired) else error.code
    return problem_response(status, code, detail, retryable=error.retryable)


def _validation_error(_: Request[Any, Any, Any], error: ValidationException) -> Response[bytes]:
    errors = tuple(_field_errors(error.extra))
    detail = "; ".join(errors) if errors else error.detail
    return problem_response(HTTPStatus.BAD_REQUEST, "invalid_input", detail, errors=errors)


def _field_errors(extra: object) -> list[str]:
    if not isinstance(extra, list):
        return []
    return [
        f"{_FIELDS.get(key, key)}: {in_words(str(item.get('message', 'is not valid')), key)}"
        for item in extra
        if isinstance(item, dict) and isinstance(key := item.get("key", "body"), str)
    ]


def http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    code = _HTTP_CODES.get(error.status_code, "http_error")
    match error.status_code:
        case 404:
            detail = f"There is nothing at {request.scope['path']!r}."
        case 405:
            detail = f"{request.method} is not one of the methods here."
        case 413:
            detail = "The body is larger than 1 MiB."
        case _:
            detail = error.detail or HTTPStatus(error.status_code).phrase
    headers = dict(error.headers or {})
    if "allow" in headers:
        headers["Allow"] = allow(headers.pop("allow").split(", "))
        if request.method == "OPTIONS":
            return Response(b"", status_code=HTTPStatus.NO_CONTENT, headers=headers)
        detail = f"{detail} Use {headers['Allow']}."
    return problem_response(error.status_code, code, detail, headers=headers)


def allow(methods: Collection[str]) -> str:
    """The value of `Allow`: HEAD is answered wherever GET is."""
    return ", ".join(sorted({*methods} | ({"HEAD"} if "GET" in methods else set())))


def _unexpected(_: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    _logger.error("A request failed in a way nobody foresaw", exc_info=error)
    detail = "The server could not do this; its log says why."
    return problem_response(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", detail)


def exception_handlers() -> ExceptionHandlersMap:
    """What `Litestar(exception_handlers=…)` gets."""
    return {
        TailboardError: _tailboard_error,
        ValidationException: _validation_error,
        HTTPException: http_error,
        Exception: _unexpected,
    }
