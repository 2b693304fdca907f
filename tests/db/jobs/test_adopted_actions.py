"""The SQL that a source names for an action, as its owner's table is now."""

from adopted_tables import adopt
from fixtures.database import Connect
from tailboard.core.action import Action
from tailboard.core.job import JobName
from tailboard.db.adopting.renewal import renew
from tailboard.db.jobs.actions import Actions
from tailboard.db.jobs.reading import Jobs
from tailboard.db.pool import Database

ERRANDS = """
[sources.errands]
table = "public.errands"
id = "id"
status = { column = "state", map = { new = "pending", off = "cancelled" } }
actions = { cancel = "UPDATE public.errands SET state = 'off' WHERE id = $1" }
"""


async def test_an_action_often_taken_goes_on_when_ids_have_another_type(
    database_url: str, connect: Connect
) -> None:
    owner = connect()
    owner.execute("CREATE TABLE public.errands (id int PRIMARY KEY, state text)")
    owner.execute("INSERT INTO public.errands SELECT n, 'new' FROM generate_series(1, 7) AS n")
    adopt(database_url, ERRANDS)
    database = Database(database_url, pool_size=1)
    await database.open()
    actions = Actions(database, Jobs(database))
    try:
        for number in range(1, 8):
            await actions.act(JobName("errands", str(number)), Action.CANCEL)
        owner.execute("ALTER TABLE public.errands ALTER COLUMN id TYPE text")
        owner.execute("INSERT INTO public.errands VALUES ('eight', 'new')")
        renew(database_url, "errands")
        await actions.act(JobName("errands", "eight"), Action.CANCEL)
    finally:
        await database.close()
    assert owner.execute("SELECT count(*) FROM public.errands WHERE state = 'off'").fetchone() == (8,)
