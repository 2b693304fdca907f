"""The capture of a source that remembers: one whose jobs' states are in several tables, or in none.

The row before an UPDATE does not say what such a job was, and one statement of several does not say what it becomes.
So deferred triggers, on the job table and on each table that is followed, look at the job when the transaction commits,
compare it with what the log told last, and remember what they told.
"""

from typing import Any, Final

from psycopg import Connection
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from tailboard.db.adopting.described import Described
from tailboard.db.adopting.generating import Generated
from tailboard.db.adopting.writing import settings
from tailboard.db.expressions import parenthesized
from tailboard.db.queries import query
from tailboard.sources.source import ROW

_GIVEN: Final = SQL("(SELECT ($1).*) AS {}").format(Identifier(ROW))


class Remembering:
    """The statements that a source which remembers needs beside its reading functions."""

    def __init__(self, generated: Generated, described: Described, connection: Connection[Any]) -> None:
        self._generated = generated
        self._described = described
        self._source = described.source
        self._connection = connection
        self._name = Literal(self._source.name)
        self._rows = SQL("{} AS {}").format(Identifier(*self._source.table), Identifier(ROW))
        self._id = parenthesized(self._source.id)

    def functions(self) -> list[Composed]:
        """In an order in which each finds those it calls."""
        functions = [self._follow(), self._remember()]
        if self._source.follows:
            functions.append(self._touch())
        if self._source.running is not None:
            functions.append(self._poll(self._source.running))
        return functions

    def capture(self) -> str:
        """The statement that writes the trigger function of the job table."""
        generated = self._generated
        return self._trigger_function(
            "watch",
            query("adopting_watch_remembered").format(
                source=self._name,
                new_image=generated.image("new"),
                old_image=generated.image("old"),
                id=self._id,
                meaning=generated.columns.meaning(),
                new=generated.row_of("new"),
                old=generated.row_of("old"),
                id_dynamic=self._text(
                    SQL("SELECT {}::text, {} FROM {}").format(self._id, generated.columns.meaning(), _GIVEN)
                ),
                follow=self._named("follow"),
            ),
        ).as_string(self._connection)

    def _follow(self) -> Composed:
        row = SQL("{} WHERE {} = tb_key::{}").format(
            self._rows, self._id, SQL(self._described.types["id"].name)
        )
        body = query("adopting_follow").format(
            source=self._name, row=self._generated.rows.carded(row, self._generated.columns.counting_stray())
        )
        return self._function(
            "follow",
            "tb_key text, tb_gone boolean, tb_meaning text, tb_wait boolean",
            "boolean",
            "plpgsql",
            body,
        )

    def _touch(self) -> Composed:
        statements = [
            self._text(SQL("SELECT {}::text FROM {}").format(parenthesized(follow.job), _GIVEN))
            for follow in self._source.follows
        ]
        body = query("adopting_touch").format(
            source=self._name, dynamic=SQL(", ").join(statements), follow=self._named("follow")
        )
        return self._trigger_function("touch", body)

    def _poll(self, running: str) -> Composed:
        body = query("adopting_poll").format(
            source=self._name,
            id=self._id,
            rows=self._rows,
            running=parenthesized(running),
            follow=self._named("follow"),
        )
        return self._function("poll", "", "integer", "plpgsql", body)

    def _remember(self) -> Composed:
        same = SQL("{} = r.job_id::{}").format(self._id, SQL(self._described.types["id"].name))
        body = query("adopting_remember").format(
            source=self._name,
            rows=self._rows,
            same=same,
            row=self._generated.rows.carded(self._rows, self._generated.columns.stray),
        )
        return self._function("remember", "", "void", "sql", body)

    def _named(self, purpose: str) -> Identifier:
        return Identifier("tailboard", f"{purpose}_{self._source.name}")

    def _text(self, statement: Composable) -> Literal:
        return Literal(statement.as_string(self._connection))

    def _function(
        self, purpose: str, parameters: str, returns: str, language: str, body: Composable
    ) -> Composed:
        return SQL("CREATE OR REPLACE FUNCTION {}({}) RETURNS {} LANGUAGE {} {} AS {}").format(
            self._named(purpose),
            SQL(parameters),
            SQL(returns),
            SQL(language),
            self._settings(body),
            self._text(body),
        )

    def _trigger_function(self, purpose: str, body: Composable) -> Composed:
        return SQL(
            "CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER {} AS {}"
        ).format(self._named(purpose), self._settings(body), self._text(body))

    def _settings(self, body: Composable) -> Composed:
        return settings(self._described, body.as_string(self._connection))
