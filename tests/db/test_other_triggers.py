"""Triggers of the owner's own that write to the very rows whose changes the capture is about to see.

An AFTER trigger's name decides its turn, and a statement within it ends before the outer one's later triggers run: what
happened last would be captured first.
"""

from collections.abc import Sequence
from random import Random
from typing import Final, LiteralString, NamedTuple

import pytest

from db.adopting.stranger import Owner, Row, faults, source
from fixtures.database import Connect
from tailboard.db.adopting.attaching import attach

TASKS: Final = """
CREATE TABLE public.tasks (
    id bigint NOT NULL, queue text NOT NULL DEFAULT 'default', kind text NOT NULL DEFAULT 'mail',
    status text NOT NULL DEFAULT 'pending', progress double precision, attempt integer NOT NULL DEFAULT 0,
    PRIMARY KEY (queue, id)
) """
SOURCE: Final = """
[sources.tasks]
table = "public.tasks"
id = "id"
queue = "queue"
kind = "kind"
status = "status"
progress = "progress"
attempt = "attempt"
"""


class Case(NamedTuple):
    """A trigger that runs before the capture, what is written, and what is to be told of it, in order."""

    trigger: LiteralString
    body: LiteralString
    statements: tuple[LiteralString, ...]
    told: Sequence[tuple[int, str | None, str | None]]


CREATED: Final = [(1, None, "pending")]
CASES: Final = {
    "what failed is tried again": Case(
        "AFTER UPDATE",
        "IF NEW.status = 'failed' THEN UPDATE {t} SET status = 'pending' WHERE id = NEW.id; END IF;",
        ("UPDATE {t} SET status = 'in_progress'", "UPDATE {t} SET status = 'failed'"),
        [(1, "pending", "in_progress"), (1, "in_progress", "failed"), (1, "failed", "pending")],
    ),
    "what completed is deleted": Case(
        "AFTER UPDATE",
        "IF NEW.status = 'completed' THEN DELETE FROM {t} WHERE id = NEW.id; END IF;",
        ("UPDATE {t} SET status = 'completed'",),
        [(1, "pending", "completed"), (1, "completed", None)],
    ),
    "what is forbidden is put back": Case(
        "AFTER UPDATE",
        "IF NEW.status = 'paused' THEN UPDATE {t} SET status = OLD.status WHERE id = NEW.id; END IF;",
        ("UPDATE {t} SET status = 'in_progress'", "UPDATE {t} SET status = 'paused'"),
        [(1, "pending", "in_progress"), (1, "in_progress", "paused"), (1, "paused", "in_progress")],
    ),
    "the same within one transaction, twice": Case(
        "AFTER UPDATE",
        "IF NEW.status = 'paused' THEN UPDATE {t} SET status = OLD.status WHERE id = NEW.id; END IF;",
        ("BEGIN", *2 * ("UPDATE {t} SET status = 'paused'",), "COMMIT"),
        2 * [(1, "pending", "paused"), (1, "paused", "pending")],
    ),
    "a trigger's own statement sets off the trigger": Case(
        "AFTER UPDATE",
        "IF NEW.attempt BETWEEN 1 AND 3 THEN"
        " UPDATE {t} SET attempt = attempt + 1, status = 'paused' WHERE id = NEW.id; END IF;",
        ("UPDATE {t} SET attempt = 1, status = 'failed'",),
        [(1, "pending", "failed"), (1, "failed", "paused"), *2 * [(1, "paused", "paused")]],
    ),
    "what is new is completed": Case(
        "AFTER INSERT",
        "UPDATE {t} SET queue = 'fast', status = 'completed' WHERE id = NEW.id;",
        ("INSERT INTO {t} (id, kind) VALUES (2, 'mail')",),
        [(2, None, "pending"), (2, "pending", "completed")],
    ),
    "what is new is deleted": Case(
        "AFTER INSERT",
        "DELETE FROM {t} WHERE id = NEW.id;",
        ("INSERT INTO {t} (id, kind) VALUES (2, 'mail')",),
        [(2, None, "pending"), (2, "pending", None)],
    ),
    "what is deleted is put in again": Case(
        "AFTER DELETE",
        "INSERT INTO {t} (id, kind, status) VALUES (OLD.id, 'mail', 'paused');",
        ("DELETE FROM {t}", "UPDATE {t} SET status = 'failed'"),
        [(1, "pending", "paused"), (1, "paused", "failed")],
    ),
    "something else is put in for what is deleted": Case(
        "AFTER DELETE",
        "IF OLD.id < 3 THEN INSERT INTO {t} (id, kind) VALUES (OLD.id + 1, 'mail'); END IF;",
        ("BEGIN", "DELETE FROM {t} WHERE id = 1", "DELETE FROM {t} WHERE id = 2", "COMMIT"),
        [(2, None, "pending"), (1, "pending", None), (3, None, "pending"), (2, "pending", None)],
    ),
    "one row's trigger writes to the next row of the statement": Case(
        "AFTER UPDATE",
        "UPDATE {t} SET status = 'paused' WHERE id > NEW.id AND NEW.status = 'failed';",
        (
            "INSERT INTO {t} (id, kind) VALUES (2, 'mail')",
            "UPDATE {t} SET status = 'failed'",
        ),
        [
            (2, None, "pending"),
            (1, "pending", "failed"),
            (2, "pending", "failed"),
            (2, "failed", "paused"),
        ],
    ),
    "what the trigger did is rolled back": Case(
        "AFTER UPDATE",
        "IF pg_trigger_depth() = 1 THEN"
        " BEGIN UPDATE {t} SET status = 'paused' WHERE id = NEW.id; RAISE division_by_zero;"
        " EXCEPTION WHEN division_by_zero THEN NULL; END; END IF;",
        ("BEGIN", "UPDATE {t} SET status = 'failed'", "UPDATE {t} SET status = 'pending'", "COMMIT"),
        [(1, "pending", "failed"), (1, "failed", "pending")],
    ),
    "the row is only locked": Case(
        "AFTER UPDATE",
        "PERFORM FROM {t} WHERE id = NEW.id FOR UPDATE;",
        ("BEGIN", "UPDATE {t} SET status = 'failed'", "UPDATE {t} SET status = 'pending'", "COMMIT"),
        [(1, "pending", "failed"), (1, "failed", "pending")],
    ),
    "nothing new is said": Case(
        "AFTER UPDATE",
        "IF pg_trigger_depth() = 1 THEN UPDATE {t} SET status = status WHERE id = NEW.id; END IF;",
        ("UPDATE {t} SET status = 'failed'",),
        [(1, "pending", "failed")],
    ),
}


