"""What every call passes before its controller: host, token, origin, known parameters, a JSON body."""

from functools import cache
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.params import QueryParameter

from tailboard.web.access import Access
from tailboard.web.errors import RequestRefused

_WRITES: Final = frozenset({"POST", "PATCH", "PUT", "DELETE"})
_MAX_PARAMETERS: Final = 600

Connection = ASGIConnection[Any, Any, Any, Any]


class AccessGuard:
    """The guard of all data: a host name of ours, the token, and an origin that may for writes, and for what a browser
    asks before it lets a page of another origin send anything.
    """

    def __init__(self, access: Access) -> None:
        self._access = access

    def __call__(self, connection: Connection, _: BaseRouteHandler) -> None:
        self._access.check_host(connection.scope)
        if connection.scope.get("method") == "OPTIONS":
            self._access.check_origin(connection.scope)
            return  # a browser asks for a page of a listed origin before it sends the token
        self._access.check_token(connection.scope)
        if connection.scope.get("method") in _WRITES:
            self._access.check_write(connection.scope)


def known_parameters(connection: Connection, handler: BaseRouteHandler) -> None:
    """Refuse a query parameter that the call does not have: misspelt, it would silently change nothing."""
    query: bytes = connection.scope["query_string"]
    if not query or not isinstance(handler, HTTPRouteHandler) or connection.scope.get("method") == "OPTIONS":
        return
    try:
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=_MAX_PARAMETERS)
    except ValueError as error:
        raise RequestRefused(
            HTTPStatus.BAD_REQUEST,
            "invalid_input",
            f"There are more than {_MAX_PARAMETERS} query parameters.",
        ) from error
    known = _parameters_of(handler)
    unknown = sorted({name for name, _ in pairs} - known)
    if unknown:
        shown = ", ".join([repr(name[:40]) for name in unknown[:5]])
        raise RequestRefused(
            HTTPStatus.BAD_REQUEST,
            "unknown_parameter",
            f"Unknown query parameter {shown}; this call knows {', '.join(sorted(known))}.",
        )


@cache
def _parameters_of(handler: HTTPRouteHandler) -> frozenset[str]:
    signatures = [handler.parsed_fn_signature]
    signatures += [provider.parsed_fn_signature for provider in handler.resolve_dependencies().values()]
    return frozenset(
        ["token"]
        + [
            name
            for signature in signatures
            for name, field in signature.parameters.items()
            if isinstance(field.kwarg_definition, QueryParameter)
        ]
    )


def json_only(connection: Connection, handler: BaseRouteHandler) -> None:
    """Refuse a body that does not say it is JSON: without asking first, a page elsewhere can send no JSON."""
    if connection.scope.get("method") not in {"POST", "PATCH", "PUT"}:
        return
    if "body" not in handler.parsed_fn_signature.parameters:
        return
    media_type = connection.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        raise RequestRefused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "Send the body as JSON, with Content-Type: application/json.",
        )
