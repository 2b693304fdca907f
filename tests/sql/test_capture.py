"""What the triggers of the built-in table record, and that they are never in the worker's way."""

import threading
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg.types.json import Jsonb

from fixtures.database import Connect
from fixtures.waiting import wait_until
from tailboard.core.job import Status

Row = tuple[Any, ...]


def changes(connection: psycopg.Connection[Any]) -> list[Row]:
    return connection.execute(
        "SELECT op, old_status, new_status FROM tailboard.changes ORDER BY seq"
    ).fetchall()


def add(connection: psycopg.Connection[Any], kind: str = "mail", **columns: Any) -> int:
    row = connection.execute("SELECT tailboard.enqueue(%s)", [kind]).fetchone()
    assert row is not None
    return int(row[0])


def test_plain_inserts_updates_and_deletes_are_recorded(connect: Connect) -> None:
    connection = connect()
    job = add(connection)
    connection.execute("UPDATE tailboard.jobs SET status = 'in_progress' WHERE id = %s", [job])
    connection.execute("UPDATE tailboard.jobs SET progress = 0.5 WHERE id = %s", [job])
    connection.execute("DELETE FROM tailboard.jobs WHERE id = %s", [job])
    assert changes(connection) == [
        ("I", None, "pending"),
        ("U", "pending", "in_progress"),
        ("U", "in_progress", "in_progress"),
        ("D", "in_progress", None),
    ]


def test_an_update_that_changes_nothing_is_not_recorded(connect: Connect) -> None:
    connection = connect()
    add(connection)
    connection.execute("UPDATE tailboard.jobs SET status = status, payload = payload, tags = tags")
    assert len(changes(connection)) == 1


def test_a_rolled_back_change_leaves_no_row(connect: Connect) -> None:
    connection = connect()
    with connection.transaction(force_rollback=True):
        add(connection)
    with connection.transaction():
        add(connection)
        with connection.transaction(force_rollback=True):
            connection.execute("UPDATE tailboard.jobs SET status = 'failed'")
    assert changes(connection) == [("I", None, "pending")]


@pytest.mark.parametrize("kept", [True, False])
def test_delete_and_insert_of_one_id_in_one_transaction_are_one_update(connect: Connect, kept: bool) -> None:
    connection = connect()
    job = add(connection)
    with connection.transaction():
        with connection.transaction(force_rollback=not kept):
            connection.execute("DELETE FROM tailboard.jobs WHERE id = %s", [job])
            connection.execute(
                "INSERT INTO tailboard.jobs (id, kind, status, queue) VALUES (%s, 'mail', 'failed', 'slow')",
                [job],
            )
        connection.execute("INSERT INTO tailboard.jobs (kind) VALUES ('other')")
    expected: list[Row] = [("I", None, "pending"), ("U", "pending", "failed"), ("I", None, "pending")]
    assert changes(connection) == (expected if kept else [expected[0], expected[2]])


def test_delete_and_insert_in_two_transactions_are_two_changes(connect: Connect) -> None:
    connection = connect()
    job = add(connection)
    connection.execute("DELETE FROM tailboard.jobs")
    connection.execute("INSERT INTO tailboard.jobs (id, kind) VALUES (%s, 'mail')", [job])
    assert [op for op, *_ in changes(connection)] == ["I", "D", "I"]


def test_truncate_is_one_reset_of_the_source(connect: Connect) -> None:
    connection = connect()
    add(connection)
    connection.execute("TRUNCATE tailboard.jobs")
    assert changes(connection)[1:] == [("T", None, None)]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO tailboard.jobs (id, kind) VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET status = 'paused'",
        (
            "MERGE INTO tailboard.jobs j USING (VALUES (1)) v (id) ON j.id = v.id"
            " WHEN MATCHED THEN UPDATE SET status = 'paused'"
        ),
        "WITH x AS (UPDATE tailboard.jobs SET status = 'paused' RETURNING id) SELECT count(*) FROM x",
    ],
)
def test_every_way_to_write_is_recorded_once(connect: Connect, statement: LiteralString) -> None:
    connection = connect()
    if statement.startswith("MERGE") and connection.info.server_version < 150000:
        pytest.skip("MERGE came with PostgreSQL 15")
    connection.execute("INSERT INTO tailboard.jobs (id, kind) VALUES (1, 'a')")
    connection.execute(statement)
    assert changes(connection) == [("I", None, "pending"), ("U", "pending", "paused")]


