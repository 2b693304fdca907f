"""What the capture of an adopted table records, whatever its owner does, and that it never harms the owner."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest

from db.adopting.stranger import ODD, ODD_SQL, PARTS, PARTS_SQL, Row, changes, faults, source
from fixtures.database import Connect
from tailboard.db.adopting import attaching
from tailboard.db.adopting.attaching import attach, detach
from tailboard.sources import parsing
from tailboard.sources.source import Source

Owner = psycopg.Connection[Any]

PRINTS: LiteralString = '"Odd Shop"."Print Jobs"'


@pytest.fixture
def owner(connect: Connect, database_url: str) -> Owner:
    """The stranger's own session, with the odd table attached."""
    owner = connect()
    owner.execute(ODD_SQL)
    with attaching.connect(database_url) as connection:
        attach(connection, source(ODD))
    return owner


@pytest.fixture
def operator(database_url: str) -> Iterator[Owner]:
    with attaching.connect(database_url) as connection:
        yield connection


def cards(owner: Owner, table: str = "prints") -> list[dict[str, Any]]:
    return [
        row[0]
        for row in owner.execute("SELECT tailboard.card(c) FROM tailboard.changes c ORDER BY seq").fetchall()
    ]


def test_a_strangers_table_is_captured_and_read_alike(owner: Owner) -> None:
    owner.execute(
        f"""INSERT INTO {PRINTS} ("Order", pages, made_ms) VALUES ('{{"b": 1, "a": [2]}}', 4, 1700000000123)"""
    )
    owner.execute(f"""UPDATE {PRINTS} SET "State" = 'in work', pages_done = 1""")
    owner.execute(
        f"""UPDATE {PRINTS} SET "State" = 'broken', "found" = 'no "paper"', ended_ms = made_ms + 1500"""
    )
    assert changes(owner) == [
        ("I", None, "pending"),
        ("U", "pending", "in_progress"),
        ("U", "in_progress", "failed"),
    ]
    created, started, failed = cards(owner)
    assert created["payload"] == {"a": [2], "b": 1}
    assert created["created_at"] == "2023-11-14T22:13:20.123+00:00"
    assert (started["progress"], failed["error"]) == (0.25, 'no "paper"')
    assert failed["finished_at"] == "2023-11-14T22:13:21.623+00:00"
    assert (created["queue"], created["kind"], created["tags"], created["phases"]) == (
        "default",
        "print",
        [],
        [],
    )
    read = owner.execute(
        """SELECT to_jsonb(j) - '{due,native_status}'::text[] FROM tailboard.source_prints() AS j"""
    ).fetchone()
    assert read == (failed,)
    assert faults(owner, "prints") == 0


def test_a_card_has_the_keys_of_the_built_in_table(owner: Owner) -> None:
    owner.execute(f"INSERT INTO {PRINTS} DEFAULT VALUES")
    owner.execute("INSERT INTO tailboard.jobs (kind) VALUES ('k')")
    mine, theirs = owner.execute("SELECT tailboard.card(c) FROM tailboard.changes c ORDER BY seq").fetchall()
    assert list(mine[0]) == list(theirs[0])


def test_heartbeats_and_updates_of_nothing_are_not_recorded(owner: Owner) -> None:
    owner.execute(f"INSERT INTO {PRINTS} (\"Order\") VALUES ('{{}}')")
    owner.execute(f"UPDATE {PRINTS} SET seen_at = now()")
    owner.execute(f"UPDATE {PRINTS} SET unused = 5")
    owner.execute(f'UPDATE {PRINTS} SET "State" = "State", "Order" = "Order"')
    owner.execute(f"UPDATE {PRINTS} SET \"Order\" = '{{ }}'")  # other json, the same jsonb
    assert changes(owner) == [("I", None, "pending")]


