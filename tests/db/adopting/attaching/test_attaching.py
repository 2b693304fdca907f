"""Attaching and detaching: who may, what is shown before, and that locks keep nobody waiting."""

import re
import threading
from typing import Any

import psycopg
import pytest

from db.adopting.attaching.plain_tables import SOUND, everything
from db.adopting.stranger import ODD, ODD_SQL, PARTS, changes, objects, source
from fixtures.database import Connect
from tailboard.db import session
from tailboard.db.adopting import attaching
from tailboard.db.adopting.attaching import attach, detach
from tailboard.db.adopting.described import Described
from tailboard.db.adopting.describing import describe
from tailboard.db.adopting.installing import install
from tailboard.db.adopting.preview import Found, preview
from tailboard.db.adopting.renewal import renew
from tailboard.db.adopting.upkeep import healths_sync
from tailboard.db.schema import migrate
from tailboard.errors import AttachRefused, SourceNotFound, TailboardError
from tailboard.sources import parsing
from tailboard.sources.health import Health, State
from tailboard.sources.source import Source

Session = psycopg.Connection[Any]


def test_what_is_attached_already_is_refused(owner: Session, operator: Session) -> None:
    attach(operator, parsing.from_definition("first", SOUND))
    before = everything(owner)
    with pytest.raises(
        AttachRefused, match=r"A source first is attached already, to public\.jobs: .*detach first"
    ):
        attach(operator, parsing.from_definition("first", SOUND))
    with pytest.raises(AttachRefused, match=r"public\.jobs is attached already, as first"):
        attach(operator, parsing.from_definition("second", SOUND))
    assert everything(owner) == before


@pytest.mark.parametrize("other", ["first public.empty", "first public.jobs", "second public.jobs"])
def test_of_two_who_attach_at_once_one_is_refused(
    owner: Session,
    operator: Session,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    other: str,
) -> None:
    """The other begins when the first has found its name and table free; the first goes on when the other has to wait
    or is done.
    """
    name, table = other.split()
    met = threading.Event()
    refused: list[str] = []

    def attach_other() -> None:
        with session.connect(database_url, "attach") as connection:
            theirs = parsing.from_definition(name, SOUND | {"table": table})
            try:
                attach(connection, theirs, lambda _: met.set(), previewed=True)
            except AttachRefused as error:
                refused.append(str(error))
            met.set()

    thread = threading.Thread(target=attach_other)

    def meet(connection: Session, source: Source) -> Described:
        monkeypatch.setattr(attaching, "describe", describe)
        thread.start()
        assert met.wait(30)
        return describe(connection, source)

    monkeypatch.setattr(attaching, "describe", meet)
    try:
        attach(operator, parsing.from_definition("first", SOUND), previewed=True)
    except AttachRefused as error:
        refused.append(str(error))
    thread.join(60)
    assert len(refused) == 1
    assert "is attached already" in refused[0]
    triggers = "SELECT count(*) FROM pg_trigger WHERE tgname = 'tailboard_watch'"
    assert owner.execute(triggers).fetchone() == (1,)


