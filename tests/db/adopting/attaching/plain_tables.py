"""Tables of an owner that are plainly jobs, and what there is in the database: what attaching must leave as it was."""

from typing import Any

import psycopg

from db.adopting.stranger import PARTS_SQL, Row, objects

Session = psycopg.Connection[Any]

TABLES = (
    """
CREATE TYPE public.mood AS ENUM ('sad', 'glad', 'mad');
CREATE TABLE public.jobs (id int PRIMARY KEY, state text, mood public.mood, twin int, hole int, naive timestamp,
    day date, ms bigint, words text[], doc json, docs jsonb, raw bytea, half numeric, Mixed text,
    "Mixed" text, num double precision, stamped timestamptz);
INSERT INTO public.jobs SELECT i, (ARRAY['new', 'done'])[1 + i % 2], 'sad', i / 2, nullif(i, 3), now(), now(),
    0, '{}', '{}', '{}', '', 0.5, '', '', 0.5 FROM generate_series(1, 6) i;
CREATE TABLE public.claims (job_id int, note text);
CREATE VIEW public.a_view AS SELECT * FROM public.claims;
CREATE MATERIALIZED VIEW public.a_matview AS SELECT * FROM public.claims;
CREATE TABLE public.parent (id int PRIMARY KEY, state text);
CREATE TABLE public.child () INHERITS (public.parent);
CREATE TABLE public."Twins" (id int);
CREATE TABLE public.empty (id int, state text);
"""
    + PARTS_SQL
)
MAP = {"column": "state", "map": {"new": "pending", "done": "completed"}}
SOUND: dict[str, Any] = {"table": "public.jobs", "id": "id", "status": MAP}


def everything(connection: Session) -> tuple[set[Row], list[Row], list[Row]]:
    return (
        objects(connection),
        connection.execute("SELECT * FROM tailboard.sources").fetchall(),
        connection.execute("SELECT * FROM tailboard.changes").fetchall(),
    )
