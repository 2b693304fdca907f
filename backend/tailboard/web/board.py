"""What the controllers stand on: everything that one server is made of, built by the composition root."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from litestar.di import NamedDependency

from tailboard.db.jobs.actions import Actions
from tailboard.db.jobs.reading import Jobs
from tailboard.db.log import Log
from tailboard.db.past.reading import Past
from tailboard.db.pool import Database
from tailboard.live.event_counts import EventCounts
from tailboard.live.hub import Hub
from tailboard.live.presence import Presence
from tailboard.live.projector import Projector
from tailboard.live.sealer import Sealer
from tailboard.live.tailer import Tailer
from tailboard.web.access import Access

STATIC: Final = Path(__file__).parent / "static"
"""Where the built page lies, in a wheel and in a checkout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One server. `event_counts` is a consumer of the tailer, for /metrics."""

    database: Database
    log: Log
    past: Past
    jobs: Jobs
    actions: Actions
    hub: Hub
    tailer: Tailer
    sealer: Sealer
    projector: Projector
    presence: Presence
    access: Access
    version: str
    static_dir: Path = STATIC
    event_counts: EventCounts = field(default_factory=EventCounts)


OfBoard = NamedDependency[Board]
"""How a handler asks for the board: by a parameter named `board`."""
