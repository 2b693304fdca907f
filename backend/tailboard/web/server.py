"""The Litestar application: all controllers and transports over one Board."""

import re
from typing import Any

from litestar import Litestar, Request, Response, Router
from litestar.config.cors import CORSConfig
from litestar.di import Provide
from litestar.exceptions import NotFoundException
from litestar.types import LifeSpanReceive, LifeSpanScope, LifeSpanSend, Message, Receive, Scope, Send

from tailboard.web.board import Board
from tailboard.web.errors import exception_handlers, http_error
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
        if request.method == "GET":
            sent = request.scope["raw_path"]
            found = page.find(request.scope["path"], sent, request.headers.get("if-none-match"))
            if found is not None:
                return found
        return http_error(request, error)

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
        before_send=[_add_security_headers],
        cors_config=_other_pages(board.access.origins),
        openapi_config=openapi_config(board.version, [guard, known_parameters]),
        request_max_body_size=MAX_BODY,
        logging_config=None,
    )


def _other_pages(origins: tuple[str, ...]) -> CORSConfig | None:
    """What browsers have to be told before pages of the listed origins may write, or read an answer.

    The token goes with a header or the address, never by itself, so that no credentials are allowed.
    """
    if not origins:
        return None
    return CORSConfig(
        allow_origins=[],  # in these an asterisk would be a wildcard, and `Access` knows none
        allow_origin_regex="|".join([re.escape(origin) for origin in origins]),
        allow_methods=["GET", "HEAD", "POST", "PATCH", "DELETE"],
        allow_headers=["Authorization", "X-API-Key", "Content-Type", "If-Match", "Last-Event-ID"],
        expose_headers=["ETag", "Location", "Retry-After"],
    )


def _asked(scope: Scope | LifeSpanScope) -> Scope | LifeSpanScope:
    """The scope, with a HEAD as the GET that it asks about: uvicorn leaves the body away. Streams know HEAD."""
    if scope.get("method") != "HEAD" or scope.get("path") == STREAM_PATH:
        return scope
    return {**scope, "method": "GET"}  # type: ignore[return-value]  # a copy has lost its name


async def _add_security_headers(message: Message, scope: Scope) -> None:
    if message["type"] == "http.response.start":
        message["headers"] = [*message.get("headers", ()), *security_headers(scope["headers"])]
