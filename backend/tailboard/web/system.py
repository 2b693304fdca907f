"""Who works, what is attached, who listens, and the probes of those who run the server."""

import asyncio
import contextlib

from litestar import Controller, Response, get
from msgspec.json import encode

from tailboard.db.adopting.upkeep import registered
from tailboard.db.gauges import Readings
from tailboard.db.jobs.actions import BULK_LIMIT
from tailboard.errors import DatabaseUnavailable, NotReady, TailboardError
from tailboard.live import presence
from tailboard.web.board import OfBoard
from tailboard.web.documents import (
    Alive,
    BoardNow,
    ConnectionList,
    Ready,
    WorkerList,
    answers,
)
from tailboard.web.metrics import exposition
from tailboard.web.render import answer, failing_json, fields, items, job_json

_PROBE_S = 2.0
MAX_BODY = 1 << 20


class SystemController(Controller):
    tags = ("system",)

    @get(
        "/workers",
        summary="Who works, and on what",
        description=f"By heartbeat: late after {presence.LATE_S} s of silence, lost after {presence.LOST_S} s. "
        "`complete` is false where there are more workers or running jobs than are told.",
        responses=answers(WorkerList, "Workers by name"),
    )
    async def workers(self, board: OfBoard) -> Response[bytes]:
        found = [
            fields(
                name=present.worker.name,
                info=present.worker.info,
                started_at=present.worker.started_at,
                seen_at=present.worker.seen_at,
                silent_s=present.worker.silent_s,
                health=present.health.value,
                alive=present.health is not presence.Health.LOST,
                jobs=items([job_json(card) for card in present.worker.jobs]),
            )
            for present in await board.presence.workers()
        ]
        return answer(
            fields(
                workers=items(found),
                complete=board.presence.complete,
                failing=failing_json(board.presence.failing),
            )
        )

    @get(
        "/connections",
        summary="Who listens to this node",
        responses=answers(ConnectionList, "Connections, oldest first"),
    )
    async def connections(self, board: OfBoard) -> Response[bytes]:
        return answer(fields(connections=encode(board.hub.connections())))

    @get(
        "/board",
        summary="What a page needs to know first",
        responses=answers(BoardNow, "The board"),
    )
    async def board(self, board: OfBoard) -> Response[bytes]:
        async with board.database.connection() as connection:
            sources = await registered(connection)
        return answer(
            fields(
                version=board.version,
                read_only=board.access.read_only,
                token_required=board.access.requires_token,
                sources=[source.name for source in sources],
                limits={"list": 500, "events": 1000, "bulk": BULK_LIMIT, "body_bytes": MAX_BODY},
            )
        )


class MetricsController(Controller):
    @get("/metrics", tags=["system"], summary="Metrics for Prometheus", media_type="text/plain")
    async def metrics(self, board: OfBoard) -> Response[bytes]:
        readings = Readings()
        # Without a database the rest still tells of the node.
        with contextlib.suppress(TailboardError, TimeoutError):
            async with (
                asyncio.timeout(2 * _PROBE_S),
                board.database.connection(within_s=_PROBE_S) as connection,
            ):
                await readings.take(connection, late_s=presence.LATE_S, lost_s=presence.LOST_S)
        return Response(exposition(board, readings), media_type="text/plain; version=0.0.4")


class ProbeController(Controller):
    """Open without a token: they tell nothing about jobs."""

    tags = ("system",)

    @get(
        "/livez",
        summary="Whether the process lives",
        responses=answers(Alive, "It does"),
    )
    async def livez(self) -> Response[bytes]:
        return answer(b'{"status":"alive"}')

    @get(
        "/readyz",
        summary="Whether the server is ready",
        description="200 while the database answers and the log is followed, else 503 with what is wrong.",
        responses=answers(Ready, "It is"),
    )
    async def readyz(self, board: OfBoard) -> Response[bytes]:
        try:
            async with (
                asyncio.timeout(2 * _PROBE_S),
                board.database.connection(within_s=_PROBE_S) as connection,
            ):
                await connection.execute("SELECT 1")
        except TimeoutError as error:
            raise DatabaseUnavailable(
                "No connection to the database within a few seconds: it is away, or too many wait for an answer."
            ) from error
        except TailboardError as error:
            raise DatabaseUnavailable("The database cannot be reached.") from error
        if not board.tailer.is_ready:
            raise NotReady(
                "The log is not being followed: the server's own log says why. It tries again by itself."
            )
        return answer(
            fields(
                status="ready",
                lag_ms=round(board.tailer.lag_ms, 1),
                leader=board.sealer.leading,
                cursor=None if board.tailer.head is None else str(board.tailer.head),
            )
        )
