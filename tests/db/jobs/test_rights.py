"""A server whose role may do less than the tables' owner: what it cannot read is named, what it cannot lock checked."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from adopted_tables import EXPORTS, EXPORTS_SQL, adopt
from fixtures.database import Connect
from fixtures.waiting import WAITING_FOR_LOCKS, await_until
from tailboard.core.action import Action
from tailboard.db.jobs import adopted_listing
from tailboard.db.jobs.adopted import Adopted
from tailboard.db.jobs.adopted_actions import AdoptedActions
from tailboard.db.jobs.page import JobFilter, Wanted
from tailboard.db.jobs.reading import Jobs
from tailboard.db.pool import Database
from tailboard.errors import VersionMismatch

Session = psycopg.Connection[Any]


@pytest.fixture
def owner(database_url: str, connect: Connect) -> Session:
    connection = connect()
    connection.execute(EXPORTS_SQL)
    connection.execute("ALTER FUNCTION shop.again SECURITY DEFINER")
    adopt(database_url, EXPORTS)
    return connection


@pytest.fixture
def role(owner: Session) -> Iterator[str]:
    """A role that may look at the board and use the schema of the shop, and nothing else."""
    name = f"tb_viewer_{uuid4().hex[:8]}"
    owner.execute(f"CREATE ROLE {name}".encode())
    owner.execute(f"GRANT USAGE ON SCHEMA tailboard, shop TO {name}".encode())
    owner.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA tailboard TO {name}".encode())
    yield name
    owner.execute(f"DROP OWNED BY {name}; DROP ROLE {name}".encode())


@pytest.fixture
async def database(database_url: str, role: str) -> AsyncIterator[Database]:
    database = Database(make_conninfo(database_url, options=f"-c role={role}"))
    await database.open()
    yield database
    await database.close()


async def exports(jobs: Jobs) -> Adopted:
    source = (await jobs.attached()).find("exports")
    assert source is not None
    return source


async def test_a_table_that_may_not_be_read_is_named(owner: Session, role: str, database: Database) -> None:
    owner.execute("INSERT INTO tailboard.jobs (kind) VALUES ('a')")
    owner.execute("INSERT INTO shop.exports DEFAULT VALUES")
    jobs = Jobs(database)
    page = await jobs.list(Wanted(filter=JobFilter()))
    assert [card.name.source for card in page.cards] == ["jobs"]
    (failing,) = page.failing
    assert (failing.source, failing.code) == ("exports", "source_denied")
    assert "Grant it SELECT" in str(failing)
    owner.execute(f"GRANT SELECT ON shop.exports TO {role}".encode())
    page = await jobs.list(Wanted(filter=JobFilter()))
    assert (len(page.cards), page.failing) == (2, ())


async def test_what_may_not_be_locked_is_looked_at_again_after_the_action(
    owner: Session, role: str, database: Database, connect: Connect
) -> None:
    owner.execute(f"GRANT SELECT ON shop.exports TO {role}".encode())
    row = owner.execute("INSERT INTO shop.exports (state) VALUES ('err') RETURNING id::text").fetchone()
    assert row is not None
    jobs = Jobs(database)
    source = await exports(jobs)
    async with jobs.snapshot() as (_, reader):
        card = await adopted_listing.get(reader, source, row[0])
    assert card is not None
    other = connect(autocommit=False)
    other.execute("UPDATE shop.exports SET urgency = 9")
    retrying = asyncio.create_task(
        AdoptedActions(database, jobs).act(source, row[0], Action.RETRY, {card.version})
    )
    await await_until(lambda: owner.execute(WAITING_FOR_LOCKS).fetchone() == (1,))
    await asyncio.to_thread(other.commit)
    with pytest.raises(VersionMismatch):
        await retrying
    assert owner.execute("SELECT state::text FROM shop.exports").fetchone() == ("err",)
    async with jobs.snapshot() as (_, reader):
        card = await adopted_listing.get(reader, source, row[0])
    assert card is not None
    await AdoptedActions(database, jobs).act(source, row[0], Action.RETRY, {card.version})
    assert owner.execute("SELECT state::text FROM shop.exports").fetchone() == ("new",)
