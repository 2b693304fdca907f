"""The owner of an attached table does with it what he likes, workers need no rights, and nothing stays afterwards."""

import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest

from db.adopting.stranger import ODD, PARTS, PARTS_SQL, PRINTS, cards, changes, faults, objects, source
from fixtures.database import Connect
from tailboard.db.adopting.attaching import attach, detach

Owner = psycopg.Connection[Any]


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