@pytest.mark.parametrize("size", [100, 1_900, 2_200, 30_000, 1_000_000])
def test_a_large_payload_stays_out_of_the_log(owner: Owner, size: int) -> None:
    owner.execute(f'INSERT INTO {PRINTS} ("Order") VALUES (%s)', [json.dumps({"text": "x" * size})])
    (card,) = cards(owner)
    if size < 2_000:
        assert len(card["payload"]["text"]) == size
        assert "omitted" not in card
    else:
        assert (card["payload"], card["omitted"]) == (None, ["payload"])


def test_a_heartbeat_does_not_read_a_large_payload(owner: Owner) -> None:
    text = json.dumps({"text": "".join(map(str, range(200_000)))})
    owner.execute(f'ALTER TABLE {PRINTS} ALTER "Order" SET STORAGE EXTERNAL')
    owner.execute(f'INSERT INTO {PRINTS} ("Order") VALUES (%s)', [text])

    def chunks_read() -> int:
        """Blocks of the table beside it, in which large values are, that this session has asked for."""
        row = owner.execute(
            "SELECT toast_blks_hit + toast_blks_read FROM pg_statio_all_tables WHERE relid = %s::regclass",
            [PRINTS],
        ).fetchone()
        assert row is not None
        return int(row[0])

    def flush() -> None:
        owner.execute(
            "SELECT pg_stat_force_next_flush()" if owner.info.server_version >= 150000 else "SELECT 1"
        )

    if owner.info.server_version < 150000:
        pytest.skip("its statistics come later, from a process of their own")
    flush()
    before = chunks_read()
    owner.execute(f"UPDATE {PRINTS} SET seen_at = now()")
    flush()
    assert chunks_read() - before < 20
    owner.execute(f'UPDATE {PRINTS} SET "Order" = NULL')
    owner.execute(f'UPDATE {PRINTS} SET "Order" = %s', [text])
    assert [card.get("omitted") for card in cards(owner)] == [["payload"], None, ["payload"]]


def test_rolled_back_changes_leave_no_row(owner: Owner) -> None:
    with owner.transaction(force_rollback=True):
        owner.execute(f"INSERT INTO {PRINTS} DEFAULT VALUES")
    with owner.transaction():
        owner.execute(f"INSERT INTO {PRINTS} DEFAULT VALUES")
        with owner.transaction(force_rollback=True):
            owner.execute(f"""UPDATE {PRINTS} SET "State" = 'broken'""")
        owner.execute(f"""UPDATE {PRINTS} SET "State" = 'in work'""")
    assert changes(owner) == [("I", None, "pending"), ("U", "pending", "in_progress")]


def test_delete_and_insert_of_one_id_in_one_statement_are_one_update(owner: Owner) -> None:
    owner.execute(f"INSERT INTO {PRINTS} DEFAULT VALUES")
    again = f"""WITH gone AS (DELETE FROM {PRINTS} RETURNING *)
        INSERT INTO {PRINTS} ("Id", "State", "found") SELECT "Id", %s, 'again' FROM gone"""
    owner.execute(again, ["broken"])
    owner.execute(again, ["broken"])  # nothing that is shown differs but made_ms
    owner.execute(f"DELETE FROM {PRINTS}")
    assert [row for row in changes(owner) if row[1] != row[2]] == [
        ("I", None, "pending"),
        ("U", "pending", "failed"),
        ("D", "failed", None),
    ]
    found = owner.execute(
        "SELECT old_kind, tailboard.was(c) FROM tailboard.changes c WHERE op = 'U'"
    ).fetchall()
    assert found[0] == ("print", None)


def test_delete_and_insert_in_two_transactions_are_two_changes(owner: Owner) -> None:
    owner.execute(f"INSERT INTO {PRINTS} DEFAULT VALUES")
    owner.execute(f'CREATE TABLE public.kept AS SELECT "Id" AS id FROM {PRINTS}')
    owner.execute(f"DELETE FROM {PRINTS}")
    owner.execute(f'INSERT INTO {PRINTS} ("Id") SELECT id FROM public.kept')
    assert [op for op, *_ in changes(owner)] == ["I", "D", "I"]


