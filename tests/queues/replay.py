"""Replaying in SQL what a queue's client does to its rows, where the client itself is not at hand.

A part is a statement of the client, for one job: `%(id)s` is the job. A play is a list of lines
(job, part, what the board tells of it); None where it has nothing to tell.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, LiteralString, NamedTuple

import psycopg

DDL = Path(__file__).parent / "ddl"


class Line(NamedTuple):
    job: str
    part: str
    tells: str | None


class Play:
    """Plays lines on a database and knows which job got which id."""

    def __init__(self, connection: psycopg.Connection, parts: Mapping[str, LiteralString]) -> None:
        self._connection = connection
        self._parts = parts
        self.ids: dict[str, Any] = {}
        self.told: dict[str, list[str]] = defaultdict(list)
        """What the board has to have told, by job."""

    def act(self, lines: Sequence[Line], **values: Any) -> None:
        for line in lines:
            cursor = psycopg.ClientCursor(self._connection)
            cursor.execute(self._parts[line.part], {"id": self.ids.get(line.job), "job": line.job, **values})
            # Parts of several statements: the job's id is the last thing that one of them returned.
            while True:
                if cursor.description is not None and (row := cursor.fetchone()) is not None:
                    self.ids.setdefault(line.job, row[0])
                elif cursor.description is None and cursor.rowcount == 0:
                    raise AssertionError(f"{line} touched no row")
                if not cursor.nextset():
                    break
            if line.tells is not None:
                self.told[line.job].append(line.tells)


def install(url: str, queue: str) -> None:
    """The real definitions of a queue's tables."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute((DDL / f"{queue}.sql").read_bytes())
