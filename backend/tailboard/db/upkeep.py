"""Looking after adopted sources: what is to be seen of them, and keeping what was seen for every node."""

from typing import Any, NamedTuple

from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from tailboard.db.errors import translated
from tailboard.db.pool import Connection
from tailboard.db.queries import query
from tailboard.sources.sqltext import quoted
from tailboard.sources.upkeep import Look


class Horizon(NamedTuple):
    """The oldest transaction that runs, and an id that every running one is below."""

    oldest: int
    next: int


async def look(connection: Connection) -> list[Look]:
    """Every adopted source, by name."""
    with translated():
        rows = await (await connection.execute(query("upkeep_look"), {})).fetchall()
    return [Look(*row) for row in rows]


async def horizon(connection: Connection) -> Horizon:
    """Which transactions run now."""
    with translated():
        row = await (
            await connection.execute(
                "SELECT pg_snapshot_xmin(s)::text::bigint, pg_current_xact_id()::text::bigint"
                " FROM pg_current_snapshot() AS s"
            )
        ).fetchone()
    assert row is not None  # noqa: S101 - no table is asked
    return Horizon(*row)


async def note(
    connection: Connection, source: str, *, wanted: str | None, failure: str | None, trouble: str | None
) -> None:
    """Keep what is the matter with a source."""
    with translated():
        await connection.execute(
            query("upkeep_note"),
            {"source": source, "wanted": wanted, "failure": failure, "trouble": trouble},
        )


async def poll(connection: Connection, source: str) -> None:
    """Let a source ask what no row tells, such as who holds an advisory lock, and log what has changed; does nothing
    for one that has nothing to ask.
    """
    function = Identifier("tailboard", f"poll_{source}")
    with translated():
        row = await (
            await connection.execute("SELECT to_regproc(%s)", (f"tailboard.{quoted(f'poll_{source}')}",))
        ).fetchone()
        if row is not None and row[0] is not None:
            await connection.execute(SQL("SELECT {}()").format(function))


async def health(connection: Connection) -> dict[str, dict[str, Any]]:
    """What was kept, and the newest faults of each capture, by source."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        with translated():
            await cursor.execute(query("upkeep_health"), {})
            return {row["name"]: row for row in await cursor.fetchall()}