def test_another_id_is_a_deletion_and_a_creation(owner: Owner) -> None:
    owner.execute(f"INSERT INTO {PRINTS} DEFAULT VALUES")
    owner.execute(f'UPDATE {PRINTS} SET "Id" = gen_random_uuid()')
    assert changes(owner) == [("I", None, "pending"), ("D", "pending", None), ("I", None, "pending")]


@pytest.mark.parametrize(
    "statement",
    [
        'INSERT INTO {t} ("Id") VALUES (\'{id}\') ON CONFLICT ("Id") DO UPDATE SET "State" = \'broken\'',
        (
            "MERGE INTO {t} j USING (VALUES ('{id}'::uuid)) v (id) ON j.\"Id\" = v.id"
            " WHEN MATCHED THEN UPDATE SET \"State\" = 'broken'"
        ),
        "WITH x AS (UPDATE {t} SET \"State\" = 'broken' RETURNING 1) SELECT count(*) FROM x",
    ],
)
def test_every_way_to_write_is_recorded_once(owner: Owner, statement: str) -> None:
    if statement.startswith("MERGE") and owner.info.server_version < 150000:
        pytest.skip("MERGE came with PostgreSQL 15")
    job = "00000000-0000-0000-0000-000000000001"
    owner.execute(f'INSERT INTO {PRINTS} ("Id") VALUES (%s)', [job])
    owner.execute(statement.format(t=PRINTS, id=job).encode())
    assert changes(owner) == [("I", None, "pending"), ("U", "pending", "failed")]


def test_copy_is_recorded_row_by_row(owner: Owner) -> None:
    with owner.cursor().copy(f'COPY {PRINTS} ("State") FROM STDIN') as copy:
        copy.write_row(("new",))
        copy.write_row(("broken",))
    assert changes(owner) == [("I", None, "pending"), ("I", None, "failed")]


def test_a_session_goes_on_while_the_owner_alters_the_table(owner: Owner, connect: Connect) -> None:
    """PL/pgSQL prepares its expressions for a row of certain types; the capture outlives a change of them."""
    worker = connect()
    worker.execute(f"INSERT INTO {PRINTS} DEFAULT VALUES")

    def work() -> None:
        for state in ("in work", "broken", "new"):
            # without parameters: what the worker's driver prepares is not what is tested
            worker.execute(f"""UPDATE {PRINTS} SET "State" = '{state}', "found" = '{state}' """.encode())
        worker.execute(f"DELETE FROM {PRINTS}")
        worker.execute(f"INSERT INTO {PRINTS} DEFAULT VALUES")

    work()
    for statement in (
        f"ALTER TABLE {PRINTS} ADD COLUMN extra text DEFAULT 'x'",
        f"ALTER TABLE {PRINTS} DROP COLUMN unused",
        f'ALTER TABLE {PRINTS} ALTER COLUMN "found" TYPE varchar(200)',
        f"ALTER TABLE {PRINTS} ALTER COLUMN made_ms TYPE numeric",
        f'ALTER TABLE {PRINTS} ALTER COLUMN "Order" TYPE jsonb',
        f'ALTER TABLE {PRINTS} ALTER "State" DROP DEFAULT, ALTER "State" TYPE text, ALTER "State" SET DEFAULT $$new$$',
        'DROP TYPE "Odd Shop"."State"',
        f"ALTER TABLE {PRINTS} RENAME COLUMN extra TO additional",
    ):
        owner.execute(statement.encode())
        before = len(changes(owner))
        work()
        assert changes(owner)[before:] == [
            ("U", "pending", "in_progress"),
            ("U", "in_progress", "failed"),
            ("U", "failed", "pending"),
            ("D", "pending", None),
            ("I", None, "pending"),
        ], statement
    assert faults(owner, "prints") == 0
    # what was prepared for nothing at all is found by its columns, too
    assert owner.execute("SELECT count(*) FROM tailboard.source_prints()").fetchone() == (1,)