def test_copy_is_recorded_row_by_row(connect: Connect) -> None:
    connection = connect()
    with connection.cursor().copy("COPY tailboard.jobs (kind, status) FROM STDIN") as copy:
        copy.write_row(("a", "pending"))
        copy.write_row(("b", "completed"))
    assert changes(connection) == [("I", None, "pending"), ("I", None, "completed")]


def test_a_replica_role_is_no_way_around_capture(connect: Connect) -> None:
    connection = connect()
    connection.execute("SET session_replication_role = replica")
    connection.execute("INSERT INTO tailboard.jobs (kind) VALUES ('a')")
    assert len(changes(connection)) == 1


@pytest.mark.parametrize("size", [100, 2_000, 2_100, 50_000, 1_000_000])
def test_a_large_payload_stays_out_of_the_log_and_never_fails_the_worker(connect: Connect, size: int) -> None:
    connection = connect()
    payload = Jsonb({"text": "x" * size})
    connection.execute("INSERT INTO tailboard.jobs (id, kind, payload) VALUES (1, 'a', %s)", [payload])
    connection.execute("UPDATE tailboard.jobs SET status = 'completed', result = %s", [payload])
    rows = connection.execute(
        "SELECT card, octet_length(card::text) FROM tailboard.changes c, tailboard.card(c) AS card ORDER BY seq"
    ).fetchall()
    created, completed = rows[0][0], rows[1][0]
    if size < 2_048:
        assert created["payload"] == payload.obj
        assert "omitted" not in completed
    else:
        assert (created["payload"], created["omitted"]) == (None, ["payload"])
        assert (completed["result"], completed["omitted"]) == (None, ["payload", "result"])
        assert max(length for _, length in rows) < 2_000
    card = connection.execute("SELECT tailboard.job_card(j) FROM tailboard.jobs j").fetchone()
    assert card == (completed,)


def test_what_filters_look_at_is_recorded_as_it_was(connect: Connect) -> None:
    connection = connect()
    add(connection)
    connection.execute("UPDATE tailboard.jobs SET worker = 'w1', tags = '{a}'")
    connection.execute("UPDATE tailboard.jobs SET queue = 'b', worker = 'w2', kind = 'pdf'")
    connection.execute("UPDATE tailboard.jobs SET progress = 0.5")
    found = connection.execute(
        "SELECT tailboard.was(c, tailboard.card(c)) FROM tailboard.changes c ORDER BY seq"
    ).fetchall()
    assert found == [
        (None,),
        ({"worker": None, "tags": []},),
        ({"queue": "default", "worker": "w1", "kind": "mail"},),
        (None,),
    ]


