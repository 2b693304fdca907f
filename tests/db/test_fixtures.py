"""The fixtures keep the promises that other tests rely on."""

import psycopg
import pytest

from fixtures.database import AConnect, Connect, database_url_for
from fixtures.waiting import await_until, wait_until


def test_a_database_has_the_schema_and_no_jobs(connect: Connect) -> None:
    assert connect().execute("SELECT count(*) FROM tailboard.jobs").fetchone() == (0,)


def test_an_empty_database_has_no_schema(empty_database_url: str, connect: Connect) -> None:
    found = connect().execute("SELECT to_regnamespace('tailboard'), current_database()").fetchone()
    assert found is not None
    assert found[0] is None
    assert database_url_for(empty_database_url, found[1]) == empty_database_url


@pytest.mark.parametrize("_once_more", range(2))
def test_what_a_test_writes_is_gone_for_the_next(connect: Connect, _once_more: int) -> None:
    connect().execute("INSERT INTO tailboard.jobs (kind) VALUES ('mail')")
    assert connect().execute("SELECT count(*) FROM tailboard.jobs").fetchone() == (1,)


@pytest.mark.usefixtures("prepared_transactions")
def test_a_transaction_left_prepared_does_not_hold_the_database(connect: Connect) -> None:
    connection = connect(autocommit=False)
    connection.tpc_begin(connection.xid(1, "left", "behind"))
    connection.execute("CREATE TABLE never_committed ()")
    connection.tpc_prepare()


async def test_async_connections_reach_the_same_database(connect: Connect, aconnect: AConnect) -> None:
    connect().execute("CREATE TABLE seen ()")
    await (await aconnect()).execute("SELECT FROM seen")


def test_a_wait_that_is_in_vain_names_its_condition() -> None:
    with pytest.raises(TimeoutError, match="never_true"):
        wait_until(lambda never_true=False: never_true, timeout=0.05)


async def test_conditions_may_be_coroutines(aconnect: AConnect) -> None:
    connection = await aconnect()

    async def is_alone() -> bool:
        rows = await connection.execute(
            "SELECT FROM pg_stat_activity "
            "WHERE datname = current_database() AND backend_type = 'client backend'"
        )
        return rows.rowcount == 1

    other = await aconnect()
    await other.close()
    assert await await_until(is_alone)


def test_connections_are_autocommit_unless_told_otherwise(connect: Connect) -> None:
    assert connect().info.transaction_status is psycopg.pq.TransactionStatus.IDLE
    assert connect().autocommit
    assert not connect(autocommit=False).autocommit
