"""What a worker writes may be strange; the feed goes on."""

import pytest

from fixtures.database import Connect
from fixtures.waiting import await_until
from tailboard.core.cursor import Cursor
from tailboard.core.event import Event
from tailboard.db.log import Log
from tailboard.db.pool import Database
from tailboard.live.projector import Projector
from tailboard.live.sealer import Sealer
from tailboard.live.tailer import Tailer


@pytest.mark.parametrize(
    "strange",
    [
        "created_at = 'infinity'",
        "started_at = '-infinity', finished_at = 'infinity', status = 'completed'",
        "started_at = '0044-03-15 BC', status = 'failed'",
        "tags = ARRAY['a', NULL]",
        "tags = '{{a,b},{c,d}}'",
        "queue = '', worker = '', kind = ''",
        "error = repeat('x', 300000)",
        """payload = '{"a": "\\u00e4 \\ud83d\\ude00", "deep": [[[[]]]]}'""",
    ],
)
async def test_a_strange_value_does_not_stop_the_feed(
    database_url: str, connect: Connect, strange: str
) -> None:
    database = Database(database_url)
    await database.open()
    projector = Projector(Log(database))
    sealer = Sealer(database, folds=projector.folds)
    tailer = Tailer(database, projector, [])
    try:
        await sealer.start()
        await tailer.start()
        worker = connect()
        worker.execute("INSERT INTO tailboard.jobs (kind) VALUES ('a'), ('b')")
        worker.execute(f"UPDATE tailboard.jobs SET {strange} WHERE id = 1")
        worker.execute("UPDATE tailboard.jobs SET status = 'completed' WHERE id = 2")
        events: tuple[Event, ...] = ()
        while len(events) < 4:
            page = await Log(database).read(Cursor(1, 0), 10)
            events = page.events
        await await_until(lambda: tailer.head == page.head.cursor)
        assert tailer.restarts == sealer.restarts == 0
        assert projector.stats.counts()["total"] == 2
    finally:
        await tailer.stop()
        await sealer.stop()
        await database.close()
