"""What the capture of an adopted table records of what is written to it."""

import json
from typing import Any

import psycopg
import pytest

from db.adopting.stranger import (
    PRINTS,
    cards,
    changes,
    faults,
    source,
)
from fixtures.database import Connect
from tailboard.db.adopting.attaching import attach
from tailboard.sources import parsing
from tailboard.sources.source import Source

Owner = psycopg.Connection[Any]

STRANGE = """
[sources.strange]
table = "public.strange"
id = "id"
priority = "weight"
attempt = "tries"
progress = "share"
payload = "body"
status = "'pending'"
"""


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


def test_values_that_a_job_cannot_hold_are_recorded_and_read_as_near_as_can_be(
    database_url: str, connect: Connect
) -> None:
    owner = connect()
    owner.execute(
        "CREATE TABLE strange (id text PRIMARY KEY, share numeric, weight numeric, tries bigint, body json)"
    )
    attach(owner, source(STRANGE))
    rows: list[tuple[str, str, dict[str, Any]]] = [
        ("weight", "'NaN'", {"priority": 0}),
        ("weight", "'Infinity'", {"priority": 2**63 - 1}),
        ("weight", "'-Infinity'", {"priority": -(2**63)}),
        ("weight", "1e30", {"priority": 2**63 - 1}),
        ("weight", "1.5", {"priority": 2}),
        ("weight", "NULL", {"priority": 0}),
        ("tries", str(2**40), {"attempt": 2**31 - 1}),
        ("share", "1e400", {"progress": 1}),
        ("share", "'NaN'", {"progress": None}),
        ("share", "-3", {"progress": 0}),
        ("share", "NULL", {"progress": None}),
        ("body", r"""'{"a": "\u0000"}'""", {"payload": r'{"a": "\u0000"}'}),
        ("body", r"""'"\ud83d"'""", {"payload": r'"\ud83d"'}),
        ("body", r"""'"\ud83d\ude00"'""", {"payload": "\U0001f600"}),
        ("body", "'1e999999'", {"payload": "1e999999"}),
        ("body", "NULL", {"payload": None}),
    ]
    for n, (column, value, _) in enumerate(rows):
        owner.execute(f"INSERT INTO strange (id, {column}) VALUES ('{n:02}', {value})".encode())
    assert faults(owner, "strange") == 0
    logged = cards(owner)
    read = [
        card
        for (card,) in owner.execute(
            """SELECT to_jsonb(j) - '{due,native_status}'::text[] FROM tailboard.source_strange() AS j ORDER BY j.id"""
        )
    ]
    assert logged == read
    for (column, value, wanted), card in zip(rows, logged, strict=True):
        assert wanted.items() <= card.items(), f"{column} = {value}"


def test_what_is_long_is_cut_and_a_list_of_very_many_is_told_as_none(
    database_url: str, connect: Connect
) -> None:
    owner = connect()
    owner.execute("CREATE TABLE strange (id int PRIMARY KEY, step text, steps json, labels varchar[])")
    attach(
        owner,
        source(
            "[sources.strange]\ntable = 'public.strange'\nid = 'id'\nstatus = \"'pending'\"\n"
            "phase = 'step'\nphases = 'steps'\ntags = 'labels'\n"
        ),
    )
    owner.execute("INSERT INTO strange VALUES (1, 'a', '[{\"name\": \"b\"}]', '{c}')")
    owner.execute(
        "UPDATE strange SET step = repeat('a', 20000), (steps, labels) ="
        " (SELECT json_agg(json_build_object('name', md5(i::text))), array_agg(md5(i::text))"
        " FROM generate_series(1, 2000) AS i)"
    )
    short, long = cards(owner)
    assert [short[key] for key in ("phase", "phases", "tags")] == ["a", [{"name": "b"}], ["c"]]
    assert [long[key] for key in ("phase", "phases", "tags")] == ["a" * 16_384, [], []]
    read = owner.execute(
        "SELECT to_jsonb(j) - '{due,native_status}'::text[] FROM tailboard.source_strange() AS j"
    ).fetchone()
    assert read == (long,)
    assert faults(owner, "strange") == 0


@pytest.mark.parametrize("kind", ["real", "double precision", "numeric(5, 2)", "public.rate"])
def test_progress_that_is_no_number_is_unknown(kind: str, database_url: str, connect: Connect) -> None:
    owner = connect()
    owner.execute("CREATE DOMAIN public.rate AS double precision")
    owner.execute(f"CREATE TABLE strange (id text, share {kind}, weight int, tries int, body json)".encode())
    attach(owner, source(STRANGE))
    owner.execute("INSERT INTO strange (id, share) VALUES ('a', 'NaN'), ('b', 0.5)")
    read = owner.execute("SELECT progress FROM tailboard.source_strange() ORDER BY id").fetchall()
    assert [card["progress"] for card in cards(owner)] == [progress for (progress,) in read] == [None, 0.5]


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
        "SELECT old_kind, tailboard.was(c, tailboard.card(c)) FROM tailboard.changes c WHERE op = 'U'"
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


