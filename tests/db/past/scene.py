"""What the tests of the past stand on: a log that is sealed step by step, and its lists read to their end."""

from log_rig import AConnection, everything
from tailboard.core.cursor import Cursor
from tailboard.core.projections import Rates, Saved
from tailboard.core.stats import Stats
from tailboard.db.jobs.page import JobFilter, Sort
from tailboard.db.log import Log
from tailboard.db.past.reading import Past
from tailboard.db.past.standing import Onward, PastJob
from tailboard.db.pool import Database
from tailboard.db.sealing import Sealing


class Scene:
    """A log that the test seals itself, step by step."""

    def __init__(self, database: Database, connection: AConnection) -> None:
        self.log = Log(database)
        self.past = Past(database, self.log)
        self.sealing = Sealing(connection)

    async def open(self) -> None:
        assert await self.sealing.lead()
        await self.sealing.open_log()
        await self.sealing.first_checkpoint()

    async def seal(self) -> None:
        await self.sealing.advance_low()
        await self.sealing.seal()

    async def keep(self) -> None:
        """Keep a fold at the head, as the sealer does every few thousand changes."""
        stats, rates = Stats(), Rates()
        for event in await everything(self.log, Cursor(1, 0)):
            stats.apply(event)
            rates.apply(event)
        assert await self.sealing.keep(await self.log.head(), Saved.of(stats, rates).noted())


async def pages(
    scene: Scene, cursor: Cursor, wanted: JobFilter, sort: Sort, limit: int, *, text: str = ""
) -> list[PastJob]:
    moment = await scene.past.moment(cursor)
    found: list[PastJob] = []
    after: Onward | None = None
    while True:
        page = await scene.past.jobs(moment, wanted, sort, after, limit, text=text)
        assert len(page.jobs) <= limit
        found += page.jobs
        after = page.after
        if after is None:
            return found
