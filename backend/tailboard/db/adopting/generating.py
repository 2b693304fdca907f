"""From a described source to the functions that put it into the database: those that read it, and the capture."""

import re
from typing import Any, Final

from psycopg import Connection
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from tailboard.db.adopting.columns import SURELY_LARGE, TYPES, Columns
from tailboard.db.adopting.described import Described, expressions
from tailboard.db.adopting.fields import FieldsOf
from tailboard.db.adopting.natives import NativeStatuses
from tailboard.db.adopting.rows import Rows
from tailboard.db.adopting.writing import settings
from tailboard.db.expressions import parenthesized
from tailboard.db.queries import query
from tailboard.sources.source import ROW

TRIGGER: Final = Identifier("tailboard_watch")
FOLLOW_TRIGGER: Final = Identifier("tailboard_follow")
EMPTIED_TRIGGER: Final = Identifier("tailboard_emptied")
"""What is on the owner's tables while a source is attached."""


class Generated:
    """The statements that put one source into the database."""

    def __init__(self, described: Described, connection: Connection[Any]) -> None:
        self._described = described
        self._source = described.source
        self._connection = connection
        self.columns = Columns(described)
        self.rows = Rows(described, self.columns)

    def reading_functions(self) -> list[Composed]:
        """`source_NAME()`, and `source_NAME(natives)` for rows of which the owner writes the status so (`natives.py`).

        Their bodies are text, so they depend on nothing of the owner's; one SELECT, STABLE, without settings, so the
        planner inlines them.
        """
        functions = [self._reading_function(SQL(""), SQL("true"))]
        if self._source.native_status is not None:
            functions.append(
                self._reading_function(
                    SQL("natives text[], "), NativeStatuses(self._described).wanted(self._connection)
                )
            )
        return functions

    def capture(self) -> str:
        """The statement that writes the trigger function, with @leaf@ and @to_seq@ left open."""
        given = SQL("(SELECT ($1).*) AS {}").format(Identifier(ROW))
        stray = self.columns.counting_stray()
        select = SQL("SELECT r.id, r.status, r.due, r.card FROM {} AS r")
        new, old = (
            FieldsOf(self._described, self.columns, "tb_new", ""),
            FieldsOf(self._described, self.columns, "tb_old", "old_"),
        )
        body = query("adopting_capture").format(
            source=Literal(self._source.name),
            new_state=new.state(),
            old_state=old.state(),
            new_image=self.image("tb_new"),
            old_image=self.image("tb_old"),
            new_id=new.identity(),
            old_id=old.identity(),
            new_status=new.status(counted=True),
            old_status=old.status(counted=False),
            looked_up=new.looked_up(),
            look_up=new.look_up(self.row_of("tb_new")),
            logged=new.record(found=True),
            new_unlooked=new.record(found=False),
            old_unlooked=old.record(found=False),
            new_looks=new.looks(),
            old_looks=old.looks(),
            new_finds=new.finds(),
            old_finds=old.finds(),
            heavy=new.heavy(),
            old_heavy=old.heavy(),
            new_card=new.card(),
            old_card=old.card(),
            facts=old.facts(),
            meaning=old.meaning(),
            is_there=self._is_there(old),
            new_dynamic=self._dynamic(select.format(self.rows.carded(given, stray))),
            old_dynamic=self._dynamic(select.format(self.rows.carded(given, self.columns.stray))),
            meaning_dynamic=self._dynamic(SQL("SELECT {} FROM {}").format(self.columns.meaning(), given)),
        )
        text = body.as_string(self._connection)
        statement = SQL(
            "CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER {} AS {}"
        ).format(
            Identifier("tailboard", f"watch_{self._source.name}"),
            settings(self._described, text),
            Literal(text),
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
                large = SQL("coalesce(pg_column_size({}) > {}, false)").format(value, Literal(SURELY_LARGE))
                fields.append(SQL("{}, CASE WHEN NOT {} THEN {} END").format(large, large, value))
            else:
                fields.append(value)
        return SQL("ROW({})").format(SQL(", ").join(fields))

    def _is_there(self, old: FieldsOf) -> Composed:
        """Whether another row has the place of OLD, which is asked where a capture may be late; else NULL."""
        return SQL(
            "CASE WHEN length(current_setting('tailboard.depth', true)) > pg_trigger_depth()"
            " THEN EXISTS (SELECT FROM {} AS {} WHERE {} = {}) END"
        ).format(
            Identifier(*self._source.table),
            Identifier(ROW),
            parenthesized(self._source.id),
            old.native_identity(),
        )

    def _reading_function(self, parameters: SQL, condition: Composable) -> Composed:
        source, described = self._source, self._described
        columns: list[Composable] = [SQL("j.id")]
        columns += [SQL("j.{}").format(Identifier(name)) for name in TYPES]
        columns.append(SQL("j.due"))
        returned: list[Composable] = [SQL("id {}").format(SQL(described.id_type))]  # a type of pg_catalog
        returned += [SQL("{} {}").format(Identifier(name), SQL(kind)) for name, kind in TYPES.items()]
        returned.append(SQL("due timestamptz"))
        extra: list[Composable] = []
        if source.native_status is not None:
            extra.append(SQL("{}::text AS native_status").format(parenthesized(source.native_status)))
            columns.append(SQL("j.native_status"))
            returned.append(SQL("native_status text"))
        rows = SQL("{} AS {} WHERE {}").format(Identifier(*source.table), Identifier(ROW), condition)
        raw = self.rows.raw(rows, stray=self.columns.stray, extra=extra)
        body = SQL("SELECT {} FROM {} AS j").format(
            SQL(", ").join(columns), self.rows.canonical(raw, SQL("now()"), native=bool(extra))
        )
        inputs = SQL("natives text[]") if parameters.as_string(None) else SQL("")
        return SQL("CREATE OR REPLACE FUNCTION {}({}) RETURNS TABLE ({}) LANGUAGE sql STABLE AS {}").format(
            Identifier("tailboard", f"source_{source.name}"),
            inputs,
            SQL(", ").join(returned),
            Literal(body.as_string(self._connection)),
        )

    def _is_only_shown(self, column: str) -> bool:
        """Whether a column is a payload or result as it is, and no other expression looks at it."""
        mentions = [
            key
            for key, text in expressions(self._source)
            if re.search(rf"\b{re.escape(column)}\b", text, re.IGNORECASE)
        ]
        whole = any(re.search(rf"\b{ROW}\b(?!\s*\.)", text) for _, text in expressions(self._source))
        if whole or len(mentions) != 1 or mentions[0] not in self.columns.weighed():
            return False
        return dict(expressions(self._source))[mentions[0]] in {column, f'"{column}"'}

    def _dynamic(self, statement: Composable) -> Literal:
        return Literal(statement.as_string(self._connection))
