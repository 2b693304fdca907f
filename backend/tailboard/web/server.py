"""The Litestar application: all controllers and transports over one Board."""

from typing import Any

from litestar import Litestar, Request, Response, Router
from litestar.di import Provide
from litestar.exceptions import MethodNotAllowedException, NotFoundException
from litestar.routes import HTTPRoute
from litestar.types import LifeSpanReceive, LifeSpanScope, LifeSpanSend, Message, Receive, Scope, Send

from tailboard.web.board import Board
from tailboard.web.crossing import crossing_headers
from tailboard.web.errors import allow, exception_handlers, http_error
from tailboard.web.guards import AccessGuard, json_only, known_parameters
from tailboard.web.job import JobController
from tailboard.web.jobs import JobsController
from tailboard.web.log import EventsController, StatsController
from tailboard.web.names import whole_parts
from tailboard.web.openapi import openapi_config
from tailboard.web.page import Page, security_headers
from tailboard.web.past import PastController
from tailboard.web.sources import SourcesController
from tailboard.web.stream import PATH as STREAM_PATH
from tailboard.web.stream import stream_route
from tailboard.web.system import MAX_BODY, MetricsController, ProbeController, SystemController
from tailboard.web.websocket import websocket_route


class _Application(Litestar):
    """Litestar, with the paths of jobs as they were sent, since an id may hold a slash, and with HEAD."""

    async def __call__(
        self, scope: Scope | LifeSpanScope, receive: Receive | LifeSpanReceive, send: Send | LifeSpanSend
    ) -> None:
        await super().__call__(_asked(whole_parts(scope)), receive, send)


def create_litestar(board: Board) -> Litestar:
    """The ASGI application of a board. Starting and stopping what the board is made of is the caller's."""
    guard = AccessGuard(board.access)
    page = Page(board.static_dir)

    def not_found(request: Request[Any, Any, Any], error: NotFoundException) -> Response[bytes]:
        if request.method in {"GET", "OPTIONS"}:
            sent = request.scope["raw_path"]
            found = page.find(request.scope["path"], sent, request.headers.get("if-none-match"))
            if found is not None and request.method == "GET":
                return found
            if found is not None:
                return http_error(request, MethodNotAllowedException(headers={"allow": "GET, OPTIONS"}))
        return http_error(request, error)

    async def complete_head(message: Message, scope: Scope) -> None:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", ()), *security_headers(scope["headers"])]
            message["headers"] = [*_allowed(headers, scope), *crossing_headers(board.access, scope)]

    data = Router(
        "/api",
        route_handlers=[
            JobsController,
            JobController,
            EventsController,
            StatsController,
            PastController,
            SourcesController,
            SystemController,
        ],
        guards=[guard, known_parameters, json_only],
    )
    guarded = Router("/", route_handlers=[MetricsController], guards=[guard, known_parameters])
    return _Application(
        [
            data,
            guarded,
            ProbeController,
            websocket_route(board.hub, board.access),
            stream_route(board.hub, board.access),
        ],
        dependencies={"board": Provide(lambda: board, sync_to_thread=False)},
        exception_handlers={**exception_handlers(), NotFoundException: not_found},
        before_send=[complete_head],
        openapi_config=openapi_config(board.version, [guard, known_parameters]),
        request_max_body_size=MAX_BODY,
        logging_config=None,
    )


def _asked(scope: Scope | LifeSpanScope) -> Scope | LifeSpanScope:
    """The scope, with a HEAD as the GET that it asks about: uvicorn leaves the body away. Streams know HEAD."""
    if scope.get("method") != "HEAD" or scope.get("path") == STREAM_PATH:
        return scope
    return {**scope, "method": "GET"}  # type: ignore[return-value]  # a copy has lost its name


def _allowed(headers: list[tuple[bytes, bytes]], scope: Scope) -> list[tuple[bytes, bytes]]:
    """The headers; where OPTIONS was asked, with all that may be: Litestar's answer names the methods of a path's first
    handler alone, and no HEAD.
    """
    if scope.get("method") != "OPTIONS":
        return headers
    template = scope.get("path_template")
    routes = [route for route in scope["litestar_app"].routes if route.path_format == template]
    named = [allow(route.methods).encode() for route in routes if isinstance(route, HTTPRoute)]
    return [(name, named[0] if name == b"allow" and named else value) for name, value in headers]
