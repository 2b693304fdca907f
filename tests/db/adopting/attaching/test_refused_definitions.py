"""Definitions that do not fit: each is refused in words that say what to write, and nothing is changed."""

from typing import Any

import psycopg
import pytest

from db.adopting.attaching.plain_tables import SOUND, everything
from tailboard.db.adopting.attaching import attach
from tailboard.db.adopting.preview import preview
from tailboard.errors import InvalidSource
from tailboard.sources import parsing

Session = psycopg.Connection[Any]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        # the table
        ({"table": "public.nope"}, r"no table public\.nope: check schema and table"),
        ({"table": "nope.jobs"}, r"no table nope\.jobs, but there is public\.jobs: check"),
        ({"table": "public.Twins"}, r"no table public\.twins, but there is public\.\"Twins\": check"),
        ({"table": "public.a_view"}, "a view, and only tables"),
        ({"table": "public.a_matview"}, "a materialized view"),
        ({"table": "public.parts_a", "status": "'pending'"}, r"is a partition: attach public\.parts"),
        ({"table": "public.parent", "status": "'pending'"}, "inherit from it"),
        ({"table": "tailboard.workers", "id": "name", "status": "'pending'"}, "belongs to tailboard"),
        ({"table": "pg_catalog.pg_class", "id": "oid", "status": "'pending'"}, "belongs to pg_catalog"),
        # columns
        ({"queue": "regoin"}, 'queue: column "regoin" does not exist. The table has id, state, mood'),
        ({"id": "idd"}, 'id: column "idd" does not exist'),
        ({"status": {"column": "stat", "map": {"a": "pending"}}}, 'status: column "stat" does not exist'),
        ({"error": "Mixed || nope"}, 'error: column "nope" does not exist'),
        ({"kind": "job.nope"}, "kind: column job.nope does not exist"),
        ({"kind": "(SELECT x.a FROM other AS x)"}, 'relation "other" does not exist. .* with its schema'),
        ({"kind": "nope(id)"}, r"function nope\(integer\) does not exist. .* with its schema"),
        ({"kind": "state +"}, "kind: syntax error"),
        ({"kind": "(SELECT 1, 2)"}, "kind: subquery must return only one column"),
        ({"kind": "count(*)"}, "kind: aggregate functions are not allowed"),
        ({"kind": "rank() OVER ()"}, "kind: window functions are not allowed"),
        ({"kind": "unnest(words)"}, "kind: set-returning functions are not allowed"),
        ({"kind": "$1"}, "kind: there is no parameter"),
        ({"kind": "1 FROM public.claims WHERE true"}, "kind: syntax error"),
        # types
        ({"created_at": "naive"}, "created_at gives timestamp without time zone: .* AT TIME ZONE 'UTC'"),
        (
            {"created_at": "stamped AT TIME ZONE 'UTC'"},
            "timestamp without time zone: AT TIME ZONE takes the zone off a time that has one, so leave it away",
        ),
        ({"created_at": "day"}, "created_at gives date: say at which time"),
        ({"created_at": "ms"}, r"created_at gives bigint: .* to_timestamp\(x / 1000.0\)"),
        ({"due": "naive"}, "due gives timestamp without time zone"),
        ({"priority": "state"}, "priority gives text: write a whole number"),
        ({"attempt": "num"}, "attempt gives double precision: write a whole number"),
        ({"progress": "state"}, "progress gives text: write a number from 0 to 1"),
        ({"tags": "state"}, "tags gives text: write an array of text"),
        ({"tags": "docs"}, "tags gives jsonb: .* jsonb_array_elements_text"),
        ({"phases": "state"}, "phases gives text: write JSON"),
        ({"queue": "words"}, r"queue gives text\[\]: write one value"),
        ({"worker": "raw"}, "worker gives bytea"),
        ({"kind": "job"}, "kind gives"),
        ({"id": "doc"}, "id"),
        ({"running": "state"}, "running gives text: write a condition"),
        ({"deleted": "words"}, r"deleted gives text\[\]"),
        ({"payload": "job.*"}, r"payload gives 17 columns: .* to_jsonb\(job\)"),
        ({"result": "ROW(id, state)"}, "result gives record: write JSON, such as"),
        # statuses
        (
            {"status": {"column": "state", "map": {"new": "pending"}}},
            r"nothing maps 'done' \(3 rows\): add each to the map",
        ),
        (
            {"status": {"column": "mood", "map": {"sad": "pending"}}},
            r"nothing maps 'glad' \(no row, but its type allows it\)",
        ),
        (
            {"status": "state"},
            r"nothing maps 'done' \(3 rows\), 'new' \(3 rows\): the expression has to give one of",
        ),
        ({"status": "CASE WHEN id > 1 THEN 'pending' END"}, r"nothing maps NULL \(1 row\): the expression"),
        (
            {"status": {"column": "nullif(state, 'new')", "map": {"done": "completed"}}},
            r"NULL \(3 rows\): .*; NULL has no .* such as column = \"coalesce\(nullif\(.*\)::text, 'none'\)\"",
        ),
        # ids
        ({"id": "twin"}, r"id is ambiguous: 2 rows have \d\. Choose a unique column"),
        ({"id": "hole"}, "id is NULL in 1 row: choose"),
        ({"id": "'always'"}, "id is ambiguous: 6 rows have always"),
        # values
        ({"worker": "1 / (id - 3)"}, "reading the first rows: division by zero"),
        ({"payload": "state::json"}, "reading the first rows: invalid input syntax for type json"),
        # what is looked up at once
        ({"looked_up": "SELECT 1"}, r"looked_up gives \?column\?, for which the source has no expression"),
        (
            {"looked_up": "SELECT now() AS queue", "queue": "state"},
            "looked_up gives queue as .*, its expression as text",
        ),
        ({"looked_up": "SELECT nope AS queue", "queue": "state"}, 'looked_up: column "nope" does not exist'),
        (
            {"looked_up": "SELECT 'x' AS queue FROM claims", "queue": "state"},
            "every name is written with its schema",
        ),
        # what a deletion means
        ({"deleted": "'finished'"}, "deleted gives 'finished', which is no status: there are scheduled"),
        ({"deleted": "CASE WHEN id > 3 THEN id END"}, "deleted gives '4', which is no status"),
        # actions
        (
            {"actions": {"retry": "SELECT public.nope($1)"}},
            r"retry: function public\.nope\(unknown\) does not",
        ),
        (
            {"actions": {"cancel": "UPDAT public.jobs SET id = $1"}},
            "cancel: syntax error .* Correct the action or",
        ),
        (
            {"actions": {"delete": "CALL public.nope($1)"}},
            r"delete: procedure public\.nope\(unknown\) does not",
        ),
        # what is followed
        ({"follows": [{"table": "public.nope", "job": "id"}]}, r"no table public\.nope"),
        (
            {"follows": [{"table": "public.claims", "job": "id"}]},
            r'follows public\.claims: job: column "id" does not exist',
        ),
        ({"follows": [{"table": "public.parts", "job": "id"}]}, "cannot be followed"),
        (
            {"table": "public.parts", "id": "shop || id", "status": "'pending'", "running": "done"},
            "has partitions",
        ),
    ],
)
def test_a_definition_that_does_not_fit_is_refused_and_nothing_is_changed(
    owner: Session, operator: Session, change: dict[str, Any], says: str
) -> None:
    before = everything(owner)
    bad = parsing.from_definition("bad", SOUND | change)
    with pytest.raises(InvalidSource, match=says):
        attach(operator, bad)
    with pytest.raises(InvalidSource, match=says):
        preview(operator, bad)
    assert everything(owner) == before