def test_a_trigger_of_tailboards_name_that_is_there_already_is_told(
    owner: Session, operator: Session
) -> None:
    owner.execute("CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
    owner.execute(
        "CREATE TRIGGER tailboard_watch AFTER INSERT ON public.jobs FOR EACH ROW EXECUTE FUNCTION public.f()"
    )
    before = everything(owner)
    with pytest.raises(AttachRefused, match=r'"tailboard_watch" for relation "jobs" already exists: .* DROP'):
        attach(operator, parsing.from_definition("first", SOUND))
    assert everything(owner) == before


def test_detaching_what_is_not_attached_says_what_is(owner: Session, operator: Session) -> None:
    with pytest.raises(SourceNotFound, match="No source first is attached; none is"):
        detach(operator, "first")
    attach(operator, parsing.from_definition("first", SOUND))
    with pytest.raises(SourceNotFound, match="No source jobs is attached; attached are first"):
        detach(operator, "jobs")
    detach(operator, "first")


@pytest.mark.parametrize(
    ("prepare", "says"),
    [
        ("", r"Attaching needs the rights of {keeper}, who owns .*, or GRANT {keeper} TO {role}\.$"),
        (
            "ALTER SCHEMA tailboard OWNER TO {role}",
            r"may not create triggers .*: GRANT TRIGGER ON .* TO {role}\. {role}, .*: GRANT SELECT ON .* TO {role}, ",
        ),
        (
            "ALTER SCHEMA tailboard OWNER TO {role}; GRANT TRIGGER ON public.jobs TO {role}",
            "may not read public.jobs: GRANT SELECT ON public.jobs TO {role}",
        ),
        (
            """ALTER SCHEMA tailboard OWNER TO {role}; GRANT ALL ON public.jobs TO {role};
            ALTER TABLE public.jobs ENABLE ROW LEVEL SECURITY""",
            "Row-level security on public.jobs hides rows from {role}",
        ),
        (
            "ALTER SCHEMA tailboard OWNER TO {role}; GRANT ALL ON public.jobs TO {role}",
            "queue: permission denied for table claims. Grant it to the owner",
        ),
    ],
)
def test_rights_that_are_missing_are_named(owner: Session, connect: Connect, prepare: str, says: str) -> None:
    role = f"nobody_{owner.info.backend_pid}"
    owner.execute(f"CREATE ROLE {role}")
    try:
        for statement in filter(None, prepare.format(role=role).split(";")):
            owner.execute(statement.encode())
        owner.execute(f"GRANT USAGE ON SCHEMA tailboard TO {role}")
        owner.execute(f"GRANT ALL ON tailboard.sources TO {role}")
        before = everything(owner)
        operator = connect()
        operator.execute(f"SET ROLE {role}")
        operator.execute("SET search_path = pg_catalog")
        definition = SOUND | {"queue": "(SELECT max(c.note) FROM public.claims AS c)"}
        with pytest.raises(TailboardError) as refused:
            attach(operator, parsing.from_definition("denied", definition))
        assert re.search(says.format(role=role, keeper="postgres"), str(refused.value))
        assert everything(owner) == before
    finally:
        owner.execute("ALTER SCHEMA tailboard OWNER TO CURRENT_USER")
        owner.execute(f"DROP OWNED BY {role}")
        owner.execute(f"DROP ROLE {role}")


def test_a_role_that_owns_tailboard_and_may_read_and_watch_is_enough(
    owner: Session, connect: Connect
) -> None:
    """No superuser: one role keeps Tailboard, another, a member of it with TRIGGER on the table, attaches."""
    keeper, operator, boss = (f"{name}_{owner.info.backend_pid}" for name in ("keeper", "operator", "boss"))
    owner.execute(f"CREATE ROLE {keeper}; CREATE ROLE {boss}")
    owner.execute(f"CREATE ROLE {operator} IN ROLE {keeper}")
    try:
        owner.execute(f"ALTER SCHEMA tailboard OWNER TO {keeper}")
        owner.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA tailboard TO {keeper}")
        owner.execute(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA tailboard TO {keeper}")
        owner.execute(f"GRANT SELECT ON public.jobs TO {keeper}")
        owner.execute(f"GRANT TRIGGER ON public.jobs TO {operator}")
        session = connect()
        session.execute(f"SET ROLE {operator}")
        assert preview(session, parsing.from_definition("first", SOUND)).detached_by == owner.info.user
        attach(session, parsing.from_definition("first", SOUND))
        owner.execute("UPDATE public.jobs SET state = 'done' WHERE id = 2")
        assert changes(owner) == [("U", "pending", "completed")]
        (well,) = [one for one in healths_sync(session) if one.name == "first"]
        assert well.state is not State.FAULTY
        owner.execute(f"REVOKE SELECT ON public.jobs FROM {keeper}")
        (denied,) = [one for one in healths_sync(session) if one.name == "first"]
        assert (denied.state, denied.advice) == (
            State.FAULTY,
            f"GRANT SELECT ON public.jobs TO {operator}, and USAGE on its schema.",
        )
        with pytest.raises(
            AttachRefused, match=r"must be owner of relation jobs. .*Detach it as a superuser\.$"
        ):
            detach(session, "first")
        owner.execute(f"ALTER TABLE public.jobs OWNER TO {boss}")
        with pytest.raises(AttachRefused, match=f"or GRANT {boss} TO {operator} first"):
            detach(session, "first")
        owner.execute("ALTER TABLE public.jobs OWNER TO CURRENT_USER")
        # The sealer, as the keeper, renews the capture when the log goes to its next leaf.
        session.execute(f"SET ROLE {keeper}")
        session.execute("SELECT tailboard.write_captures()")
    finally:
        owner.execute("SELECT tailboard.detach(name) FROM tailboard.sources WHERE NOT builtin")
        owner.execute("ALTER SCHEMA tailboard OWNER TO CURRENT_USER")
        owner.execute(f"DROP OWNED BY {operator}, {keeper}")
        owner.execute(f"DROP ROLE {operator}, {keeper}, {boss}")


def test_the_preview_says_what_there_is_and_changes_nothing(owner: Session, operator: Session) -> None:
    owner.execute(ODD_SQL)
    owner.execute('INSERT INTO "Odd Shop"."Print Jobs" DEFAULT VALUES')
    owner.execute(
        """INSERT INTO "Odd Shop"."Print Jobs" ("State") SELECT 'broken' FROM generate_series(1, 3)"""
    )
    before = everything(owner)
    seen = preview(operator, source(ODD))
    assert (seen.name, seen.table, seen.rows, seen.sampled) == ("prints", '"Odd Shop"."Print Jobs"', 4, False)
    assert seen.statuses == [Found("broken", "failed", 3), Found("new", "pending", 1)]
    assert seen.cost_us is not None
    assert 0 < seen.cost_us < 100_000
    assert seen.ids_proven
    assert seen.detached_by is None
    assert seen.creates[0] == 'trigger tailboard_watch on "Odd Shop"."Print Jobs"'
    assert everything(owner) == before


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({"id": "id"}, True),
        ({"id": "'job ' || id"}, True),
        ({"id": "naive"}, False),
        ({"id": "md5(job::text)::uuid"}, True),
        ({"table": "public.parts", "id": "id", "status": "'pending'"}, False),
        ({"table": "public.parts", "id": "shop || '/' || id", "status": "'pending'"}, True),
        ({"table": "public.empty"}, False),
    ],
)
def test_the_preview_says_whether_ids_that_are_unique_now_stay_so(
    owner: Session, operator: Session, change: dict[str, Any], *, kept: bool
) -> None:
    owner.execute("UPDATE public.jobs SET naive = now() + id * interval '1 hour'")
    seen = preview(operator, parsing.from_definition("maybe", SOUND | change))
    assert (seen.ids_proven, seen.ids_kept) == (True, kept)


