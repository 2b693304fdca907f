"""From a described source to SQL: the rows as jobs, the card, the capture, and the reading function.

One list of canonical columns makes all of them, so that what is captured and what is read cannot disagree. It is
built in three layers, each a SELECT over the one before:

    raw        each expression over the row `job`, cast to its canonical type
    canonical  what follows from several of them: the status by time, the limits of progress
    card       the JSON that the log and the lists carry
"""

import re
from collections.abc import Callable
from typing import Any, Final

from psycopg import Connection
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from tailboard.core.job import STATUSES, Status
from tailboard.db.adopting.described import Described, expressions, parenthesized
from tailboard.db.queries import query
from tailboard.sources.source import GONE, ROW, STRAY_STATUS, StatusColumn
from tailboard.sources.sqltext import renamed

_NULLS: Final = {
    "queue": "'default'",
    "priority": "0",
    "attempt": "0",
    "phases": "'[]'",
    "tags": "'{}'",
}
"""What an expression that is absent or gives NULL stands for, where that is not NULL; `kind` is the source's name."""

_TYPES: Final = {
    "queue": "text",
    "kind": "text",
    "status": "text",
    "priority": "bigint",
    "attempt": "integer",
    "max_attempts": "integer",
    "progress": "double precision",
    "phase": "text",
    "phases": "jsonb",
    "worker": "text",
    "error": "text",
    "tags": "text[]",
    "created_at": "timestamptz",
    "scheduled_at": "timestamptz",
    "started_at": "timestamptz",
    "finished_at": "timestamptz",
    "payload": "jsonb",
    "result": "jsonb",
}
"""The canonical columns after the id, in their order, with their types."""

_LARGE: Final = 2048
"""Bytes of JSON text from which a payload or a result stays out of a card."""
_SURELY_LARGE: Final = 16384
"""Stored bytes from which a value is too large whatever it is: it need not be read to know that."""
_SURELY_SMALL: Final = 300
_LIGHT: Final = 1200
"""Bytes of a card below which nothing in it can be large."""
_ERROR_LENGTH: Final = 16384

SETTINGS: Final = SQL("SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'")
"""Of every function that evaluates expressions for the log: whoever calls, they find and read the same."""

TRIGGER: Final = Identifier("tailboard_watch")
FOLLOW_TRIGGER: Final = Identifier("tailboard_follow")
EMPTIED_TRIGGER: Final = Identifier("tailboard_emptied")
"""What is on the owner's tables while a source is attached."""


Written = Callable[[str], Composable]
"""The expression of a key of the definition, over some row."""


