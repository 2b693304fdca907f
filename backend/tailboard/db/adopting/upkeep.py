"""Looking after adopted sources: what is to be seen of them, and keeping what was seen for every node."""

from datetime import datetime
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import class_row
from psycopg.sql import SQL, Identifier, Literal

from tailboard.db.errors import required, translated
from tailboard.db.pool import Connection
from tailboard.db.queries import query
from tailboard.sources.health import Health, judge
from tailboard.sources.look import Look
from tailboard.sources.sqltext import quoted


class Registered(NamedTuple):
    """A source as Tailboard has noted it, the built-in one too; the columns of `sources/registered.sql`."""

    name: str
    table: str
    builtin: bool
    there: bool
    """A table of the name exists."""
    captured: bool
    """Tailboard's own triggers fire for every kind of write; of the built-in table alone."""
    attached_at: datetime


class Horizon(NamedTuple):
    """The oldest transaction that runs, and an id that every running one is below."""

    oldest: int
    next: int


async def registered(connection: Connection) -> list[Registered]:
    """Every source, the built-in one first and then by name."""
    with translated():
        async with connection.cursor(row_factory=class_row(Registered)) as cursor:
            return await (await cursor.execute(query("sources_registered"))).fetchall()


async def look(connection: Connection) -> list[Look]:
    """Every adopted source, by name."""
    with translated():
        async with connection.cursor(row_factory=class_row(Look)) as cursor:
            return await (await cursor.execute(query("upkeep_look"), {})).fetchall()


async def healths(connection: Connection) -> list[Health]:
    """How every adopted source is, by name."""
    return [judge(seen) for seen in await look(connection)]


def healths_sync(connection: psycopg.Connection[Any]) -> list[Health]:
    """The same for a command."""
    with translated(), connection.cursor(row_factory=class_row(Look)) as cursor:
        return [judge(seen) for seen in cursor.execute(query("upkeep_look"), {}).fetchall()]


async def horizon(connection: Connection) -> Horizon:
    """Which transactions run now."""
    asked = (
        "SELECT pg_snapshot_xmin(s)::text::bigint, pg_current_xact_id()::text::bigint"
        " FROM pg_current_snapshot() AS s"
    )
    with translated():
        return Horizon(*required(await (await connection.execute(asked)).fetchone(), asked))


async def note(
    connection: Connection, source: str, *, wanted: str | None, failure: str | None, trouble: str | None
) -> None:
    """Keep what is the matter with a source."""
    with translated():
        await connection.execute(
            query("upkeep_note"),
            {"source": source, "wanted": wanted, "failure": failure, "trouble": trouble},
        )


async def take_restored(connection: Connection, source: str) -> None:
    """From now on a source's table is the one that has the name and carries its trigger."""
    with translated():
        await connection.execute(
            "UPDATE tailboard.sources SET relation = to_regclass(table_name)::oid WHERE name = %s", [source]
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


async def recheck(connection: Connection, source: str) -> int:
    """For a source that remembers: log what the tables say and the log does not know, a thousand jobs at a time. Each
    is looked at once, whatever its expressions say then. Returns how many jobs that were.
    """
    statement = query("upkeep_recheck").format(
        name=Literal(source),
        rows=SQL("{}()").format(Identifier("tailboard", f"source_{source}")),
        follow=Identifier("tailboard", f"follow_{source}"),
    )
    total = 0
    after: str | None = None
    while True:
        with translated():
            async with connection.transaction():
                await connection.execute("SET LOCAL lock_timeout = '200ms'")
                await connection.execute("SET LOCAL enable_seqscan = on")
                row = await (await connection.execute(statement, {"after": after})).fetchone()
        looked_at, after = required(row, statement)
        total += int(looked_at)
        if after is None:
            return total