def test_columns_that_are_looked_up_at_once_are_captured_as_they_are_read(
    connect: Connect, operator: Owner
) -> None:
    owner = connect()
    owner.execute(
        "CREATE TABLE public.trips (id int PRIMARY KEY, state text NOT NULL DEFAULT 'new', note text)"
    )
    owner.execute("CREATE TABLE public.stops (trip int, kind text, at timestamptz DEFAULT clock_timestamp())")
    attach(
        operator,
        source(
            """
            [sources.trips]
            table = "public.trips"
            id = "id"
            kind = "note"
            started_at = "(SELECT max(s.at) FROM public.stops AS s WHERE s.trip = job.id AND s.kind = 'begin')"
            finished_at = '''CASE WHEN state = 'done' THEN
                (SELECT max(s.at) FROM public.stops AS s WHERE s.trip = job.id AND s.kind = 'end') END'''
            looked_up = '''SELECT max(s.at) FILTER (WHERE s.kind = 'begin') AS started_at,
                CASE WHEN job.state = 'done' THEN max(s.at) FILTER (WHERE s.kind = 'end') END AS finished_at
                FROM public.stops AS s WHERE s.trip = job.id'''
            status = { column = "state", map = { new = "pending", on = "in_progress", done = "completed" } }
            """
        ),
    )

    def read() -> dict[str, Any]:
        row = owner.execute(
            "SELECT to_jsonb(j) - '{due,native_status}'::text[] FROM tailboard.source_trips() AS j"
        ).fetchone()
        assert row is not None
        return dict(row[0])

    owner.execute("SET timezone = 'UTC'")
    owner.execute("INSERT INTO public.trips VALUES (1)")
    assert cards(owner)[-1] == read()
    owner.execute("INSERT INTO public.stops (trip, kind) VALUES (1, 'begin'), (1, 'end')")
    owner.execute("UPDATE public.trips SET state = 'on'")
    assert cards(owner)[-1] == read()
    assert (read()["started_at"] is None, read()["finished_at"] is None) == (False, True)
    owner.execute("UPDATE public.trips SET note = 'n', state = 'on'")
    assert cards(owner)[-1] == read()
    owner.execute("UPDATE public.trips SET state = 'done', note = repeat('x', 3000)")
    assert cards(owner)[-1] == read()
    assert read()["finished_at"] is not None
    assert len(cards(owner)) == 4
    assert faults(owner, "trips") == 0


def test_an_update_that_changes_only_what_is_looked_up_is_a_change(connect: Connect, operator: Owner) -> None:
    owner = connect()
    owner.execute("CREATE TABLE public.trips (id int PRIMARY KEY, state text, car int, driver int)")
    owner.execute("CREATE TABLE public.cars (id int, made timestamptz)")
    owner.execute("INSERT INTO public.cars VALUES (1, now()), (2, now()), (3, now() - interval '1 day')")
    attach(
        operator,
        source(
            """
            [sources.trips]
            table = "public.trips"
            id = "id"
            worker = "CASE WHEN state = 'on' THEN driver::text END"
            created_at = "(SELECT c.made FROM public.cars AS c WHERE c.id = job.car)"
            looked_up = "SELECT c.made AS created_at FROM public.cars AS c WHERE c.id = job.car"
            status = { column = "state", map = { on = "in_progress", done = "completed" } }
            """
        ),
    )
    owner.execute("INSERT INTO public.trips VALUES (1, 'done', 1, 7)")
    owner.execute("UPDATE public.trips SET driver = NULL")  # nothing that is shown
    owner.execute("UPDATE public.trips SET car = 2")  # made at the same time
    assert len(cards(owner)) == 1
    owner.execute("UPDATE public.trips SET car = 3")
    assert len(cards(owner)) == 2
    first, last = cards(owner)
    assert first.pop("created_at") != last.pop("created_at")
    assert first == last
    assert faults(owner, "trips") == 0


DAYS_SQL = """
CREATE TABLE public.days (
    day date, nr int, took interval, share real, seal bytea, name text, times timestamp[], state text,
    PRIMARY KEY (day, nr)
)
"""

DAYS = """
[sources.days]
table = "public.days"
id = "day || '/' || nr"
queue = "day"
kind = "took::text"
worker = '''regexp_replace(name, '\\d+', '')'''
error = "share"
tags = "times"
payload = "seal"
result = "to_jsonb(job)"
status = { column = "state", map = { new = "pending", on = "in_progress" } }
"""


@pytest.mark.parametrize("running", ["", "running = 'nr > 5'"], ids=["at once", "remembered"])
def test_values_are_written_alike_however_a_worker_has_them_written(
    connect: Connect, operator: Owner, running: str
) -> None:
    owner = connect()
    owner.execute(DAYS_SQL)
    attach(operator, source(DAYS.replace("queue =", f"{running}\nqueue =")))
    for setting in (
        "datestyle = German",
        "intervalstyle = iso_8601",
        "bytea_output = escape",
        "extra_float_digits = 0",
        "standard_conforming_strings = off",
    ):
        owner.execute(f"SET {setting}")
    owner.execute(
        "INSERT INTO public.days VALUES ('2026-03-04', 1, '1 day', 1/3.0, $$A$$, 'w12', '{2026-03-04}', 'new')"
    )
    owner.execute("UPDATE public.days SET state = 'on', share = 1.1")
    last = operator.execute(
        "SELECT tailboard.card(c) FROM tailboard.changes c ORDER BY seq DESC LIMIT 1"
    ).fetchone()
    read = operator.execute(
        "SELECT to_jsonb(j) - '{due,native_status}'::text[] FROM tailboard.source_days() AS j"
    ).fetchone()
    assert last == read