class Generated:
    """The statements that put one source into the database."""

    def __init__(self, described: Described, connection: Connection[Any]) -> None:
        self._described = described
        self._source = described.source
        self._connection = connection
        self.stray = Literal(STRAY_STATUS.value)
        """What stands for a status that nothing maps, where that is not to be counted."""

    def reading_functions(self) -> list[Composed]:
        """`source_NAME()`, and `source_NAME(natives)` for rows whose status the owner writes as one of these words.

        Their bodies are text, so they depend on nothing of the owner's; one SELECT, STABLE, without settings, so the
        planner inlines them.
        """
        functions = [self._reading_function(SQL(""), SQL("true"))]
        if self._source.native_status is not None:
            native = SQL(self._described.types["status"].name)  # PostgreSQL's spelling
            # Word by word: what an array holds that is cast as a whole, the planner cannot know, and it would take each
            # question for one about most of the rows.
            words = range(1, len(self._words()) + 1)
            wanted = SQL("{} = ANY (ARRAY[{}])").format(
                parenthesized(self._source.native_status),
                SQL(", ").join([SQL("$1[{}]::{}").format(Literal(n), native) for n in words]),
            )
            functions.append(self._reading_function(SQL("natives text[], "), wanted))
        return functions

    def _words(self) -> tuple[str, ...]:
        """How the owner writes statuses, where a column holds them."""
        return tuple(self._source.status.map) if isinstance(self._source.status, StatusColumn) else ()

    def _reading_function(self, parameters: SQL, condition: Composable) -> Composed:
        source, described = self._source, self._described
        columns: list[Composable] = [SQL("j.id")]
        columns += [SQL("j.{}").format(Identifier(name)) for name in _TYPES]
        columns.append(SQL("j.due"))
        returned: list[Composable] = [SQL("id {}").format(SQL(described.id_type))]  # a type of pg_catalog
        returned += [SQL("{} {}").format(Identifier(name), SQL(kind)) for name, kind in _TYPES.items()]
        returned.append(SQL("due timestamptz"))
        extra: list[Composable] = []
        if source.native_status is not None:
            extra.append(SQL("{}::text AS native_status").format(parenthesized(source.native_status)))
            columns.append(SQL("j.native_status"))
            returned.append(SQL("native_status text"))
        rows = SQL("{} AS {} WHERE {}").format(Identifier(*source.table), Identifier(ROW), condition)
        raw = self._raw(rows, stray=self.stray, extra=extra)
        body = SQL("SELECT {} FROM {} AS j").format(
            SQL(", ").join(columns), self._canonical(raw, SQL("now()"), native=bool(extra))
        )
        inputs = SQL("natives text[]") if parameters.as_string(None) else SQL("")
        return SQL("CREATE FUNCTION {}({}) RETURNS TABLE ({}) LANGUAGE sql STABLE AS {}").format(
            Identifier("tailboard", f"source_{source.name}"),
            inputs,
            SQL(", ").join(returned),
            Literal(body.as_string(self._connection)),
        )

    def capture(self) -> str:
        """The statement that writes the trigger function, with @leaf@ and @to_seq@ left open."""
        given = SQL("(SELECT ($1).*) AS {}").format(Identifier(ROW))
        stray = self.counting_stray()
        select = SQL("SELECT r.id, r.status, r.due, r.card FROM {} AS r")
        new, old = (
            FieldsOf(self, self._described, "tb_new", ""),
            FieldsOf(self, self._described, "tb_old", "old_"),
        )
        body = query("adopting_capture").format(
            source=Literal(self._source.name),
            new_image=self.image("tb_new"),
            old_image=self.image("tb_old"),
            new_status=new.status(counted=True),
            old_status=old.status(counted=False),
            new_card=new.card(),
            old_card=old.card(),
            facts=old.facts(),
            meaning=old.meaning(),
            new_dynamic=self._dynamic(select.format(self.carded(given, stray))),
            old_dynamic=self._dynamic(select.format(self.carded(given, self.stray))),
            meaning_dynamic=self._dynamic(SQL("SELECT {} FROM {}").format(self.meaning(), given)),
        )
        statement = SQL(
            "CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER {} AS {}"
        ).format(
            Identifier("tailboard", f"watch_{self._source.name}"),
            SETTINGS,
            Literal(body.as_string(self._connection)),
        )
        return statement.as_string(self._connection)

    def row_of(self, record: str) -> Composed:
        """The row `job` made of the columns that matter, each as a field of NEW or OLD."""
        fields = SQL(", ").join(
            SQL("{}.{} AS {}").format(SQL(record), Identifier(name), Identifier(name))
            for name in self._described.used
        )
        return SQL("(SELECT {}) AS {}").format(fields, Identifier(ROW))

    def image(self, record: str) -> Composed:
        """The columns that matter, to be compared as they are stored.

        Comparing reads even a value that has been moved out of the row. One that is too large for a card, and is
        looked at for nothing else, only counts as large.
        """
        fields: list[Composable] = []
        for name in self._described.used:
            value = SQL("{}.{}").format(SQL(record), Identifier(name))
            if self._is_only_shown(name):
                large = SQL("coalesce(pg_column_size({}) > {}, false)").format(value, Literal(_SURELY_LARGE))
                fields.append(SQL("{}, CASE WHEN NOT {} THEN {} END").format(large, large, value))
            else:
                fields.append(value)
        return SQL("ROW({})").format(SQL(", ").join(fields))

    def _is_only_shown(self, column: str) -> bool:
        """Whether a column is a payload or result as it is, and no other expression looks at it."""
        mentions = [
            key
            for key, text in expressions(self._source)
            if re.search(rf"\b{re.escape(column)}\b", text, re.IGNORECASE)
        ]
        whole = any(re.search(rf"\b{ROW}\b(?!\s*\.)", text) for _, text in expressions(self._source))
        if whole or len(mentions) != 1 or mentions[0] not in self.weighed():
            return False
        return dict(expressions(self._source))[mentions[0]] in {column, f'"{column}"'}

    def _dynamic(self, statement: Composable) -> Literal:
        return Literal(statement.as_string(self._connection))

    def meaning(self) -> Composable:
        """What the deletion of the row means: a status, or NULL."""
        if self._source.deleted == GONE:
            return SQL("NULL::text")
        if self._source.deleted_status is not None:
            return SQL("{}::text").format(Literal(self._source.deleted))
        return SQL("{}::text").format(parenthesized(self._source.deleted))

    def counting_stray(self, of: Written | None = None) -> Composed:
        """What stands for a status that nothing maps, and counts it."""
        return SQL("tailboard.stray_status({}, {}::text)").format(
            Literal(self._source.name), (of or self._as_given)("status")
        )

    def _as_given(self, key: str) -> Composable:
        """An expression as its author wrote it, over the row `job`."""
        return parenthesized(dict(expressions(self._source))[key])

    def carded(self, rows: Composable, stray: Composable, *, meaning: bool = False) -> Composed:
        """Rows as id, status, due, card; with `meaning`, what their deletion means."""
        extra = [SQL("{} AS meaning").format(self.meaning())] if meaning else []
        weighed = [
            SQL("{} AS {}_large").format(self.surely_large(name), SQL(name)) for name in self.weighed()
        ]
        raw = self._raw(rows, stray=stray, extra=[*extra, *weighed], guarded=True)
        canonical = self._canonical(
            raw,
            SQL("clock_timestamp()"),
            also=[*(["meaning"] if meaning else []), *(f"{name}_large" for name in self.weighed())],
        )
        return SQL("(SELECT c.id::text AS id, c.status, c.due, {} AS card{} FROM {} AS c OFFSET 0)").format(
            self._card(), SQL(", c.meaning" if meaning else ""), canonical
        )

    def _raw(
        self,
        rows: Composable,
        *,
        stray: Composable,
        extra: list[Composable] | None = None,
        guarded: bool = False,
    ) -> Composed:
        described, source = self._described, self._source
        native = described.types["id"]
        key = parenthesized(source.id)
        columns: list[Composable] = [
            SQL("{} AS id").format(key if native.is_builtin else SQL("{}::text").format(key)),
            SQL("{} AS status").format(self.status(stray)),
            SQL("{} AS due").format(
                SQL("NULL::timestamptz")
                if source.due is None
                else SQL("{}::timestamptz").format(parenthesized(source.due))
            ),
        ]
        columns += [
            SQL("{} AS {}").format(self.column(name, guarded=guarded), Identifier(name))
            for name in _TYPES
            if name != "status"
        ]
        return SQL("(SELECT {} FROM {} OFFSET 0)" if guarded else "(SELECT {} FROM {})").format(
            SQL(", ").join([*columns, *(extra or [])]), rows
        )

    def _canonical(
        self, raw: Composable, clock: SQL, *, native: bool = False, also: list[str] | None = None
    ) -> Composed:
        columns: list[Composable] = [SQL("r.id")]
        for name in _TYPES:
            match name:
                case "status" if self._source.due is not None:
                    columns.append(
                        SQL(
                            "CASE WHEN r.status = 'pending' AND r.due > {} THEN 'scheduled' ELSE r.status END AS status"
                        ).format(clock)
                    )
                case "progress" if "progress" in self._described.types:
                    columns.append(
                        SQL(
                            "CASE WHEN r.progress < 0 THEN 0 WHEN r.progress > 1 THEN 1 ELSE r.progress END AS progress"
                        )
                    )
                case _:
                    columns.append(SQL("r.{}").format(Identifier(name)))
        columns.append(SQL("CASE WHEN r.status = 'pending' THEN r.due END AS due"))
        further = [*(["native_status"] if native else []), *(also or [])]
        columns += [SQL("r.{}").format(Identifier(name)) for name in further]
        return SQL("(SELECT {} FROM {} AS r)").format(SQL(", ").join(columns), raw)

    def status(self, stray: Composable, of: Written | None = None) -> Composed:
        """The status before time is looked at."""
        source = self._source
        if isinstance(source.status, StatusColumn):
            meanings = dict(source.status.map)
        else:
            meanings = {str(status): status for status in STATUSES}
        base = self._cases((of or self._as_given)("status"), meanings, stray)
        if source.running is None:
            return base
        at_work = SQL("CASE WHEN {} THEN 'in_progress' ELSE 'pending' END").format(
            parenthesized(source.running)
        )
        others = SQL(" ").join(
            SQL("WHEN {} THEN {}").format(Literal(str(each)), Literal(str(each)))
            for each in STATUSES
            if each is not Status.PENDING
        )
        return SQL("CASE {} WHEN 'pending' THEN {} {} END").format(base, at_work, others)

    def _cases(self, subject: Composable, meanings: dict[str, Status], stray: Composable) -> Composed:
        cases = SQL(" ").join(
            SQL("WHEN {} THEN {}").format(Literal(value), Literal(meant.value))
            for value, meant in meanings.items()
        )
        return SQL("CASE {}::text {} ELSE {} END").format(subject, cases, stray)

    def column(self, name: str, *, guarded: bool, of: Written | None = None) -> Composable:
        """One canonical column. `guarded`: NULL where it is surely too large for a card."""
        of = of or self._as_given
        kind = SQL(_TYPES[name])  # of the list above
        text = next((text for key, text in self._source.columns.items() if key.value == name), None)
        if name == "kind":
            absent: Composable = Literal(self._source.name)
        else:
            absent = SQL(_NULLS.get(name, "NULL"))  # of the list above
        if text is None:
            return SQL("{}::{}").format(absent, kind)
        value = of(name)
        match name:
            case "payload" | "result" | "phases":
                if self._described.types[name].base != "jsonb":
                    value = SQL("to_jsonb({})").format(value)
                if guarded and name in self.weighed():
                    value = SQL("CASE WHEN NOT {} THEN {} END").format(self.surely_large(name, of), value)
            case "error":
                value = SQL("left({}::text, {})").format(value, Literal(_ERROR_LENGTH))
            case _:
                value = SQL("{}::{}").format(value, kind)
        if name in _NULLS or name == "kind":
            if self._never_null(text):
                return value
            return SQL("coalesce({}, {}::{})").format(value, absent, kind)
        return value

    def _never_null(self, text: str) -> bool:
        return (
            text.strip('"') in self._described.table.not_null
            and re.fullmatch(r'\w+|"[^"]+"', text) is not None
        )

    def weighed(self) -> list[str]:
        """What may be too large for a card."""
        return [name for name in ("payload", "result") if name in self._described.types]

    def surely_large(self, name: str, of: Written | None = None) -> Composed:
        """Whether a payload or result is so large that it need not be read to know that."""
        value = (of or self._as_given)(name)
        return SQL("coalesce(pg_column_size({}) > {}, false)").format(value, Literal(_SURELY_LARGE))

    def _large(self, name: str) -> Composed:
        column = Identifier(name)
        return SQL(
            "(c.{} OR coalesce(pg_column_size(c.{}) > {} AND octet_length(c.{}::text) > {}, false))"
        ).format(Identifier(f"{name}_large"), column, Literal(_SURELY_SMALL), column, Literal(_LARGE))

    def _card(self) -> Composed:
        """One object, and what few cards have beside it: PostgreSQL readies every branch, taken or not."""
        weighed = self.weighed()
        card = self._object(frozenset(weighed))
        usual: list[Composable] = []
        further: list[Composable] = []
        if weighed:
            names = SQL(", ").join(
                SQL("CASE WHEN {} THEN {} END").format(self._large(name), Literal(name)) for name in weighed
            )
            large = SQL(" OR ").join(self._large(name) for name in weighed)
            usual.append(SQL("NOT ({})").format(large))
            further.append(
                SQL(
                    "CASE WHEN {} THEN jsonb_build_object('omitted', array_remove(ARRAY[{}], NULL))"
                    " ELSE '{{}}'::jsonb END"
                ).format(large, names)
            )
        if self._source.due is not None:
            usual.append(SQL("c.due IS NULL"))
            further.append(
                SQL("CASE WHEN c.due IS NULL THEN '{}'::jsonb ELSE jsonb_build_object('due', c.due) END")
            )
        if not further:
            return card
        return SQL("{} || CASE WHEN {} THEN '{{}}'::jsonb ELSE {} END").format(
            card, SQL(" AND ").join(usual), SQL(" || ").join(further)
        )

    def _object(self, doubtful: frozenset[str]) -> Composed:
        """The canonical columns as JSON; those in doubt only where they are not large."""
        pairs: list[Composable] = [
            SQL("'id', {}").format(SQL("c.id" if self._described.numbered else "c.id::text"))
        ]
        for name in _TYPES:
            value: Composable = SQL("c.{}").format(Identifier(name))
            if name in doubtful:
                value = SQL("CASE WHEN NOT {} THEN {} END").format(self._large(name), value)
            pairs.append(SQL("{}, {}").format(Literal(name), value))
        return SQL("jsonb_build_object({})").format(SQL(", ").join(pairs))