@pytest.fixture(params=["jobs, bell armed", "jobs, bell muted", "adopted", "partitioned"])
def table(connect: Connect, request: pytest.FixtureRequest) -> LiteralString:
    """Where one job is."""
    owner = connect()
    if request.param.startswith("jobs"):
        owner.execute("SELECT setval('tailboard.bell', %s)", [1 if request.param.endswith("armed") else 0])
        owner.execute("INSERT INTO tailboard.jobs (id, kind) VALUES (1, 'mail')")
        return "tailboard.jobs"
    if request.param == "partitioned":
        owner.execute(f"{TASKS} PARTITION BY LIST (queue)".encode())
        owner.execute("CREATE TABLE tasks_default PARTITION OF tasks FOR VALUES IN ('default')")
        owner.execute("CREATE TABLE tasks_fast PARTITION OF tasks FOR VALUES IN ('fast')")
    else:
        owner.execute(TASKS.encode())
    attach(owner, source(SOURCE))
    owner.execute("INSERT INTO public.tasks (id) VALUES (1)")
    return "public.tasks"


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_changes_are_told_in_the_order_in_which_the_rows_became_so(
    connect: Connect, table: LiteralString, case: Case, request: pytest.FixtureRequest
) -> None:
    owner = connect()
    owner.execute(
        f"CREATE FUNCTION mine() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" {case.body.format(t=table)} RETURN NULL; END $$".encode()
    )
    owner.execute(
        f"CREATE TRIGGER a_mine {case.trigger} ON {table} FOR EACH ROW EXECUTE FUNCTION mine()".encode()
    )
    for statement in case.statements:
        owner.execute(statement.format(t=table).encode())
    assert told(owner) == [*CREATED, *case.told]
    assert (
        ends(owner)
        == owner.execute(
            f"SELECT id::text, status, queue, attempt FROM {table} ORDER BY id".encode()
        ).fetchall()
    )
    if table == "public.tasks":
        assert faults(owner, "tasks") == 0