def test_an_empty_table_and_one_without_a_key_can_be_attached(owner: Session, operator: Session) -> None:
    empty = parsing.from_definition("empty", SOUND | {"table": "public.empty"})
    seen = preview(operator, empty)
    assert (seen.rows, seen.statuses, seen.cost_us) == (0, [], None)
    attach(operator, empty)
    attach(operator, source(PARTS))
    owner.execute("INSERT INTO public.empty VALUES (1, 'new'), (NULL, 'new')")
    assert changes(owner) == [("I", None, "pending")]
    (found, _) = healths_sync(operator)
    assert (found.state, found.faults) == (State.FAULTY, 1)
    assert "the id of a row is NULL" in found.found


def test_attach_gives_way_to_writers_and_comes_back(
    owner: Session, connect: Connect, operator: Session
) -> None:
    """A writer that stays open keeps nobody else from writing while attach tries; then attach gets through."""
    tried = threading.Event()
    writer, other = connect(autocommit=False), connect()
    writer.execute("UPDATE public.jobs SET state = 'done' WHERE id = 2")
    raised: list[Exception] = []

    def work() -> None:
        try:
            attach(
                operator,
                parsing.from_definition("first", SOUND),
                lambda tries: tried.set() if tries > 1 else None,
            )
        except Exception as error:  # noqa: BLE001  # it is looked at below
            raised.append(error)
            tried.set()

    attacher = threading.Thread(target=work)
    attacher.start()
    assert tried.wait(30)
    other.execute("SET lock_timeout = '5s'")
    other.execute("UPDATE public.jobs SET state = 'done' WHERE id = 4")
    assert attacher.is_alive()
    writer.commit()
    attacher.join(60)
    assert not raised
    other.execute("UPDATE public.jobs SET state = 'new' WHERE id = 4")
    assert changes(owner) == [("U", "completed", "pending")]