def test_maintenance_of_the_table_goes_on(owner: Owner) -> None:
    owner.execute(f"INSERT INTO {PRINTS} DEFAULT VALUES")
    for statement in (
        f"VACUUM FULL {PRINTS}",
        f"VACUUM ANALYZE {PRINTS}",
        f'CLUSTER {PRINTS} USING "Print Jobs_pkey"',
        f"REINDEX TABLE {PRINTS}",
        f"ALTER TABLE {PRINTS} DROP COLUMN seen_at",
        f"ALTER TABLE {PRINTS} SET UNLOGGED",
        f"CREATE INDEX CONCURRENTLY ON {PRINTS} (made_ms)",
    ):
        owner.execute(statement.encode())
    owner.execute(f"""UPDATE {PRINTS} SET "State" = 'in work'""")
    owner.execute(f"TRUNCATE {PRINTS}")
    assert changes(owner) == [("I", None, "pending"), ("U", "pending", "in_progress"), ("T", None, None)]
    owner.execute(f"DROP TABLE {PRINTS}")
    owner.execute('DROP SCHEMA "Odd Shop" CASCADE')


def test_partitions_are_covered_also_those_that_come_later(
    connect: Connect, operator: Owner, database_url: str
) -> None:
    owner = connect()
    owner.execute(PARTS_SQL)
    attach(operator, source(PARTS))
    owner.execute("INSERT INTO public.parts VALUES (1, 'a')")
    owner.execute("UPDATE public.parts_a SET done = true")
    owner.execute("CREATE TABLE public.parts_b PARTITION OF public.parts FOR VALUES IN ('b')")
    owner.execute("INSERT INTO public.parts_b VALUES (1, 'b')")
    owner.execute(
        "CREATE TABLE public.parts_c (note text, done boolean NOT NULL, shop text NOT NULL, id bigint NOT NULL)"
    )
    owner.execute("ALTER TABLE public.parts ATTACH PARTITION public.parts_c FOR VALUES IN ('c')")
    owner.execute("INSERT INTO public.parts_c (id, shop, done) VALUES (7, 'c', false)")
    found = owner.execute(
        "SELECT op::text, job_id, new_status FROM tailboard.changes ORDER BY seq"
    ).fetchall()
    assert found == [
        ("I", "a/1", "pending"),
        ("U", "a/1", "completed"),
        ("I", "b/1", "pending"),
        ("I", "c/7", "pending"),
    ]
    assert faults(owner, "parts") == 0
    detach(operator, "parts")
    left = owner.execute(
        "SELECT tgname FROM pg_trigger WHERE tgrelid::regclass::text ~ '^(public.)?parts'"
    ).fetchall()
    assert left == []


def test_a_partition_may_be_made_by_its_owner_who_knows_nothing_of_tailboard(
    connect: Connect, operator: Owner
) -> None:
    owner = connect()
    role = f"maker_{owner.info.backend_pid}"
    owner.execute(PARTS_SQL)
    attach(operator, source(PARTS))
    owner.execute(f"CREATE ROLE {role}")
    try:
        owner.execute(f"GRANT CREATE ON SCHEMA public TO {role}")
        owner.execute(f"ALTER TABLE public.parts OWNER TO {role}")
        owner.execute(f"SET ROLE {role}")
        owner.execute("CREATE TABLE public.parts_z PARTITION OF public.parts FOR VALUES IN ('z')")
        owner.execute("INSERT INTO public.parts_z VALUES (1, 'z')")
        owner.execute("RESET ROLE")
        assert changes(owner) == [("I", None, "pending")]
    finally:
        owner.execute("RESET ROLE")
        owner.execute(f"DROP OWNED BY {role} CASCADE")
        owner.execute(f"DROP ROLE {role}")


