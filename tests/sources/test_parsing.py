"""What definitions say, and that every one that says nothing usable is answered by what to write instead."""

import pytest

from tailboard.core.action import Action
from tailboard.core.job import Status
from tailboard.errors import InvalidSource
from tailboard.sources import parsing, presets
from tailboard.sources.source import Column, StatusColumn
from tailboard.sources.sqltext import TableName, columns_of, fault, renamed, table_name

ORDERS = """
[sources.orders]
table = "public.order_exports"
id = "id"
queue = "region"
kind = "'export'"
status = { column = "state", map = { new = "pending", busy = "in_progress", ok = "completed", err = "failed" } }
created_at = "created"
actions = { retry = "SELECT public.again($1)" }
follows = [{ table = "public.claims", job = "export_id" }]
"""


def test_a_definition_is_read_as_it_is_written_and_back_from_what_is_stored() -> None:
    (source,) = parsing.parse(ORDERS)
    assert source.table == TableName("public", "order_exports")
    assert source.columns == {Column.QUEUE: "region", Column.KIND: "'export'", Column.CREATED_AT: "created"}
    assert isinstance(source.status, StatusColumn)
    assert source.status.natives(Status.FAILED) == ("err",)
    assert source.actions == {Action.RETRY: "SELECT public.again($1)"}
    assert source.remembers
    assert source.deleted_status is None
    assert parsing.from_definition("orders", source.definition) == source


def test_the_schema_of_a_preset_is_filled_in_with_quotes_where_needed() -> None:
    assert presets.load("procrastinate").table == TableName("public", "procrastinate_jobs")
    moved = presets.load("procrastinate", "My Jobs")
    assert moved.table == TableName("My Jobs", "procrastinate_jobs")
    assert all('"My Jobs".' in text for text in moved.columns.values() if "SELECT" in text)


@pytest.mark.parametrize("name", presets.names())
def test_every_preset_reads_and_says_what_it_is_for(name: str) -> None:
    about = presets.describe(name)
    assert all((about.title, about.versions, about.schema))
    source = presets.load(name)
    assert parsing.from_definition(source.name, source.definition) == source


SOUND = {"table": "public.t", "id": "id", "status": "'pending'"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"table": None}, "lacks table"),
        ({"id": None}, "lacks id"),
        ({"status": None}, "lacks status"),
        ({"tabel": "x"}, "did you mean table"),
        ({"colour": "x"}, "there are table, id"),
        ({"health": "SELECT 1"}, "health"),
        ({"table": "t"}, "schema and table"),
        ({"table": "a.b.c"}, "schema and table"),
        ({"table": 5}, "write SQL as text"),
        ({"id": ""}, "is empty"),
        ({"id": "-- nothing"}, "is empty"),
        ({"id": 5}, "write SQL as text"),
        ({"id": "id; DROP TABLE t"}, "semicolon"),
        ({"id": "id) FROM t --"}, "closes nothing"),
        ({"id": "a, b"}, "comma"),
        ({"id": "(a"}, r"lacks a \)"),
        ({"id": "a[1)"}, "closes nothing"),
        ({"queue": "'a"}, "unclosed '"),
        ({"queue": '"a'}, 'unclosed "'),
        ({"queue": "a /* b"}, "unclosed comment"),
        ({"queue": "a\0"}, "zero byte"),
        ({"status": 3}, "expression or"),
        ({"status": {"column": "s"}}, "both a column and a map"),
        ({"status": {"map": {"a": "pending"}}}, "both a column and a map"),
        ({"status": {"column": "s", "map": {}}}, "both a column and a map"),
        ({"status": {"column": "s", "map": {"a": "done"}}}, "no status: there are scheduled, pending"),
        ({"status": {"column": "s", "map": {"a": ["pending"]}}}, "no status"),
        ({"status": {"column": "s", "map": {"a": "pending"}, "else": "failed"}}, "no key 'else'"),
        ({"deleted": "a b)"}, "closes nothing"),
        ({"actions": "x"}, "must be a table of retry"),
        ({"actions": {"restart": "SELECT $1"}}, "no key 'restart'"),
        ({"actions": {"retry": "SELECT 1"}}, r"\$1"),
        ({"actions": {"retry": "SELECT $1, $2"}}, r"\$1"),
        ({"actions": {"retry": "SELECT $1; SELECT 2"}}, "semicolon"),
        ({"follows": {"table": "a.b"}}, "must be a list"),
        ({"follows": ["a.b"]}, "table and job"),
        (
            {"follows": [{"table": "a.b", "job": "x"}, {"table": "A.b", "job": "y"}]},
            r"follows\[1\] names a\.b",
        ),
        ({"follows": [{"table": "a.b"}]}, "lacks job"),
        ({"follows": [{"table": "a", "job": "x"}]}, "schema and table"),
        ({"table": "{schema}.t"}, "--schema"),
    ],
)
def test_what_cannot_work_is_refused_with_what_to_do(change: dict[str, object], says: str) -> None:
    definition = {key: value for key, value in {**SOUND, **change}.items() if value is not None}
    with pytest.raises(InvalidSource, match=says):
        parsing.read({"sources": {"x": definition}}, schema=None, origin="x.toml")


