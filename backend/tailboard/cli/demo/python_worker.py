"""A worker in Python: the demo's media and mail desk. It knows psycopg and SQL, and nothing of Tailboard.

Run by the demo as a process of its own. The database URL comes as the first line of standard input, where
no process list shows it; when standard input ends, whoever started this is gone, and it ends too.
"""

import asyncio
import random
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg.types.json import Jsonb

_QUEUES: Final = ["media", "mail"]
_WAITING: Final = 10
_KEEP: Final = "10 minutes"

_ORDER = """
INSERT INTO tailboard.jobs (queue, kind, priority, max_attempts, tags, payload, status, scheduled_at)
SELECT %(queue)s, %(kind)s, %(priority)s, %(max_attempts)s, %(tags)s, %(payload)s,
       CASE WHEN %(later)s > 0 THEN 'scheduled' ELSE 'pending' END,
       CASE WHEN %(later)s > 0 THEN now() + interval '1 second' * %(later)s END
 WHERE (SELECT count(*) FROM tailboard.jobs
         WHERE queue = ANY (%(queues)s) AND status IN ('pending', 'scheduled')) < %(waiting)s
"""
_DUE = """
UPDATE tailboard.jobs SET status = 'pending'
 WHERE status = 'scheduled' AND scheduled_at <= now() AND queue = ANY (%(queues)s) AND tags @> '{demo}'
"""
_CALL_OFF = """
UPDATE tailboard.jobs SET status = 'cancelled', error = 'called off by the customer'
 WHERE id = (SELECT id FROM tailboard.jobs
              WHERE status = 'pending' AND queue = ANY (%(queues)s) AND tags @> '{demo}'
              ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
"""
_TIDY = """
DELETE FROM tailboard.jobs
 WHERE status IN ('completed', 'failed', 'cancelled') AND tags @> '{demo}'
   AND finished_at < now() - %(keep)s::interval
"""
_ALIVE = """
INSERT INTO tailboard.workers (name, info) VALUES (%(name)s, '{"language": "Python"}')
    ON CONFLICT (name) DO UPDATE SET info = excluded.info, seen_at = now()
"""
_GIVE_BACK = """
UPDATE tailboard.jobs SET status = 'pending', worker = NULL, progress = NULL, phase = NULL, phases = '[]'
 WHERE worker = %(name)s AND status = 'in_progress' AND tags @> '{demo}'
"""
_TAKE = """
UPDATE tailboard.jobs SET status = 'in_progress', worker = %(name)s, error = NULL, progress = 0
 WHERE id = (SELECT id FROM tailboard.jobs
              WHERE status = 'pending' AND queue = ANY (%(queues)s) AND tags @> '{demo}'
              ORDER BY priority DESC, id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, kind
"""
_STEP = """
UPDATE tailboard.jobs SET progress = %(progress)s, phase = %(phase)s, phases = %(phases)s
 WHERE id = %(id)s AND status = 'in_progress' AND worker = %(name)s
"""
_COMPLETE = """
UPDATE tailboard.jobs SET status = 'completed', progress = 1, phases = %(phases)s, result = %(result)s
 WHERE id = %(id)s AND status = 'in_progress' AND worker = %(name)s
"""
_FAIL = """
UPDATE tailboard.jobs
   SET status = CASE WHEN attempt < max_attempts THEN 'scheduled' ELSE 'failed' END,
       scheduled_at = CASE WHEN attempt < max_attempts THEN now() + interval '4 seconds' * attempt END,
       error = %(error)s, phases = %(phases)s
 WHERE id = %(id)s AND status = 'in_progress' AND worker = %(name)s
"""

