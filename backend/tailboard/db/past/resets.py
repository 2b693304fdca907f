"""The last reset of each source at a moment: what the log says of its jobs begins there."""

from dataclasses import dataclass
from typing import Any, Final

from tailboard.db.jobs.page import JobFilter
from tailboard.db.past.moments import Moment
from tailboard.db.pool import Connection
from tailboard.db.queries import query


@dataclass(frozen=True, slots=True)
class Resets:
    """The last reset of each source at a moment, as parameters of the queries; `uncounted` holds the sources that had
    jobs then which the log does not know.
    """

    parameters: dict[str, object]
    uncounted: frozenset[str]

    def hide(self, wanted: JobFilter) -> bool:
        """Whether some of the jobs that are wanted may be unknown."""
        return bool(self.uncounted & set(wanted.sources) if wanted.sources else self.uncounted)


async def look_up_resets(connection: Connection, moment: Moment) -> Resets:
    rows = await (await connection.execute(query("past_resets"), moment.parameters)).fetchall()
    return _of_resets(rows)


def _of_resets(rows: list[tuple[Any, ...]]) -> Resets:
    names = ("sources", "seqs", "ticks", "solids", "drawns", "positions")
    return Resets(
        {f"reset_{name}": [row[place] for row in rows] for place, name in enumerate(names)},
        frozenset([row[0] for row in rows if row[6]]),
    )


NO_RESETS: Final = _of_resets([])