@pytest.mark.parametrize("name", ["Orders", "1st", "a" * 41, "a.b", "", "jobs"])
def test_a_name_that_cannot_be_a_sources_is_refused(name: str) -> None:
    with pytest.raises(InvalidSource, match="name"):
        parsing.read({"sources": {name: SOUND}}, schema=None, origin="x.toml")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[sources.x", "is no TOML"),
        ("", "defines no source"),
        ("sources = 1", "defines no source"),
        ("sources.x = 1", "must be a table"),
        ("[source.x]", "did you mean sources"),
    ],
)
def test_a_file_that_is_no_definition_is_refused(text: str, says: str) -> None:
    with pytest.raises(InvalidSource, match=says):
        parsing.parse(text, origin="x.toml")


def test_an_unknown_preset_is_answered_with_those_there_are() -> None:
    with pytest.raises(InvalidSource, match="procrastinate"):
        presets.load("nope")


@pytest.mark.parametrize(
    "text",
    [
        "id",
        "(SELECT max(e.at), ';' FROM e)".replace(", ';'", ""),
        "coalesce(a, ';', $$ ) $$, $x$ ' $x$)",
        "a -- why ) ;",
        "E'it\\'s; ' || \"odd;name\" /* ; */",
        "ARRAY[a, b]",
        "a[1]",
    ],
)
def test_an_expression_may_hold_anything_between_quotes(text: str) -> None:
    assert fault(text) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Public.Jobs", ("public", "jobs")),
        ('"Odd Schema"."My ""Jobs"""', ("Odd Schema", 'My "Jobs"')),
        ("a . b", ("a", "b")),
        ("a", None),
        ("a.b; c", None),
    ],
)
def test_a_table_is_named_as_in_sql(text: str, name: tuple[str, str] | None) -> None:
    assert table_name(text) == name
    if name is not None:
        assert table_name(str(TableName(*name))) == name


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("job.id", "row.id"),
        ('(job."from" || job.id)', '(row."from" || row.id)'),
        ("to_jsonb(job.*)", "to_jsonb(row.*)"),
        ("(job.tableoid)::text", "(row.tableoid)::text"),
        ("job.id(job.id)", "job.id(row.id)"),
        (
            "(SELECT n.n FROM job.names n WHERE n.id = job.id)",
            "(SELECT n.n FROM job.names n WHERE n.id = row.id)",
        ),
        ("(job.id)::job.state", "(row.id)::job.state"),
        ("('job.id'::text || a.job.id)", "('job.id'::text || a.job.id)"),
    ],
)
def test_only_a_column_of_the_row_is_renamed(text: str, other: str) -> None:
    assert renamed(text, "job", "row", {"id", "from"}) == other


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ('(job."from" || job.ID)', {"from", "id"}),
        ("to_jsonb(job.*)", {"from", "id"}),
        ("(job.ctid)::text", {"ctid"}),
        ("(SELECT n.id FROM job.names n WHERE n.id = job.id)", {"id"}),
        ("'job.id'::text", set()),
    ],
)
def test_the_columns_of_the_row_that_an_expression_looks_at(text: str, columns: set[str]) -> None:
    assert columns_of(text, "job", {"id", "from"}) == columns