Connection = psycopg.AsyncConnection[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a kind of job consists of: phases with how long each takes, and what can go wrong."""

    queue: str
    phases: Sequence[tuple[str, float]]
    errors: Sequence[str]
    risk: float


_PLANS: Final = {
    "video.transcode": Plan(
        "media",
        [("probe", 0.5), ("transcode", 6.0), ("package", 1.0), ("upload", 1.5)],
        ["ffmpeg exited with status 1: moov atom not found", "upload timed out after 30 s"],
        0.2,
    ),
    "image.thumbnails": Plan(
        "media", [("fetch", 0.4), ("resize", 1.2)], ["cannot identify image file 'IMG_2041.HEIC'"], 0.1
    ),
    "mail.welcome": Plan("mail", [("render", 0.3), ("send", 0.6)], ["550 5.1.1 no such user"], 0.15),
    "mail.digest": Plan(
        "mail", [("select", 0.5), ("render", 0.8), ("send", 2.0)], ["421 4.7.0 try again later"], 0.2
    ),
}


class Phases:
    """The phases of one job as the board shows them."""

    def __init__(self, plan: Plan) -> None:
        self._shown: list[dict[str, object]] = [
            {"name": name, "status": "pending"} for name, _ in plan.phases
        ]

    def set(self, index: int, status: str, progress: float) -> None:
        self._shown[index] |= {"status": status, "progress": round(progress, 3)}

    def as_json(self) -> Jsonb:
        return Jsonb(self._shown)


async def _desk(url: str, name: str) -> None:
    """One worker: take a job, do it, and so on, across lost connections."""
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
                await connection.execute(_GIVE_BACK, {"name": name})
                try:
                    while True:
                        await _work(connection, name)
                except asyncio.CancelledError:
                    await connection.execute(_GIVE_BACK, {"name": name})
                    raise
        except psycopg.OperationalError:
            # the server is restarting; it will be back
            await asyncio.sleep(1)


async def _work(connection: Connection, name: str) -> None:
    await connection.execute(_ALIVE, {"name": name})
    taken = await (await connection.execute(_TAKE, {"name": name, "queues": _QUEUES})).fetchone()
    if taken is None:
        await asyncio.sleep(0.5)
        return
    job, kind = taken
    # Somebody may have added a kind of their own to our queues; we treat it as a mail.
    plan = _PLANS.get(str(kind), _PLANS["mail.welcome"])
    phases = Phases(plan)
    fails_in = random.randrange(len(plan.phases)) if random.random() < plan.risk else None
    given = {"id": job, "name": name}
    total = sum(seconds for _, seconds in plan.phases)
    done = 0.0
    for index, (phase, seconds) in enumerate(plan.phases):
        steps = max(1, round(seconds / 0.8))
        for step in range(steps):
            phases.set(index, "in_progress", step / steps)
            progress = round((done + seconds * step / steps) / total, 3)
            values = given | {"progress": progress, "phase": phase, "phases": phases.as_json()}
            await connection.execute(_STEP, values)
            await asyncio.sleep(seconds / steps * random.uniform(0.8, 1.2))
        if index == fails_in:
            phases.set(index, "failed", 1)
            error = random.choice(plan.errors)
            await connection.execute(_FAIL, given | {"error": error, "phases": phases.as_json()})
            return
        phases.set(index, "completed", 1)
        done += seconds
    result = Jsonb({"bytes": random.randrange(2_000, 90_000_000)})
    await connection.execute(_COMPLETE, given | {"phases": phases.as_json(), "result": result})


async def _orders(url: str) -> None:
    """The customers: order work, call some of it off, and throw old finished jobs away."""
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
                turn = 0
                while True:
                    await connection.execute(_ORDER, _order())
                    await connection.execute(_DUE, {"queues": _QUEUES})
                    if turn % 25 == 24:
                        await connection.execute(_CALL_OFF, {"queues": _QUEUES})
                    if turn % 60 == 0:
                        await connection.execute(_TIDY, {"keep": _KEEP})
                    turn += 1
                    await asyncio.sleep(random.uniform(0.5, 1.5))
        except psycopg.OperationalError:
            await asyncio.sleep(1)


def _order() -> dict[str, object]:
    kind = random.choice(list(_PLANS))
    return {
        "queue": _PLANS[kind].queue,
        "kind": kind,
        "priority": random.choice([0, 0, 0, 5]),
        "max_attempts": random.choice([2, 3]),
        "tags": ["demo", random.choice(["eu", "us", "apac"])],
        "payload": Jsonb(
            {"customer": random.randrange(1000, 10_000), "file": f"IMG_{random.randrange(9999)}"}
        ),
        "later": random.choice([0, 0, 0, 0, 15, 40]),
        "queues": _QUEUES,
        "waiting": _WAITING,
    }


async def _main() -> None:
    loop = asyncio.get_running_loop()
    url = (await asyncio.to_thread(sys.stdin.readline)).strip()
    main = asyncio.current_task()
    assert main is not None  # noqa: S101 - a coroutine that runs is in a task

    def stop() -> None:
        # The end of the input stays readable; once is enough.
        loop.remove_reader(sys.stdin.fileno())
        main.cancel()

    loop.add_signal_handler(signal.SIGTERM, stop)
    loop.add_reader(sys.stdin.fileno(), stop)
    # Unlike gather, the group returns only when each desk has given back what it had in hand.
    with suppress(asyncio.CancelledError):
        async with asyncio.TaskGroup() as desks:
            for name in ("media-1", "media-2"):
                desks.create_task(_desk(url, name))
            desks.create_task(_orders(url))


if __name__ == "__main__":
    asyncio.run(_main())