def told(owner: Owner) -> list[tuple[int, str | None, str | None]]:
    """What was logged of each job, in order."""
    rows = owner.execute(
        "SELECT job_id::int, old_status, new_status, op::text FROM tailboard.changes WHERE op <> 'T' ORDER BY seq"
    ).fetchall()
    return [(job, before, None if op == "D" else after) for job, before, after, op in rows]


def ends(owner: Owner) -> list[Row]:
    """How the log says that each job is."""
    return owner.execute(
        "SELECT job_id, card ->> 'status', card ->> 'queue', (card ->> 'attempt')::int FROM ("
        " SELECT DISTINCT ON (c.job_id) c.job_id, c.op, tailboard.card(c) AS card FROM tailboard.changes c"
        " WHERE op <> 'T' ORDER BY c.job_id, c.seq DESC) AS last WHERE op <> 'D' ORDER BY job_id"
    ).fetchall()


PLAN: LiteralString = """
CREATE TABLE plan (n int PRIMARY KEY, statement text NOT NULL);
CREATE FUNCTION planned() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    next text;
BEGIN
    IF pg_trigger_depth() < 4 THEN
        DELETE FROM plan WHERE n = (SELECT min(n) FROM plan) RETURNING statement INTO next;
        IF next <> '' THEN
            EXECUTE next;
        END IF;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER a_planned AFTER INSERT OR UPDATE OR DELETE ON {t} FOR EACH ROW EXECUTE FUNCTION planned();
CREATE TRIGGER z_planned AFTER INSERT OR UPDATE OR DELETE ON {t} FOR EACH ROW EXECUTE FUNCTION planned();
"""


def any_statement(draw: Random, table: str) -> str:
    """One about some of three jobs, which counts updates in their attempts."""
    job, status = draw.randint(1, 3), draw.choice(["pending", "paused", "failed", "completed"])
    update = f"UPDATE {table} SET attempt = attempt + 1, status = '{status}'"
    return draw.choice(
        [
            f"{update} WHERE id = {job}",
            f"{update} WHERE id >= {job}",
            update,
            f"DELETE FROM {table} WHERE id = {job}",
            f"INSERT INTO {table} (id, kind) SELECT {job}, '' WHERE NOT EXISTS (SELECT FROM {table} WHERE id = {job})",
        ]
    )


@pytest.mark.parametrize("seed", range(6))
def test_whatever_triggers_do_each_job_goes_from_where_it_was(
    connect: Connect, table: LiteralString, seed: int
) -> None:
    owner, draw = connect(), Random(seed)
    owner.execute(PLAN.format(t=table).encode())
    for _ in range(15):
        statements = [any_statement(draw, table) if draw.random() < 0.6 else "" for _ in range(30)]
        with owner.cursor() as cursor:
            cursor.execute("TRUNCATE plan")
            cursor.executemany("INSERT INTO plan VALUES (%s, %s)", list(enumerate(statements)))
        with owner.transaction():
            for _ in range(draw.randint(1, 4)):
                owner.execute(any_statement(draw, table).encode())
    assert goes_on(owner) == []
    assert (
        ends(owner)
        == owner.execute(
            f"SELECT id::text, status, queue, attempt FROM {table} ORDER BY id".encode()
        ).fetchall()
    )


def goes_on(owner: Owner) -> list[Row]:
    """Changes that do not begin where the one before them ended."""
    return owner.execute("""
        SELECT * FROM (
            SELECT c.job_id, c.op, c.old_status, c.new_status, (tailboard.card(c) ->> 'attempt')::int AS attempt,
                   lag(c.op) OVER w AS before_op, lag(c.new_status) OVER w AS before,
                   lag((tailboard.card(c) ->> 'attempt')::int) OVER w AS before_attempt
              FROM tailboard.changes c WHERE c.op <> 'T' WINDOW w AS (PARTITION BY c.job_id ORDER BY c.seq)) AS change
         WHERE CASE WHEN op = 'I' THEN coalesce(before_op, 'D') <> 'D'
                    ELSE before_op = 'D' OR before IS DISTINCT FROM old_status
                         OR attempt NOT IN (before_attempt + (op = 'U')::int, 0) END
    """).fetchall()