def test_attach_gives_up_in_the_end_and_leaves_nothing(
    owner: Session, connect: Connect, operator: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attaching, "_TRIES", 2)
    before = everything(owner)
    writer = connect(autocommit=False)
    writer.execute("UPDATE public.jobs SET state = 'done' WHERE id = 2")
    with pytest.raises(
        AttachRefused, match=r"public\.jobs was locked by others at each of 2 tries; nothing was changed"
    ):
        attach(operator, parsing.from_definition("first", SOUND))
    writer.rollback()
    assert everything(owner) == before


def only(operator: Session) -> Health:
    (found,) = healths_sync(operator)
    return found


@pytest.mark.parametrize(
    ("statement", "state", "says"),
    [
        ("SELECT 1", State.SYNCING, "not been counted"),
        ("UPDATE tailboard.sources SET synced = true", State.OK, "every change is captured"),
        ("ALTER TABLE public.jobs ADD COLUMN more int", State.SYNCING, "not been counted"),
        ("ALTER TABLE public.jobs DROP COLUMN twin", State.SYNCING, "not been counted"),
        (
            "ALTER TABLE public.jobs ALTER COLUMN state TYPE varchar(50)",
            State.DRIFTED,
            "state is character varying",
        ),
        ("ALTER TABLE public.jobs RENAME COLUMN state TO stat", State.DRIFTED, "state is gone"),
        ("ALTER TABLE public.jobs RENAME TO jobs2", State.BROKEN, "another name"),
        ("CREATE TABLE public.more () INHERITS (public.jobs)", State.BROKEN, r"public.more inherits from"),
        ("DROP TABLE public.jobs CASCADE", State.BROKEN, "is gone"),
        (
            "DROP TABLE public.jobs CASCADE; CREATE TABLE public.jobs (id int, state text)",
            State.BROKEN,
            "dropped and made anew",
        ),
        ("DROP TRIGGER tailboard_watch ON public.jobs", State.BROKEN, "trigger of Tailboard's is missing"),
        ("ALTER TABLE public.jobs DISABLE TRIGGER ALL", State.BROKEN, "is disabled"),
        ("DROP FUNCTION tailboard.source_first()", State.BROKEN, "source_first() is missing"),
    ],
)
def test_the_health_of_a_source_says_what_is_wrong(
    owner: Session, operator: Session, statement: str, state: State, says: str
) -> None:
    attach(operator, parsing.from_definition("first", SOUND))
    owner.execute(statement.encode())
    found = only(operator)
    assert (found.state, says in found.found) == (state, True), found
    assert bool(found.advice) == (state is not State.OK)
    detach(operator, "first")


def test_a_row_that_is_looked_at_as_a_whole_has_drifted_with_every_column(
    owner: Session, operator: Session, database_url: str
) -> None:
    attach(operator, parsing.from_definition("first", SOUND | {"result": "to_jsonb(job)"}))
    assert only(operator).state is State.SYNCING
    owner.execute("ALTER TABLE public.jobs ADD COLUMN more int")
    assert only(operator).state is State.DRIFTED
    renew(database_url, "first")
    assert only(operator).state is State.SYNCING
    owner.execute("UPDATE public.jobs SET more = 1 WHERE id = 2")
    assert changes(owner) == [("U", "pending", "pending")]


def test_what_keeps_a_source_from_being_detached_is_named(owner: Session, operator: Session) -> None:
    attach(operator, parsing.from_definition("first", SOUND))
    owner.execute("CREATE VIEW public.mine AS SELECT id FROM tailboard.source_first()")
    with pytest.raises(AttachRefused, match=r"first stays attached: view public.mine .* Drop"):
        detach(operator, "first")
    owner.execute("DROP VIEW public.mine")
    detach(operator, "first")


