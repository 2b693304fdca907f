"""The rows of a source's table as jobs.

They are built in three layers, each a SELECT over the one before:

    raw        each expression over the row `job`, cast to its canonical type
    canonical  what follows from several of them: the status by time, the limits of progress
    card       the JSON that the log and the lists carry
"""

from typing import Final

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from tailboard.db.adopting.columns import TYPES, Columns
from tailboard.db.adopting.described import Described
from tailboard.db.expressions import parenthesized

_LARGE: Final = 2048
"""Bytes of JSON text from which a payload or a result stays out of a card."""
_SURELY_SMALL: Final = 300


class Rows:
    """Rows of one source's table, selected as jobs."""

    def __init__(self, described: Described, columns: Columns) -> None:
        self._described = described
        self._source = described.source
        self._columns = columns

    def carded(self, rows: Composable, stray: Composable, *, meaning: bool = False) -> Composed:
        """Rows as id, status, due, card; with `meaning`, what their deletion means."""
        extra = [SQL("{} AS meaning").format(self._columns.meaning())] if meaning else []
        weighed = [
            SQL("{} AS {}_large").format(self._columns.surely_large(name), SQL(name))
            for name in self._columns.weighed()
        ]
        raw = self.raw(rows, stray=stray, extra=[*extra, *weighed], guarded=True)
        canonical = self.canonical(
            raw,
            SQL("clock_timestamp()"),
            also=[*(["meaning"] if meaning else []), *(f"{name}_large" for name in self._columns.weighed())],
        )
        return SQL("(SELECT c.id::text AS id, c.status, c.due, {} AS card{} FROM {} AS c OFFSET 0)").format(
            self._card(), SQL(", c.meaning" if meaning else ""), canonical
        )

    def raw(
        self,
        rows: Composable,
        *,
        stray: Composable,
        extra: list[Composable] | None = None,
        guarded: bool = False,
    ) -> Composed:
        """The first layer, and `extra`. `guarded`: without values that are surely too large for a card."""
        described, source = self._described, self._source
        native = described.types["id"]
        key = parenthesized(source.id)
        columns: list[Composable] = [
            SQL("{} AS id").format(key if native.is_builtin else SQL("{}::text").format(key)),
            SQL("{} AS status").format(self._columns.status(stray)),
            SQL("{} AS due").format(
                SQL("NULL::timestamptz")
                if source.due is None
                else SQL("{}::timestamptz").format(parenthesized(source.due))
            ),
        ]
        columns += [
            SQL("{} AS {}").format(self._columns.column(name, guarded=guarded), Identifier(name))
            for name in TYPES
            if name != "status"
        ]
        return SQL("(SELECT {} FROM {} OFFSET 0)" if guarded else "(SELECT {} FROM {})").format(
            SQL(", ").join([*columns, *(extra or [])]), rows
        )

    def canonical(
        self, raw: Composable, clock: SQL, *, native: bool = False, also: list[str] | None = None
    ) -> Composed:
        """The second layer; `also` names further columns of the first. A job is due where `clock` has passed."""
        columns: list[Composable] = [SQL("r.id")]
        for name in TYPES:
            if name == "status" and self._source.due is not None:
                columns.append(
                    SQL(
                        "CASE WHEN r.status = 'pending' AND r.due > {} THEN 'scheduled' ELSE r.status END AS status"
                    ).format(clock)
                )
            else:
                columns.append(SQL("r.{}").format(Identifier(name)))
        columns.append(SQL("CASE WHEN r.status = 'pending' THEN r.due END AS due"))
        further = [*(["native_status"] if native else []), *(also or [])]
        columns += [SQL("r.{}").format(Identifier(name)) for name in further]
        return SQL("(SELECT {} FROM {} AS r)").format(SQL(", ").join(columns), raw)

    def _card(self) -> Composed:
        """One object, and what few cards have beside it: PostgreSQL readies every branch, taken or not."""
        weighed = self._columns.weighed()
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
        for name in TYPES:
            value: Composable = SQL("c.{}").format(Identifier(name))
            if name in doubtful:
                value = SQL("CASE WHEN NOT {} THEN {} END").format(self._large(name), value)
            pairs.append(SQL("{}, {}").format(Literal(name), value))
        return SQL("jsonb_build_object({})").format(SQL(", ").join(pairs))

    def _large(self, name: str) -> Composed:
        column = Identifier(name)
        return SQL(
            "(c.{} OR coalesce(pg_column_size(c.{}) > {} AND octet_length(c.{}::text) > {}, false))"
        ).format(Identifier(f"{name}_large"), column, Literal(_SURELY_SMALL), column, Literal(_LARGE))
