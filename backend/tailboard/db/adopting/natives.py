"""The condition of `source_NAME(natives)`: which rows the owner's index on the status can find.

`natives` has two parts, each as long as the definition's map. The first names the words that are looked for. The second
is NULL, or all the words in alphabetical order: then what is written in none of these ways is looked for as well, in
the gaps between them.
"""

from contextlib import suppress
from itertools import pairwise
from typing import Any, Final

from psycopg import Connection, errors
from psycopg.sql import SQL, Composable, Literal

from tailboard.db.adopting.described import Described
from tailboard.db.expressions import parenthesized
from tailboard.db.queries import query
from tailboard.sources.source import StatusColumn

_EXACT: Final = frozenset({"text", "character varying", "smallint", "integer", "bigint"})
"""Types of which values that are equal are written alike, so that what lies in no gap is a word of the map."""


class NativeStatuses:
    """The words by which the owner's column tells a job's status."""

    def __init__(self, described: Described) -> None:
        source = described.source
        assert isinstance(source.status, StatusColumn)  # noqa: S101 - only a column has words
        self._type = described.types["status"]
        self._column: Composable = parenthesized(source.status.column)
        if self._type.kind == "e":
            # A domain over an enum is told as that enum, and PostgreSQL does not compare the two.
            self._column = SQL("{}::{}").format(self._column, SQL(self._type.name))
        self._words = sorted(source.status.map)

    def wanted(self, connection: Connection[Any]) -> Composable:
        """The condition, over the row `job`."""
        # Word by word: what an array holds that is cast as a whole, the planner cannot know, and it would take each
        # question for one about most of the rows.
        held = self._held(connection)
        named = SQL("{} = ANY (ARRAY[{}]::{}[])").format(
            self._column, SQL(", ").join([self._given(n) for n in held]), SQL(self._type.name)
        )
        return SQL("({} OR {})").format(named, self._unmapped(connection))

    def _held(self, connection: Connection[Any]) -> list[int]:
        """The places of the words that the type can hold: an enum of another release of the queue may lack some."""
        held = []
        for place, word in enumerate(self._words):
            with suppress(errors.DataError, errors.IntegrityError), connection.transaction():
                connection.execute(SQL("SELECT {}::{}").format(Literal(word), SQL(self._type.name)))
                held.append(place)
        return held

    def _given(self, place: int) -> Composable:
        return SQL("$1[{}]::{}").format(Literal(place + 1), SQL(self._type.name))  # PostgreSQL's spelling

    def _unmapped(self, connection: Connection[Any]) -> Composable:
        asked = SQL("$1[{}] IS NOT NULL").format(Literal(len(self._words) + 1))
        order = self._order(connection)
        if not order:
            return asked
        # In whatever order the words are, the gaps hold all that is none of them; in that of their type nothing else.
        # Of the gaps alone the planner guesses that they hold a lot; that no word is meant, its statistics tell it.
        words = [self._given(len(self._words) + place) for place in order]
        gaps = [SQL("{} < {}").format(self._column, words[0])]
        gaps += [
            SQL("{} > {} AND {} < {}").format(self._column, low, self._column, high)
            for low, high in pairwise(words)
        ]
        gaps.append(SQL("{} > {}").format(self._column, words[-1]))
        return SQL("({}) AND {} <> ALL (ARRAY[{}]) OR {} AND {} IS NULL").format(
            SQL(" OR ").join(gaps), self._column, SQL(", ").join(words), asked, self._column
        )

    def _order(self, connection: Connection[Any]) -> list[int]:
        """The places of the words, as their type sorts them; none where the gaps would not hold all."""
        if self._type.kind == "e":
            rows = connection.execute(query("adopting_enum"), {"type": self._type.name}).fetchall()
            return [self._words.index(label) for (label,) in rows if label in self._words]
        if self._type.name not in _EXACT:
            return []
        if self._type.category == "N":
            numbers = {
                int(word): n for n, word in enumerate(self._words) if word.removeprefix("-").isdecimal()
            }
            return [numbers[number] for number in sorted(numbers)]
        return list(range(len(self._words)))
