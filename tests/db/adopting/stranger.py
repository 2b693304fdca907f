"""Tables that strangers own, each odd in ways that real ones are, and the definitions that put them on the board."""

from typing import Any, Final, LiteralString

import psycopg

from tailboard.sources import parsing
from tailboard.sources.source import Source

Row = tuple[Any, ...]
Owner = psycopg.Connection[Any]

PRINTS: LiteralString = '"Odd Shop"."Print Jobs"'

ODD_SQL: Final = """
CREATE SCHEMA "Odd Shop";
CREATE TYPE "Odd Shop"."State" AS ENUM ('new', 'in work', 'it''s done', 'broken');
CREATE TABLE "Odd Shop"."Print Jobs" (
    "Id"        uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "State"     "Odd Shop"."State" NOT NULL DEFAULT 'new',
    "Order"     json,
    made_ms     bigint NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
    ended_ms    bigint,
    pages       integer NOT NULL DEFAULT 1,
    pages_done  integer NOT NULL DEFAULT 0,
    share       double precision GENERATED ALWAYS AS (pages_done::double precision / pages) STORED,
    "found"     text,
    seen_at     timestamptz,
    unused      integer
);
ALTER TABLE "Odd Shop"."Print Jobs" ENABLE ROW LEVEL SECURITY;
"""

ODD: Final = """
[sources.prints]
table = '"Odd Shop"."Print Jobs"'
id = '"Id"'
kind = "'print'"
progress = "share"
error = "found"        # a name that PL/pgSQL has a variable of
created_at = "to_timestamp(made_ms / 1000.0)"
finished_at = "to_timestamp(ended_ms / 1000.0)"
payload = '"Order"'

[sources.prints.status]
column = '"State"'
map = { new = "pending", "in work" = "in_progress", "it's done" = "completed", broken = "failed" }
"""

PARTS_SQL: Final = """
CREATE TABLE public.parts (
    id bigint NOT NULL, shop text NOT NULL, done boolean NOT NULL DEFAULT false, note text, PRIMARY KEY (shop, id)
) PARTITION BY LIST (shop);
CREATE TABLE public.parts_a PARTITION OF public.parts FOR VALUES IN ('a');
"""

PARTS: Final = """
[sources.parts]
table = "public.parts"
id = "shop || '/' || id"
queue = "shop"
error = "note"
status = "CASE WHEN done THEN 'completed' ELSE 'pending' END"
"""


def source(definition: str) -> Source:
    (only,) = parsing.parse(definition)
    return only


def changes(connection: psycopg.Connection[Any]) -> list[Row]:
    return connection.execute(
        "SELECT op::text, old_status, new_status FROM tailboard.changes ORDER BY seq"
    ).fetchall()


def faults(connection: psycopg.Connection[Any], name: str) -> int:
    row = connection.execute(
        "SELECT coalesce(pg_sequence_last_value(to_regclass(format('tailboard.%%I', 'faults_' || %s::text))), 0)",
        [name],
    ).fetchone()
    assert row is not None
    return int(row[0])


def cards(owner: Owner, table: str = "prints") -> list[dict[str, Any]]:
    return [
        row[0]
        for row in owner.execute("SELECT tailboard.card(c) FROM tailboard.changes c ORDER BY seq").fetchall()
    ]


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