class FieldsOf:
    """Statements of PL/pgSQL that work out a job from the fields of NEW or OLD, without a SELECT.

    `row` is the record's name, `prefix` that of the variables: `tb_status` or `tb_old_status`.
    """

    def __init__(self, generated: Generated, described: Described, row: str, prefix: str) -> None:
        self._generated = generated
        self._described = described
        self._row = row
        self._variable = {name: SQL(f"tb_{prefix}{name}") for name in ("id", "status", "due", "card")}

    def _of(self, key: str) -> Composable:
        return parenthesized(renamed(self._described.qualified[key], ROW, self._row))

    def status(self, *, counted: bool) -> Composed:
        """Assigns id, status and due."""
        generated, source, variable = self._generated, self._described.source, self._variable
        stray = generated.counting_stray(self._of) if counted else generated.stray
        statements = [
            SQL("{} := {}::text;").format(variable["id"], self._of("id")),
            SQL("{} := {};").format(variable["status"], generated.status(stray, self._of)),
        ]
        if source.due is not None:
            statements.append(
                SQL(
                    "{due} := CASE WHEN {status} = 'pending' THEN {value}::timestamptz END;"
                    " IF {due} > clock_timestamp() THEN {status} := 'scheduled'; END IF;"
                ).format(due=variable["due"], status=variable["status"], value=self._of("due"))
            )
        return SQL(" ").join(statements)

    def card(self) -> Composed:
        """Assigns the card, after the status."""
        generated, variable = self._generated, self._variable
        identity = self._of("id")
        pairs: list[Composable] = [
            SQL("'id', {}").format(identity if self._described.numbered else SQL("{}::text").format(identity))
        ]
        for name in _TYPES:
            value = generated.column(name, guarded=True, of=self._of)
            if name == "status":
                value = variable["status"]
            elif name == "progress" and name in self._described.types:
                value = SQL("CASE WHEN {} IS NOT NULL THEN least(greatest({}, 0), 1) END").format(
                    value, value
                )
            pairs.append(SQL("{}, {}").format(Literal(name), value))
        statements = [SQL("{} := jsonb_build_object({});").format(variable["card"], SQL(", ").join(pairs))]
        weighed = generated.weighed()
        if weighed:
            large = {name: generated.surely_large(name, self._of) for name in weighed}
            statements.append(
                SQL("IF {} THEN {} := tailboard.lighten({}, {}, {}); END IF;").format(
                    SQL(" OR ").join(
                        [
                            *large.values(),
                            SQL("pg_column_size({}) > {}").format(variable["card"], Literal(_LIGHT)),
                        ]
                    ),
                    variable["card"],
                    variable["card"],
                    large.get("payload", SQL("false")),
                    large.get("result", SQL("false")),
                )
            )
        if self._described.source.due is not None:
            statements.append(
                SQL(
                    "IF {due} IS NOT NULL THEN {card} := {card} || jsonb_build_object('due', {due}); END IF;"
                ).format(due=variable["due"], card=variable["card"])
            )
        return SQL(" ").join(statements)

    def facts(self) -> Composed:
        """Queue, kind, worker and tags, which a change keeps as they were."""
        return SQL(", ").join(
            self._generated.column(name, guarded=True, of=self._of)
            for name in ("queue", "kind", "worker", "tags")
        )

    def meaning(self) -> Composable:
        """What the deletion of the row means: a status, or NULL."""
        if "deleted" in self._described.qualified:
            return SQL("{}::text").format(self._of("deleted"))
        return self._generated.meaning()
