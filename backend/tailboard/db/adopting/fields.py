"""The same columns from the fields of NEW or OLD: what the capture of an adopted table works with."""

from typing import Final

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from tailboard.db.adopting.columns import TYPES, Columns
from tailboard.db.adopting.described import Described
from tailboard.db.expressions import parenthesized
from tailboard.sources.source import ROW
from tailboard.sources.sqltext import columns_of, renamed

_LIGHT: Final = 1200
"""Bytes of a card below which nothing in it can be large."""
_SURELY_SMALL: Final = 1000
"""Stored bytes up to which a value goes into the log as it is."""

RECORD: Final = ("id", *TYPES)
"""The columns of `tailboard.jobs`, in their order."""


class FieldsOf:
    """Statements of PL/pgSQL that work out a job from the fields of NEW or OLD, without a SELECT.

    `row` is the record's name, `prefix` that of the variables: `tb_status` or `tb_old_status`.
    """

    def __init__(self, described: Described, columns: Columns, row: str, prefix: str) -> None:
        self._columns = columns
        self._described = described
        self._row = row
        self._variable = {name: SQL(f"tb_{prefix}{name}") for name in ("status", "due", "card")}

    def _of(self, key: str) -> Composable:
        described = self._described
        return parenthesized(renamed(described.qualified[key], ROW, self._row, described.table.columns))

    def state(self) -> Composed:
        """What tells the status, to be compared as it is stored."""
        return SQL("ROW({})").format(self._of("status"))

    def identity(self) -> Composed:
        """The id as the log has it."""
        return SQL("{}::text").format(self._of("id"))

    def native_identity(self) -> Composable:
        """The id as the table has it."""
        return self._of("id")

    def status(self, *, counted: bool) -> Composed:
        """Assigns status and due."""
        columns, source, variable = self._columns, self._described.source, self._variable
        stray = columns.counting_stray(self._of) if counted else columns.stray
        statements = [SQL("{} := {};").format(variable["status"], columns.status(stray, self._of))]
        if source.due is not None:
            statements.append(
                SQL(
                    "IF {status} = 'pending' THEN {due} := {value}::timestamptz;"
                    " IF {due} > clock_timestamp() THEN {status} := 'scheduled'; END IF; END IF;"
                ).format(due=variable["due"], status=variable["status"], value=self._of("due"))
            )
        return SQL(" ").join(statements)

    def look_up(self, row: Composable) -> Composed:
        """Assigns what another table knows, by one query over `row`."""
        names, text = self._described.looked_up, self._described.source.looked_up
        if text is None:
            return Composed([])
        return SQL("SELECT {} INTO {} FROM {} CROSS JOIN LATERAL ({}) AS l;").format(
            SQL(", ").join(SQL("l.{}").format(Identifier(name)) for name in names),
            SQL(", ").join(_found(name) for name in names),
            row,
            SQL(text),  # the author's, one statement
        )

    def looked_up(self) -> Composed:
        """Declares what `look_up` assigns."""
        return SQL(" ").join(
            SQL("{} {};").format(_found(name), SQL(TYPES[name])) for name in self._described.looked_up
        )

    def record(self, *, found: bool) -> Composed:
        """The job as a row of the log, after the status: for jobs that are not heavy. What is looked up is as `look_up`
        found it, or NULL.
        """
        looked_up, numbered = self._described.looked_up, self._described.numbered
        values: dict[str, Composable] = {
            "id": self._of("id") if numbered else SQL("NULL"),
            **self._values(guarded=False),
            **{name: _found(name) if found else SQL("NULL") for name in looked_up},
        }
        return SQL("ROW({})::tailboard.jobs").format(SQL(", ").join(values[name] for name in RECORD))

    def looks(self) -> Composed:
        """The columns that what is looked up is looked up by."""
        described = self._described
        by = {
            name
            for key in described.looked_up
            for name in columns_of(described.qualified[key], ROW, described.table.columns)
        }
        return SQL("ROW({})").format(
            SQL(", ").join(SQL("{}.{}").format(SQL(self._row), Identifier(name)) for name in sorted(by))
        )

    def finds(self) -> Composed:
        """What is looked up, each by its expression."""
        return SQL("ROW({})").format(
            SQL(", ").join(
                self._columns.column(name, guarded=False, of=self._of) for name in self._described.looked_up
            )
        )

    def heavy(self) -> Composable:
        """Whether the job may have a value that is too large for the log."""
        # A compressed value may be far longer than what is stored of it.
        reasons: list[Composable] = [
            SQL("pg_column_size({value}) > {most} OR pg_column_compression({value}) IS NOT NULL").format(
                value=self._of(name), most=Literal(_SURELY_SMALL)
            )
            for name in self._columns.weighed()
        ]
        return SQL("({})").format(SQL(" OR ").join(reasons or [SQL("false")]))

    def card(self) -> Composed:
        """Assigns the card, after the status."""
        columns, variable = self._columns, self._variable
        identity = self._of("id")
        pairs: list[Composable] = [
            SQL("'id', {}").format(identity if self._described.numbered else SQL("{}::text").format(identity))
        ]
        pairs += [
            SQL("{}, {}").format(Literal(name), value) for name, value in self._values(guarded=True).items()
        ]
        statements = [SQL("{} := jsonb_build_object({});").format(variable["card"], SQL(", ").join(pairs))]
        weighed = columns.weighed()
        if weighed:
            large = {name: columns.surely_large(name, self._of) for name in weighed}
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

    def _values(self, *, guarded: bool) -> dict[str, Composable]:
        """The canonical columns after the id, in their order."""
        values: dict[str, Composable] = {}
        for name in TYPES:
            if name == "status":
                values[name] = self._variable["status"]
            else:
                values[name] = self._columns.column(name, guarded=guarded, of=self._of)
        return values

    def facts(self) -> Composed:
        """Queue, kind, worker and tags, which a change keeps as they were."""
        return SQL(", ").join(
            self._columns.column(name, guarded=True, of=self._of)
            for name in ("queue", "kind", "worker", "tags")
        )

    def meaning(self) -> Composable:
        """What the deletion of the row means: a status, or NULL."""
        if "deleted" in self._described.qualified:
            return SQL("{}::text").format(self._of("deleted"))
        return self._columns.meaning()


def _found(name: str) -> Identifier:
    return Identifier(f"tb_found_{name}")
