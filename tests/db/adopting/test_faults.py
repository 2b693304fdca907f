"""Whatever fails in the capture, the owner's statements succeed, and what was missed is counted and told."""

from typing import Any, LiteralString

import psycopg
import pytest

from db.adopting.stranger import PRINTS, changes, faults
from fixtures.database import Connect

Owner = psycopg.Connection[Any]


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


def test_a_value_that_an_expression_cannot_take_is_a_fault_and_no_failure(owner: Owner) -> None:
    owner.execute(f"INSERT INTO {PRINTS} (made_ms) VALUES ({2**63 - 1})")
    assert owner.execute(f"SELECT count(*) FROM {PRINTS}").fetchone() == (1,)
    assert faults(owner, "prints") == 1
    message = owner.execute("SELECT sqlstate, message, op FROM tailboard.faults").fetchone()
    assert message is not None
    assert message[0] == "22008"
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


def test_a_serializable_worker_that_commits_is_in_the_log(owner: Owner, connect: Connect) -> None:
    """One that reads what another changes, who commits first while a third has read the log before."""
    owner.execute(f'INSERT INTO {PRINTS} ("Order") VALUES (NULL)')
    owner.execute("CREATE TABLE public.others (n int); INSERT INTO public.others VALUES (1)")
    worker, other, reader = connect(autocommit=False), connect(autocommit=False), connect(autocommit=False)
    for session in (worker, other, reader):
        session.execute("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        session.commit()
    logged = len(changes(owner))
    worker.execute("SELECT n FROM public.others")
    other.execute("UPDATE public.others SET n = n + 1")
    reader.execute("SELECT count(*) FROM tailboard.changes")
    reader.execute("CREATE TABLE public.derived (n int)")
    other.commit()
    with pytest.raises(psycopg.errors.SerializationFailure):
        worker.execute(f"""UPDATE {PRINTS} SET "State" = 'in work'""")
    worker.rollback()
    assert faults(owner, "prints") == 0, "it is tried again"
    worker.execute(f"""UPDATE {PRINTS} SET "State" = 'in work'""")
    worker.commit()
    assert len(changes(owner)) == logged + 1
