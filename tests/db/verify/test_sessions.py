"""Whatever a worker's session is set to, what is captured of it is what another session reads of the table."""

import pytest

from adopted_tables import EXPORTS, EXPORTS_SQL, adopt
from fixtures.database import Connect
from fixtures.waiting import await_until
from log_rig import board
from tailboard.db.verify.proof import verify


@pytest.mark.parametrize(
    "setting",
    [
        "array_nulls = off",
        "bytea_output = 'escape'",
        "client_encoding = 'LATIN1'",
        "datestyle = 'German'",
        "default_transaction_isolation = 'serializable'",
        "extra_float_digits = -15",
        "intervalstyle = 'iso_8601'",
        "plan_cache_mode = 'force_generic_plan'",
        "plpgsql.variable_conflict = 'use_column'",
        "quote_all_identifiers = on",
        "row_security = off",
        "search_path = ''",
        "session_replication_role = 'replica'",
        "standard_conforming_strings = off",
        "synchronous_commit = off",
        "timezone = 'Asia/Kathmandu'",
        "transform_null_equals = on",
    ],
)
async def test_a_workers_session_may_be_set_to_anything(
    database_url: str, connect: Connect, setting: str
) -> None:
    worker = connect()
    worker.execute(EXPORTS_SQL)
    adopt(database_url, EXPORTS)
    worker.execute(f"SET {setting}".encode())
    replica = "replica" in setting  # where the captures of adopted tables rest, as everybody's triggers do
    async with board(database_url) as node:
        for size in (10, 5_000):
            worker.execute(
                "INSERT INTO tailboard.jobs (kind, payload, tags, progress) VALUES"
                " ('\u00e4', to_jsonb(repeat('x', %s)), ARRAY['a', NULL], 1.0 / 3)",
                [size],
            )
            if not replica:
                worker.execute(
                    "INSERT INTO shop.exports (body, begun, region) VALUES (to_json(repeat('x', %s)), now(), '\u00e4')",
                    [size],
                )
        worker.execute("UPDATE tailboard.jobs SET status = 'in_progress', worker = '\u00e4'")
        worker.execute("UPDATE tailboard.jobs SET status = 'completed', result = '{\"a\": 0.1}'")
        if not replica:
            worker.execute("UPDATE shop.exports SET state = 'busy', host = 'h'")
        await await_until(lambda: node.caretaker.counted >= 1)
    report = verify(database_url, lambda *_: None)
    assert report.is_clean, report.differences
    reader = connect()
    assert reader.execute("SELECT count(*) FROM tailboard.faults").fetchone() == (0,)