def test_a_worker_needs_no_rights_on_tailboard(owner: Owner, connect: Connect) -> None:
    role = f"worker_{owner.info.backend_pid}"
    owner.execute(f"CREATE ROLE {role}")
    try:
        owner.execute(f'GRANT USAGE ON SCHEMA "Odd Shop" TO {role}')
        owner.execute(f"GRANT ALL ON {PRINTS} TO {role}".encode())
        owner.execute(f"CREATE POLICY all_of_it ON {PRINTS} TO {role} USING (true)".encode())
        worker = connect()
        worker.execute(f"SET ROLE {role}")
        worker.execute(f"INSERT INTO {PRINTS} DEFAULT VALUES")
        worker.execute(f"""UPDATE {PRINTS} SET "State" = 'in work'""")
        worker.execute(f"DELETE FROM {PRINTS}")
        worker.execute(f"TRUNCATE {PRINTS}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            worker.execute("SELECT FROM tailboard.changes")
        worker.execute('CREATE TEMP TABLE mine (LIKE "Odd Shop"."Print Jobs")')
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            worker.execute(
                "CREATE TRIGGER forged AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION tailboard.watch_prints()"
            )
        assert [op for op, *_ in changes(owner)] == ["I", "U", "D", "T"]
    finally:
        owner.execute(f"DROP OWNED BY {role}")
        owner.execute(f"DROP ROLE {role}")


def test_nobody_hijacks_the_capture_by_a_search_path(owner: Owner) -> None:
    owner.execute("CREATE SCHEMA evil")
    owner.execute(
        'CREATE FUNCTION evil.jsonb_build_object(VARIADIC "any") RETURNS jsonb'
        " LANGUAGE internal AS 'jsonb_build_object'"
    )
    owner.execute(
        "CREATE FUNCTION evil.to_timestamp(double precision) RETURNS timestamptz"
        " LANGUAGE sql AS 'SELECT NULL::timestamptz'"
    )
    owner.execute(
        "CREATE FUNCTION evil.trap(text, text) RETURNS boolean"
        " LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hijacked'; END $$"
    )
    for operator in ("=", "<>"):
        owner.execute(
            f"CREATE OPERATOR evil.{operator} (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.trap)"
        )
    owner.execute("SET search_path = evil, pg_catalog")
    owner.execute(f"INSERT INTO {PRINTS} DEFAULT VALUES")
    owner.execute(f"""UPDATE {PRINTS} SET "State" = 'broken'""")
    owner.execute("RESET search_path")
    assert changes(owner) == [("I", None, "pending"), ("U", "pending", "failed")]
    assert cards(owner)[0]["created_at"] is not None
    assert faults(owner, "prints") == 0


FAULTS: list[tuple[LiteralString, int]] = [
    # what breaks the capture, and how many of the five writes below it then cannot record
    ("ALTER TABLE {t} RENAME COLUMN made_ms TO made", 5),
    ('ALTER TABLE {t} DROP COLUMN "found"', 5),
    ("ALTER TABLE tailboard.changes RENAME COLUMN op TO opp", 5),
    ("DROP FUNCTION tailboard.log_change; ALTER TABLE tailboard.changes RENAME COLUMN op TO opp", 5),
    ("ALTER TABLE tailboard.faults RENAME TO faulty; ALTER TABLE tailboard.changes RENAME op TO opp", 5),
    (
        "ALTER TABLE {t} ALTER made_ms DROP DEFAULT; ALTER TABLE {t} ALTER made_ms TYPE boolean USING true",
        5,
    ),
]


@pytest.mark.parametrize(("breaks", "lost"), FAULTS)
def test_whatever_fails_in_the_capture_the_owners_statements_succeed_and_it_is_counted(
    owner: Owner, breaks: LiteralString, lost: int
) -> None:
    warnings: list[str] = []
    owner.add_notice_handler(lambda notice: warnings.append(notice.message_primary or ""))
    owner.execute(f'INSERT INTO {PRINTS} ("Order") VALUES (NULL)')
    owner.execute(f"ALTER TABLE {PRINTS} ALTER made_ms DROP NOT NULL")
    for statement in breaks.format(t=PRINTS).split("; "):
        owner.execute(statement.encode())
    already = faults(owner, "prints")
    warnings.clear()
    with owner.transaction():
        owner.execute(f"""INSERT INTO {PRINTS} ("Order") VALUES ('{{"a": 1}}')""")
        owner.execute(f"""UPDATE {PRINTS} SET "State" = 'in work'""")
        owner.execute(f"DELETE FROM {PRINTS}")
    assert owner.execute(f"SELECT count(*) FROM {PRINTS}").fetchone() == (0,)
    assert faults(owner, "prints") - already == lost
    assert any("Tailboard could not" in warning for warning in warnings)
    with owner.transaction(force_rollback=True):
        owner.execute(f'INSERT INTO {PRINTS} ("Order") VALUES (NULL)')
    assert faults(owner, "prints") - already == lost + 1, "counted although it was rolled back"


def test_a_value_that_json_cannot_be_read_from_is_a_fault_and_no_failure(owner: Owner) -> None:
    owner.execute(f"""INSERT INTO {PRINTS} ("Order") VALUES ('{{"a": "\\u0000"}}')""")
    assert owner.execute(f"SELECT count(*) FROM {PRINTS}").fetchone() == (1,)
    assert faults(owner, "prints") == 1
    message = owner.execute("SELECT sqlstate, message, op FROM tailboard.faults").fetchone()
    assert message is not None
    assert message[0] == "22P05"
    assert message[2] == "INSERT"


def test_a_status_that_nothing_maps_is_shown_and_counted(owner: Owner) -> None:
    owner.execute('ALTER TYPE "Odd Shop"."State" ADD VALUE \'archived\'')
    owner.execute(f"INSERT INTO {PRINTS} DEFAULT VALUES")
    owner.execute(f"""UPDATE {PRINTS} SET "State" = 'archived'""")
    assert changes(owner)[-1] == ("U", "pending", "paused")
    assert faults(owner, "prints") == 1
    assert owner.execute("SELECT status FROM tailboard.source_prints()").fetchall() == [("paused",)]
    said = owner.execute("SELECT message FROM tailboard.faults").fetchone()
    assert said == ("nothing maps the status 'archived'",)


def test_fault_texts_are_few_however_many_faults_there_are(owner: Owner) -> None:
    owner.execute(f"ALTER TABLE {PRINTS} RENAME COLUMN made_ms TO made")
    owner.execute(f"INSERT INTO {PRINTS} (unused) SELECT i FROM generate_series(1, 2500) i")
    assert faults(owner, "prints") == 2500
    assert owner.execute("SELECT count(*) FROM tailboard.faults").fetchone() == (22,)


def test_the_owners_database_is_the_same_after_detach(
    owner: Owner, operator: Owner, database_url: str, programs: Path
) -> None:
    """pg_dump of all that is not Tailboard's, before attach, while attached, and after detach."""

    def dump() -> str:
        done = subprocess.run(
            [programs / "pg_dump", "--exclude-schema=tailboard", "--schema-only", database_url],
            capture_output=True,
            text=True,
            check=True,
        )
        # each dump names a key of its own, against injection
        return "\n".join(line for line in done.stdout.splitlines() if "restrict" not in line)

    detach(operator, "prints")
    owner.execute(PARTS_SQL)
    before = dump()
    others = objects(owner)
    attach(operator, source(ODD))
    attach(operator, source(PARTS))
    assert "tailboard_watch" in dump()
    owner.execute(f"INSERT INTO {PRINTS} DEFAULT VALUES")
    detach(operator, "prints")
    detach(operator, "parts")
    assert dump() == before
    assert objects(owner) == others
    assert owner.execute("SELECT name FROM tailboard.sources").fetchall() == [("jobs",)]


def objects(connection: Owner) -> set[Row]:
    """Every function, relation and trigger, of Tailboard's schema too."""
    found: set[Row] = set()
    for statement in (
        "SELECT oid::regprocedure::text FROM pg_proc WHERE oid >= 16384",
        "SELECT oid::regclass::text FROM pg_class WHERE oid >= 16384",
        "SELECT tgrelid::regclass || ' ' || tgname FROM pg_trigger WHERE oid >= 16384",
    ):
        found.update(connection.execute(statement.encode()).fetchall())
    return found


def test_the_capture_follows_when_the_log_goes_to_its_next_leaf(owner: Owner) -> None:
    first = owner.execute("SELECT max(to_seq) FROM tailboard.leaves").fetchone()
    assert first is not None
    owner.execute("SELECT setval('tailboard.changes_seq', %s)", [first[0] - 2])
    for _ in range(3):
        owner.execute(f"INSERT INTO {PRINTS} DEFAULT VALUES")
    owner.execute("SELECT tailboard.make_leaves()")
    owner.execute(f"INSERT INTO {PRINTS} DEFAULT VALUES")
    assert owner.execute("SELECT count(*) FROM tailboard.changes").fetchone() == (4,)
    assert faults(owner, "prints") == 0


def test_a_job_that_only_time_makes_pending(connect: Connect, operator: Owner) -> None:
    owner = connect()
    owner.execute(
        "CREATE TABLE public.later (id int PRIMARY KEY, done boolean NOT NULL DEFAULT false, at timestamptz)"
    )
    attach(
        operator,
        source(
            """
            [sources.later]
            table = "public.later"
            id = "id"
            status = "CASE WHEN done THEN 'completed' ELSE 'pending' END"
            due = "at"
            """
        ),
    )
    owner.execute(
        "INSERT INTO public.later VALUES (1, false, now() + interval '1 hour'),"
        " (2, false, now() - interval '1 hour'), (3, false, NULL)"
    )
    owner.execute("UPDATE public.later SET done = true")
    found = owner.execute(
        "SELECT job_id, old_status, new_status, due IS NOT NULL, old_due IS NOT NULL, tailboard.card(c) ? 'due'"
        " FROM tailboard.changes c ORDER BY seq"
    ).fetchall()
    assert found == [
        ("1", None, "scheduled", True, False, True),
        ("2", None, "pending", True, False, True),
        ("3", None, "pending", False, False, False),
        ("1", "scheduled", "completed", False, True, False),
        ("2", "pending", "completed", False, True, False),
        ("3", "pending", "completed", False, False, False),
    ]


@pytest.mark.parametrize(
    ("deleted", "kept", "expected"),
    [
        ("gone", False, None),
        ("completed", False, "completed"),
        ("CASE WHEN note = 'bad' THEN 'failed' END", False, None),
        ("CASE WHEN note = 'bad' THEN 'failed' END", True, "failed"),
        ("(SELECT o.outcome FROM public.outcomes AS o WHERE o.id = job.id)", True, "cancelled"),
        ("'nonsense'", True, "paused"),
    ],
)
def test_what_a_deletion_means(
    connect: Connect, operator: Owner, deleted: str, kept: bool, expected: str | None
) -> None:
    owner = connect()
    owner.execute("CREATE TABLE public.outcomes (id int, outcome text)")
    owner.execute("CREATE TABLE public.short (id int PRIMARY KEY, note text)")
    definition = {"table": "public.short", "id": "id", "status": "'in_progress'", "deleted": deleted}
    attach(operator, parsed(definition))
    owner.execute("INSERT INTO public.short VALUES (1, %s)", ["bad" if kept else None])
    owner.execute(
        "WITH gone AS (DELETE FROM public.short RETURNING id)"
        " INSERT INTO public.outcomes SELECT id, 'cancelled' FROM gone"
    )
    assert changes(owner)[-1] == ("D", "in_progress", expected)
    assert cards(owner)[-1]["status"] == (expected or "in_progress")
    assert faults(owner, "short") == (1 if expected == "paused" else 0)


def parsed(definition: dict[str, str]) -> Source:
    return parsing.from_definition("short", definition)


def test_replica_role_writes_are_not_captured_and_do_no_harm(owner: Owner) -> None:
    owner.execute("SET session_replication_role = replica")
    owner.execute(f"INSERT INTO {PRINTS} DEFAULT VALUES")
    assert changes(owner) == []