def test_nothing_is_kept_of_a_detached_source_and_its_readers_are_told(
    owner: Session, operator: Session
) -> None:
    definition = SOUND | {"follows": [{"table": "public.claims", "job": "job_id"}]}
    attach(operator, parsing.from_definition("first", definition))
    owner.execute("UPDATE public.jobs SET state = 'done' WHERE id = 2")
    owner.execute("INSERT INTO tailboard.upkeep (source) VALUES ('first') ON CONFLICT DO NOTHING")
    owner.execute(
        "INSERT INTO tailboard.faults (source, n, sqlstate, message) VALUES ('first', 1, '23514', 'no')"
    )
    kept = " UNION ALL ".join(
        f"SELECT '{table}' FROM tailboard.{table} WHERE source = 'first'"
        for table in ("remembered", "faults", "upkeep")
    ).encode()
    assert len(set(owner.execute(kept).fetchall())) == 3
    detach(operator, "first")
    assert owner.execute(kept).fetchall() == []
    told = "SELECT op, source, job_id, job FROM tailboard.changes ORDER BY seq DESC LIMIT 1"
    assert owner.execute(told).fetchone() == ("T", "first", None, None)


def test_triggers_that_were_renamed_are_still_tailboards(owner: Session, operator: Session) -> None:
    definition = SOUND | {"follows": [{"table": "public.claims", "job": "job_id"}]}
    before = objects(owner)
    attach(operator, parsing.from_definition("first", definition))
    for trigger, table in (
        ("tailboard_watch", "public.jobs"),
        ("tailboard_emptied", "public.jobs"),
        ("tailboard_follow", "public.claims"),
        ("tailboard_emptied", "public.claims"),
    ):
        owner.execute(f'ALTER TRIGGER {trigger} ON {table} RENAME TO "My {trigger}"'.encode())
    owner.execute("UPDATE public.jobs SET state = 'done' WHERE id = 2")
    assert changes(owner) == [("U", "pending", "completed")]
    assert only(operator).state is State.SYNCING, "they capture as before"
    owner.execute("ALTER TABLE public.jobs DISABLE TRIGGER ALL")
    found = only(operator)
    assert found.state is State.BROKEN
    owner.execute(found.advice.rstrip(".").encode())
    assert only(operator).state is State.SYNCING
    detach(operator, "first")
    assert objects(owner) == before


def test_a_trigger_that_was_renamed_goes_with_an_older_schema_too(
    owner: Session, operator: Session, database_url: str
) -> None:
    attach(operator, source(PARTS))
    owner.execute("ALTER TRIGGER tailboard_watch ON public.parts RENAME TO mine")
    migrate(database_url, "base")
    assert owner.execute("SELECT FROM pg_trigger WHERE oid >= 16384").fetchall() == []


def test_a_source_that_has_drifted_is_made_anew(owner: Session, operator: Session) -> None:
    first = parsing.from_definition("first", SOUND)
    attach(operator, first)
    owner.execute("ALTER TABLE public.jobs ALTER COLUMN state TYPE varchar(50), ALTER COLUMN id TYPE bigint")
    assert only(operator).state is State.DRIFTED
    with operator.transaction():
        install(operator, describe(operator, first))
    assert only(operator).state is State.SYNCING
    owner.execute("UPDATE public.jobs SET state = 'done' WHERE id = 2")
    assert changes(owner) == [("U", "pending", "completed")]
    assert owner.execute("SELECT pg_typeof(id)::text FROM tailboard.source_first() LIMIT 1").fetchone() == (
        "bigint",
    )


def test_the_reading_function_reaches_the_owners_indexes(owner: Session, operator: Session) -> None:
    attach(operator, parsing.from_definition("first", SOUND))
    owner.execute("INSERT INTO public.jobs (id, state) SELECT i, 'new' FROM generate_series(10, 5000) i")
    owner.execute("CREATE INDEX jobs_state ON public.jobs (state)")
    owner.execute("ANALYZE public.jobs")
    for condition in ("source_first() WHERE id = 17", "source_first('{done}') LIMIT 1"):
        plan = owner.execute(f"EXPLAIN SELECT * FROM tailboard.{condition}".encode()).fetchall()
        assert any("Index" in line for (line,) in plan), plan
        assert not any("Function Scan" in line for (line,) in plan), plan
