"""Owners' tables that tests adopt: exports with uuid ids and an enum status, shipments with numbers and times."""

import json
from typing import Any, Final

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from tailboard.sources.parsing import parse
from tailboard.sources.source import Source, StatusColumn

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
CREATE TYPE shop.state AS ENUM ('new', 'busy', 'ok', 'err', 'off', 'odd');
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

_TYPES: Final = {
    "queue": "text", "kind": "text", "status": "text", "priority": "bigint", "attempt": "integer",
    "max_attempts": "integer", "progress": "double precision", "phase": "text", "phases": "jsonb", "worker": "text",
    "error": "text", "tags": "text[]", "created_at": "timestamptz", "scheduled_at": "timestamptz",
    "started_at": "timestamptz", "finished_at": "timestamptz", "payload": "jsonb", "result": "jsonb",
    "due": "timestamptz",
}  # fmt: skip


def adopt(
    connection: psycopg.Connection[Any], definition: str, id_type: str, native: str | None = None
) -> Source:
    """Attach by hand what a definition describes, without a capture."""
    (source,) = parse(definition)
    status = _status(source)
    columns = [f"({source.id})::{id_type}"]
    for name, kind in _TYPES.items():
        if name == "status":
            columns.append(status)
        elif name == "due":
            columns.append(f"({source.due or 'NULL'})::{kind}")
        else:
            columns.append(f"({source.columns.get(name, 'NULL')})::{kind}")
    returned = f"id {id_type}, " + ", ".join(f"{name} {kind}" for name, kind in _TYPES.items())
    if native is not None:
        columns.append(f"({source.native_status})::{native}")
        returned += f", native_status {native}"
    table = f"{source.table}"
    body = f"SELECT {', '.join(columns)} FROM {table} AS job"
    connection.execute(
        SQL("CREATE FUNCTION {}() RETURNS TABLE({}) LANGUAGE sql STABLE AS {}").format(
            Identifier("tailboard", f"source_{source.name}"), SQL(returned), Literal(body)
        )
    )
    connection.execute(
        "INSERT INTO tailboard.sources (name, table_name, definition) VALUES (%s, %s, %s)",
        (source.name, table, json.dumps(dict(source.definition))),
    )
    return source


def _status(source: Source) -> str:
    if isinstance(source.status, str):
        mapped = f"({source.status})"
    else:
        assert isinstance(source.status, StatusColumn)
        cases = " ".join(f"WHEN '{word}' THEN '{meant}'" for word, meant in source.status.map.items())
        mapped = f"coalesce(CASE ({source.status.column})::text {cases} END, 'paused')"
    if source.due is None:
        return f"{mapped}::text"
    return f"(CASE WHEN {mapped} = 'pending' AND ({source.due}) > now() THEN 'scheduled' ELSE {mapped} END)::text"
