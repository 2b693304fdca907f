"""The OpenAPI document is true: made-up requests of every kind get the answers that it promises."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import psycopg
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, assume, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tailboard.app import Node, listen
from tailboard.settings import Settings
from tailboard.web.http import MAX_HEAD
from web_node import delivered

_ALWAYS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture
def address(database_url: str, tmp_path: Path) -> Iterator[str]:
    """A real server in a thread of its own: the requests come from a synchronous client."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO tailboard.jobs (kind, queue, status, worker, tags, payload) "
            "SELECT 'mail.' || g % 3, 'q' || g % 2, "
            "(ARRAY['pending', 'in_progress', 'failed', 'paused'])[g % 4 + 1], 'w' || g % 5, '{x}', "
            "jsonb_build_object('text', repeat('x', g * 200)) FROM generate_series(1, 40) g"
        )
        connection.execute("SELECT tailboard.heartbeat('w1')")
    running: Future[tuple[uvicorn.Server, str]] = Future()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(database_url, tmp_path, running)))
    thread.start()
    server, url = running.result(timeout=30)
    try:
        yield url
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        assert not thread.is_alive()


async def _serve(database_url: str, home: Path, running: "Future[tuple[uvicorn.Server, str]]") -> None:
    node = Node(Settings(home=home), database_url)
    try:
        await node.start()
        listener = listen("127.0.0.1", 0)
        listener.listen()  # so that a client who comes before the server waits
        server = uvicorn.Server(uvicorn.Config(node.litestar, lifespan="off", log_level="critical"))
        running.set_result((server, f"http://127.0.0.1:{listener.getsockname()[1]}"))
        await server.serve([listener])
    except BaseException as error:
        if not running.done():
            running.set_exception(error)
        raise
    finally:
        await node.stop()


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_answer_to_made_up_requests_is_as_the_document_says(address: str, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_url(f"{address}/schema")
    checks: list[Any] = _ALWAYS + ([negative_data_rejection] if mode is GenerationMode.NEGATIVE else [])
    tried = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if operation.path == "/metrics":
            continue  # text, with no schema to hold it to

        @given(case=operation.as_strategy(mode))
        @settings(
            max_examples=25,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        def holds(case: "schemathesis.Case[Any]") -> None:
            asked = case.as_transport_kwargs(base_url=address)
            # Fifty values as long as they may be do not fit the head of a request, which is refused before it is read.
            assume(len(str(httpx.URL(asked["url"], params=asked["params"]))) < MAX_HEAD // 2)
            case.call_and_validate(base_url=address, checks=checks)

        try:
            holds()
        except Unsatisfiable:
            continue  # a call without anything to get wrong
        tried += 1
    assert tried >= 10


def test_the_document_names_every_call_with_its_errors(address: str) -> None:
    document = httpx.get(f"{address}/schema").json()
    calls = {
        f"{method.upper()} {path}" for path, operations in document["paths"].items() for method in operations
    }
    job = "/api/jobs/{source}/{job_id}"
    assert calls == {
        "GET /api/jobs",
        "GET /api/past",
        "POST /api/jobs",
        "POST /api/jobs/bulk",
        f"GET {job}",
        f"PATCH {job}",
        f"DELETE {job}",
        f"POST {job}/retry",
        f"POST {job}/cancel",
        f"POST {job}/pause",
        f"POST {job}/resume",
        f"GET {job}/events",
        "GET /api/events",
        "GET /api/stats",
        "GET /api/stats/history",
        "GET /api/workers",
        "GET /api/sources",
        "GET /api/connections",
        "GET /api/board",
        "GET /livez",
        "GET /readyz",
        "GET /metrics",
    }
    act = document["paths"][f"{job}/retry"]["post"]["responses"]
    assert {"200", "400", "401", "403", "404", "409", "412", "503"} <= set(act)
    assert "application/problem+json" in act["409"]["content"]
    assert document["paths"]["/api/jobs"]["post"]["requestBody"]["content"]["application/json"]["schema"]


@pytest.mark.parametrize(
    ("path", "root"), [("/schema", "."), ("/schema/", ".."), ("/schema/openapi.json", "..")]
)
async def test_the_document_says_where_the_board_is_whatever_folder_that_is_in(
    client: httpx.AsyncClient, path: str, root: str
) -> None:
    assert (await client.get(path)).json()["servers"] == [{"url": root}]
    folder = httpx.URL("https://example.com/board").copy_with(path=f"/board{path}")
    assert folder.join(f"{root}/api/jobs") == "https://example.com/board/api/jobs"


async def test_whatever_a_filtered_page_of_the_log_holds_is_in_the_document(
    client: httpx.AsyncClient, node: Node, worker: psycopg.AsyncConnection[Any]
) -> None:
    start = (await client.get("/api/events")).json()["cursor"]
    await worker.execute("INSERT INTO tailboard.jobs (kind, queue) VALUES ('k', 'here')")
    await worker.execute("UPDATE tailboard.jobs SET queue = 'elsewhere'")
    await worker.execute("TRUNCATE tailboard.jobs")
    await delivered(node, worker)
    page = (await client.get(f"/api/events?after={start}&queue=here")).json()
    assert [told["type"] for told in page["events"]] == ["job_created", "left", "reset"]
    components = (await client.get("/schema")).json()["components"]
    jsonschema_rs.validate({"$ref": "#/components/schemas/EventPage", "components": components}, page)