def test_a_worker_needs_no_rights_on_the_log(connect: Connect) -> None:
    owner = connect()
    role = f"worker_{owner.info.backend_pid}"
    owner.execute(f"CREATE ROLE {role}")
    try:
        owner.execute(f"GRANT USAGE ON SCHEMA tailboard TO {role}")
        owner.execute(f"GRANT SELECT, INSERT, UPDATE ON tailboard.jobs TO {role}")
        worker = connect()
        worker.execute(f"SET ROLE {role}")
        worker.execute("INSERT INTO tailboard.jobs (kind) VALUES ('a')")
        worker.execute("UPDATE tailboard.jobs SET status = 'in_progress'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            worker.execute("SELECT * FROM tailboard.changes")
        assert len(changes(owner)) == 2
    finally:
        owner.execute(f"DROP OWNED BY {role}")
        owner.execute(f"DROP ROLE {role}")


def test_nobody_hijacks_the_capture_by_a_search_path(connect: Connect) -> None:
    """It runs with its owner's rights, so nothing in it may be looked up where a caller can put things."""
    connection = connect()
    connection.execute("CREATE SCHEMA evil")
    connection.execute("CREATE DOMAIN evil.text AS pg_catalog.text CHECK (false)")
    connection.execute(
        "CREATE FUNCTION evil.to_jsonb(anyelement) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb'"
    )
    connection.execute(
        "CREATE FUNCTION evil.nextval(regclass) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint / 0'"
    )
    for name, types in {"text": "text, text", "int": "integer, integer", "big": "bigint, integer"}.items():
        left, right = (
            f"pg_catalog.{kind}"
            for kind in types.replace("integer", "int4").replace("bigint", "int8").split(", ")
        )
        connection.execute(
            f"CREATE FUNCTION evil.{name}_trap({left}, {right}) RETURNS boolean LANGUAGE plpgsql"
            " AS $$ BEGIN RAISE EXCEPTION 'hijacked'; END $$"
        )
        for operator in ("=", "<", ">", "<>"):
            connection.execute(
                f"CREATE OPERATOR evil.{operator} (LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = evil.{name}_trap)"
            )
    connection.execute(
        "ALTER FUNCTION tailboard.stamp_job() SET search_path = pg_catalog"
    )  # the caller's own affair
    connection.execute("SET search_path = evil, pg_catalog")
    connection.execute("INSERT INTO tailboard.jobs (id, kind) VALUES (1, 'a')")
    connection.execute("UPDATE tailboard.jobs SET status = 'in_progress'")
    connection.execute(
        "UPDATE tailboard.jobs SET payload = pg_catalog.to_jsonb(pg_catalog.repeat('x', 3000))"
    )
    connection.execute("DELETE FROM tailboard.jobs")
    connection.execute("RESET search_path")
    assert [op for op, *_ in changes(connection)] == ["I", "U", "U", "D"]


def test_writers_go_on_when_nobody_makes_leaves(connect: Connect) -> None:
    connection = connect()
    end = connection.execute("SELECT max(to_seq) FROM tailboard.leaves").fetchone()
    assert end is not None
    connection.execute("SELECT setval('tailboard.changes_seq', %s)", [end[0] - 3])
    for _ in range(6):
        add(connection)
    assert connection.execute("SELECT count(*) FROM tailboard.changes_overflow").fetchone() == (4,)
    made = connection.execute("SELECT tailboard.make_leaves()").fetchone()
    assert made == (2,)
    add(connection)  # numbers drawn before the new leaf begins still go to the overflow
    first = connection.execute(
        "SELECT min(from_seq) FROM tailboard.leaves WHERE from_seq >= %s", end
    ).fetchone()
    assert first is not None
    connection.execute("SELECT setval('tailboard.changes_seq', %s)", [first[0]])
    connection.execute("SELECT tailboard.make_leaves()")
    add(connection)
    assert connection.execute("SELECT count(*) FROM tailboard.changes").fetchone() == (8,)
    assert connection.execute("SELECT count(*) FROM tailboard.changes_overflow").fetchone() == (5,)


@pytest.mark.parametrize(
    ("values", "constraint", "says"),
    [
        (
            "status = 'done'",
            "status_is_one_of_the_seven",
            "HINT:  It is one of scheduled, pending, in_progress",
        ),
        ("status = 'done', progress = 0.5", "status_is_one_of_the_seven", 'cannot have the status "done"'),
        ("progress = 1.5", "progress_is_between_0_and_1", "between 0 and 1, not 1.5"),
        ("progress = -0.1", "progress_is_between_0_and_1", "between 0 and 1, not -0.1"),
        ("progress = 'NaN'", "progress_is_between_0_and_1", "between 0 and 1, not NaN"),
        ("phases = '{}'", "phases_is_a_list", "HINT:  Each phase is an object"),
        ("phases = 'null'", "phases_is_a_list", "a list, not a JSON null"),
    ],
)
def test_an_illegal_value_is_refused_by_a_check_with_a_readable_name(
    connect: Connect, values: LiteralString, constraint: str, says: str
) -> None:
    connection = connect()
    add(connection)
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        connection.execute("UPDATE tailboard.jobs SET " + values)
    assert refused.value.diag.constraint_name == constraint
    assert (refused.value.diag.schema_name, refused.value.diag.table_name) == ("tailboard", "jobs")
    assert says in str(refused.value)
    assert len(changes(connection)) == 1


@pytest.mark.parametrize(
    "values",
    ["progress = 0", "progress = 1", "progress = NULL", "phases = '[]'", 'phases = \'[{"name": "a"}]\''],
)
def test_what_a_job_may_be_is_not_refused(connect: Connect, values: LiteralString) -> None:
    connection = connect()
    add(connection)
    for status in Status:
        connection.execute("UPDATE tailboard.jobs SET status = %s, " + values, [status.value])


@pytest.fixture(params=[pytest.param(1, id="armed"), pytest.param(0, id="muted")])
def writer(connect: Connect, request: pytest.FixtureRequest) -> psycopg.Connection[Any]:
    """Who has a job, and is captured the slow way or the quick one."""
    connection = connect()
    add(connection)
    connection.execute("SELECT setval('tailboard.bell', %s)", [request.param])
    return connection


@pytest.mark.parametrize("size", [16_000, 17_000, 2_000_000])
def test_a_long_text_is_cut_and_a_list_of_very_many_stays_out_of_the_log(
    writer: psycopg.Connection[Any], size: int
) -> None:
    writer.execute(
        "UPDATE tailboard.jobs SET status = 'failed', error = repeat('x', %(size)s), phase = repeat('y', %(size)s),"
        " (phases, tags) = (SELECT jsonb_agg(jsonb_build_object('name', md5(i::text))), array_agg(md5(i::text))"
        " FROM generate_series(1, %(size)s / 100) AS i)",
        {"size": size},
    )
    row = writer.execute(
        "SELECT tailboard.card(c), pg_column_size(phases) FROM tailboard.changes c, tailboard.jobs"
        " ORDER BY seq DESC LIMIT 1"
    ).fetchone()
    assert row is not None
    card, stored = row
    long, many = size > 16_384, stored > 16_384
    assert many == (size == 2_000_000)
    assert (len(card["error"]), len(card["phase"])) == (min(size, 16_384),) * 2
    assert (card["phases"] == [], card["tags"] == []) == (many, many)
    omitted = {"error": long, "phase": long, "phases": many, "tags": many}
    assert sorted(card.get("omitted", [])) == [name for name, is_omitted in omitted.items() if is_omitted]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("phase", "repeat('y', 20000)"),
        ("tags", "(SELECT array_agg(md5(i::text)) FROM generate_series(1, 2000) AS i)"),
    ],
)
def test_one_value_alone_is_enough_to_be_large(
    writer: psycopg.Connection[Any], column: str, value: str
) -> None:
    writer.execute(f"UPDATE tailboard.jobs SET {column} = {value}".encode())
    writer.execute("UPDATE tailboard.jobs SET progress = 0.5")
    rows = writer.execute(
        "SELECT tailboard.card(c) -> 'omitted', pg_column_size(c.*) < 4000 FROM tailboard.changes c"
        " ORDER BY seq DESC LIMIT 2"
    ).fetchall()
    assert rows == [([column], True)] * 2


def test_two_may_make_leaves_at_once(connect: Connect) -> None:
    first, second = connect(), connect()
    first.execute("UPDATE tailboard.settings SET value = '100' WHERE key = 'leaf_rows'")
    end = first.execute("SELECT max(from_seq) FROM tailboard.leaves").fetchone()
    assert end is not None
    first.execute("SELECT setval('tailboard.changes_seq', %s)", end)
    made: list[Any] = []
    with first.transaction():
        made.append(first.execute("SELECT tailboard.make_leaves()").fetchone())
        waiting = threading.Thread(
            target=lambda: made.append(second.execute("SELECT tailboard.make_leaves()").fetchone())
        )
        waiting.start()
        looking = connect()
        wait_until(
            lambda: (
                looking.execute(
                    "SELECT cardinality(pg_blocking_pids(%s)) > 0", [second.info.backend_pid]
                ).fetchone()
                == (True,)
            )
        )
    waiting.join(10)
    assert made == [(2,), (0,)]


def test_the_id_of_a_job_cannot_change(connect: Connect) -> None:
    connection = connect()
    add(connection)
    with pytest.raises(psycopg.errors.RestrictViolation, match="cannot change"):
        connection.execute("UPDATE tailboard.jobs SET id = 99")
