"""/api/sources: what is attached, how it is, and what can be done to its jobs."""

from typing import Final

from litestar import Controller, Response, get

from tailboard.core.action import Action
from tailboard.db.adopting.upkeep import Registered, healths, registered
from tailboard.db.jobs.adopted import Adopted
from tailboard.sources.health import Health, State
from tailboard.web.board import Board, OfBoard
from tailboard.web.documents import SourceHealth, SourceList, SourceNow, answers
from tailboard.web.render import answer, fields


class SourcesController(Controller):
    path = "/sources"
    tags = ("system",)

    @get(
        summary="What is attached, and how healthy it is",
        description=(
            "`health.status` is ok, syncing (its rows are being counted), faulty (its capture could not record "
            "some changes), drifted (columns that it looks at have changed), broken (nothing is captured) or "
            "stalled (this node does not follow the log just now); of the built-in one also missing (its table is) or "
            "detached (a trigger is gone or disabled). `detail` says what was found and `advice` what to do. `rows` "
            "is what the log counts. An action that is not in `actions` is refused for every job."
        ),
        responses=answers(SourceList, "Sources by name, the built-in one first"),
    )
    async def sources(self, board: OfBoard) -> Response[bytes]:
        async with board.database.connection() as connection:
            sources = await registered(connection)
            adopted = {health.name: health for health in await healths(connection)}
        known = await board.jobs.attached()
        counted = board.projector.current().by_source()
        found = []
        for source in sources:
            health = adopted.get(source.name)
            found.append(
                SourceNow(
                    name=source.name,
                    table=source.table,
                    builtin=source.builtin,
                    attached=source.captured if health is None else health.state is not State.BROKEN,
                    attached_at=source.attached_at,
                    rows=counted[source.name]["total"] if source.name in counted else 0,
                    health=_own(board, source) if health is None else _adopted(board, health),
                    actions=[] if board.access.read_only else _actions(known.find(source.name)),
                )
            )
        return answer(fields(sources=found, read_only=board.access.read_only))


def _actions(source: Adopted | None) -> list[str]:
    """What can be done to the source's jobs; None is the built-in one, where everything can."""
    return [action.value for action in Action if source is None or action in source.actions]


def _adopted(board: Board, health: Health) -> SourceHealth:
    following = board.tailer.is_ready
    stalled = health.state is State.OK and not following
    return SourceHealth(
        status="stalled" if stalled else health.state.value,
        lag_ms=round(board.tailer.lag_ms, 1) if following and health.state is not State.BROKEN else None,
        detail=_STALLED if stalled else health.found,
        advice=health.advice or None,
        faults=health.faults,
        last_fault=health.last_fault,
        last_fault_at=health.last_fault_at,
        counted_at=health.counted_at,
    )


def _own(board: Board, source: Registered) -> SourceHealth:
    """The built-in source: a fault of its capture fails the statement, so there is none to count."""
    if not source.there:
        return SourceHealth(status="missing", lag_ms=None, detail=f"The table {source.table} is not there.")
    if not source.captured:
        detail = f"A trigger on {source.table} is gone or disabled: some writes are not seen."
        return SourceHealth(status="detached", lag_ms=None, detail=detail)
    if not board.tailer.is_ready:
        return SourceHealth(status="stalled", lag_ms=None, detail=_STALLED)
    return SourceHealth(status="ok", lag_ms=round(board.tailer.lag_ms, 1), detail=None)


_STALLED: Final = "This node does not follow the log just now."
