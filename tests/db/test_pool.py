"""The pool: what is said when it has no connection left, or the schema is missing."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from fixtures.waiting import await_until
from tailboard.db.errors import translated
from tailboard.db.pool import Database
from tailboard.errors import DatabaseUnavailable, SchemaMissing


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """With a pool of one connection, that nobody else asks for."""
    database = Database(database_url, pool_size=1)
    await database.open()
    yield database
    await database.close()


async def _ask(database: Database) -> None:
    async with database.connection():
        pass


async def test_who_waits_in_vain_is_told_so(database: Database) -> None:
    database.pool.timeout = 0.05
    async with database.connection():
        with pytest.raises(
            DatabaseUnavailable,
            match=r"^PostgreSQL is not available: no connection to it could be had in time$",
        ):
            await _ask(database)


async def test_who_finds_too_many_waiting_is_refused_and_they_are_served(database: Database) -> None:
    database.pool.max_waiting = 1
    async with database.connection():
        waiting = asyncio.create_task(_ask(database))
        await await_until(lambda: database.pool.get_stats().get("requests_waiting", 0) == 1)
        with pytest.raises(
            DatabaseUnavailable,
            match=r"^PostgreSQL is not available: too many requests wait for a connection to it$",
        ):
            await _ask(database)
    await waiting


@pytest.mark.parametrize("binary", [False, True])
async def test_what_is_missing_is_told_in_whole_sentences(database: Database, binary: bool) -> None:
    async with database.connection() as connection:
        with (
            pytest.raises(
                SchemaMissing,
                match=r': relation "tailboard.nothing" does not exist. Run `tailboard migrate`.$',
            ),
            translated(),
        ):
            await connection.execute("SELECT FROM tailboard.nothing", binary=binary)
