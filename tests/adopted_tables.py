"""Owners' tables that tests adopt: exports with uuid ids and an enum status, shipments with numbers and times."""

from contextlib import closing
from typing import Final

from tailboard.db.adopting.attaching import attach
from tailboard.db.session import connect
from tailboard.sources.parsing import parse
from tailboard.sources.source import Source

EXPORTS: Final = """
[sources.exports]
table = "shop.exports"
id = "id"
queue = "region"
kind = "'export.' || format"
priority = "urgency"
worker = "host"
error = "last_error"
tags = "labels"
created_at = "made"
started_at = "begun"
finished_at = "ended"
payload = "body"
result = "outcome"
due = "not_before"

[sources.exports.status]
column = "state"
map = { new = "pending", busy = "in_progress", ok = "completed", err = "failed", off = "cancelled" }

[sources.exports.actions]
retry = "SELECT shop.again($1)"
cancel = "UPDATE shop.exports SET state = 'off' WHERE id = $1 AND state = 'new'"
"""

EXPORTS_SQL: Final = """
CREATE SCHEMA shop;
CREATE TYPE shop.state AS ENUM ('new', 'busy', 'ok', 'err', 'off');
CREATE TABLE shop.exports (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    region varchar(40) NOT NULL DEFAULT 'eu', format text NOT NULL DEFAULT 'csv',
    state shop.state NOT NULL DEFAULT 'new',
    urgency smallint NOT NULL DEFAULT 0, host text, last_error text, labels text[], body json, outcome jsonb,
    made timestamptz DEFAULT clock_timestamp(), begun timestamptz, ended timestamptz, not_before timestamptz);
CREATE INDEX exports_state ON shop.exports (state);
CREATE INDEX exports_made ON shop.exports (made);
CREATE FUNCTION shop.again(job uuid) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE found uuid;
BEGIN
    IF EXISTS (SELECT FROM shop.exports WHERE id = job AND host = 'cursed') THEN
        RAISE EXCEPTION 'exports of cursed hosts stay dead';
    END IF;
    UPDATE shop.exports SET state = 'new', last_error = NULL WHERE id = job AND state = 'err' RETURNING id INTO found;
    RETURN found;
END $$;
"""

SHIPMENTS: Final = """
[sources.shipments]
table = "public.shipments"
id = "id"
queue = "'ships'"
kind = "what"
status = "CASE WHEN done THEN 'completed' WHEN holder IS NOT NULL THEN 'in_progress' ELSE 'pending' END"
worker = "holder"
"""

SHIPMENTS_SQL: Final = """
CREATE TABLE public.shipments (
    id serial PRIMARY KEY, what text NOT NULL DEFAULT 'parcel', done boolean NOT NULL DEFAULT false, holder text);
"""


PARTS: Final = """
[sources.parts]
table = "public.parts"
id = "id"
status = "'in_progress'"
queue = "public.far(id)"
worker = "public.far(id)"
"""

PARTS_SQL: Final = """
CREATE TABLE public.parts (id int PRIMARY KEY);
CREATE TABLE public.away (code text);
CREATE FUNCTION public.far(part int) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE away text := (SELECT code FROM public.away);
BEGIN
    IF away IS NOT NULL THEN
        RAISE EXCEPTION 'far away' USING ERRCODE = away;
    END IF;
    RETURN 'near';
END $$;
INSERT INTO public.parts VALUES (1);
"""
"""What an expression looks at may be on another server, and that one be away: what `away` says."""

AWAY: Final = ("08001", "25006", "53200", "57P03")


def adopt(url: str, definition: str) -> Source:
    """Attach what a definition describes."""
    (source,) = parse(definition)
    with closing(connect(url, "attach")) as connection:
        attach(connection, source)
    return source
