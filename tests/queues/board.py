"""A real node over a database in which a queue works, and what it told its followers about each job.

A job's story is the list of its events, each as its kind and the status it led to: `created pending`,
`started in_progress`, `completed completed`. It is the same whoever reads it: it comes from the log.
"""

import asyncio
import re
import subprocess
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psycopg

from cli import rig
from fixtures.waiting import await_until
from tailboard.client import Feed, JobEvent, Reset, Stats
from tailboard.db.embedded.installation import packaged_bin_dir

T = TypeVar("T")

PATIENCE_S = 45


def tailboard(home: Path, url: str, *arguments: str) -> str:
    """Run a command on the database and return what it printed; it has to succeed."""
    done = rig.run(home, *arguments, DATABASE_URL=url)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def schema_of(url: str) -> str:
    """All definitions in the database but Tailboard's own, as pg_dump writes them."""
    dump = subprocess.run(
        [packaged_bin_dir() / "pg_dump", "--schema-only", "--exclude-schema=tailboard", url],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    # The key of these two commands is drawn anew for each dump.
    return re.sub(r"^\\(un)?restrict .*$", "", dump, flags=re.MULTILINE)


class Board:
    """Follows one node from when it is made. Ids of jobs are compared as text."""

    def __init__(self, url: str, database_url: str, source: str) -> None:
        self.url = url
        self.source = source
        self.events: dict[str, list[JobEvent]] = defaultdict(list)
        self.resets: list[str] = []
        self.counts: dict[str, int] = {}
        self._database_url = database_url
        self._changed = asyncio.Condition()
        self._sentinels = 0

    async def follow(self, ready: asyncio.Event) -> None:
        async for message in Feed(self.url).messages():
            async with self._changed:
                match message:
                    case JobEvent():
                        self.events[f"{message.source}/{message.job.id}"].append(message)
                    case Reset():
                        self.resets.append(message.reason)
                    case Stats():
                        self.counts = message.stats
                    case _:
                        ready.set()
                self._changed.notify_all()

    async def until(self, condition: Callable[[], T], what: str) -> T:
        """Return the first true value of the condition, looked at after each message."""
        try:
            async with asyncio.timeout(PATIENCE_S), self._changed:
                while not (value := condition()):
                    await self._changed.wait()
                return value
        except TimeoutError:
            raise AssertionError(f"it never came that {what}; the stories are {self.stories()}") from None

    def story(self, job: Any) -> list[str]:
        return [told(event) for event in self.events.get(f"{self.source}/{job}", [])]

    def stories(self) -> dict[str, list[str]]:
        return {name: [told(event) for event in events] for name, events in self.events.items()}

    def last(self, job: Any) -> JobEvent:
        """The newest event of a job."""
        return self.events[f"{self.source}/{job}"][-1]

    async def sees(self, job: Any, *steps: str) -> None:
        """Return once the job's story has come to these last steps."""
        await self.until(
            lambda: self.story(job)[-len(steps) :] == list(steps), f"{job} came to {', '.join(steps)}"
        )

    async def counts_the_table(self) -> None:
        """Return once the rows that were there before are counted: what a follower hears of that is one reset."""
        async with await psycopg.AsyncConnection.connect(self._database_url, autocommit=True) as connection:

            async def synced() -> bool:
                found = await connection.execute(
                    "SELECT synced FROM tailboard.sources WHERE name = %s", [self.source]
                )
                return await found.fetchone() == (True,)

            await await_until(synced, PATIENCE_S)
        await self.settled()
        assert self.resets in ([], ["source_reset"]), self.resets
        self.resets.clear()

    async def settled(self) -> None:
        """Return once every change that is committed now has been followed, by one more that comes after them all.

        Its job comes and goes in one transaction, so that no count ever has it.
        """
        async with await psycopg.AsyncConnection.connect(self._database_url) as connection:
            row = await (
                await connection.execute("INSERT INTO tailboard.jobs (kind) VALUES ('sentinel') RETURNING id")
            ).fetchone()
            assert row is not None
            await connection.execute("DELETE FROM tailboard.jobs WHERE id = %s", row)
        name = f"jobs/{row[0]}"
        await self.until(lambda: len(self.events.get(name, ())) == 2, "the sentinel came and went")

    async def ask(self, method: str, path: str, status: int | None = None) -> Any:
        """What the node answers at `/api{path}`, with that status or else with success."""
        async with httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=20) as client:
            answer = await client.request(method, f"/api{path}")
        as_asked = answer.is_success if status is None else answer.status_code == status
        assert as_asked, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def statuses(self) -> dict[str, str]:
        """The status of every job of the source, as the list has it, page by page."""
        found: dict[str, str] = {}
        after = ""
        while True:
            page = await self.ask("GET", f"/jobs?source={self.source}&limit=100{after}")
            found |= {str(job["id"]): job["status"] for job in page["jobs"]}
            if page["next"] is None:
                return found
            after = f"&after={page['next']}"

    async def counted(self) -> dict[str, int]:
        """The source's jobs by status, as the stats have them."""
        counts: dict[str, int] = defaultdict(int)
        for queue in (await self.ask("GET", "/stats"))["by_queue"]:
            if queue["source"] == self.source:
                for status, count in queue["stats"].items():
                    counts[status] += count
        counts.pop("total", None)
        return {status: count for status, count in counts.items() if count}


def told(event: JobEvent) -> str:
    """An event as its kind and the status it led to; a job that is gone has none."""
    kind = event.type.removeprefix("job_")
    return kind if event.change.new is None else f"{kind} {event.change.new}"


@asynccontextmanager
async def board_of(source: str, url: str, home: Path) -> AsyncIterator[Board]:
    """A node that serves the database, and its follower."""
    with rig.Process(home, "serve", "--port", "0", DATABASE_URL=url) as process:
        board = Board(await asyncio.to_thread(process.url), url, source)
        ready = asyncio.Event()
        following = asyncio.create_task(board.follow(ready))
        try:
            async with asyncio.timeout(PATIENCE_S):
                await ready.wait()
            await board.counts_the_table()
            yield board
        finally:
            following.cancel()
            await asyncio.wait([following])
        await asyncio.to_thread(process.end)
    assert not board.resets, board.resets


@asynccontextmanager
async def adopted(preset: str, url: str, home: Path, name: str | None = None) -> AsyncIterator[Board]:
    """The queue of a preset on the board, until it is taken off it again: then the database is as it was."""
    before = schema_of(url)
    tailboard(home, url, "attach", preset, *([] if name is None else ["--name", name]), "--yes")
    async with board_of(name or preset, url, home) as board:
        yield board
    tailboard(home, url, "detach", name or preset)
    assert schema_of(url) == before


async def agree(board: Board, home: Path, url: str, own_view: dict[str, str]) -> None:
    """The final board is the queue's own view, in the list and in the stats, and the log proves itself."""
    await board.settled()
    shown = await board.statuses()
    assert shown == own_view, f"shown {shown}, the queue says {own_view}"
    counts: dict[str, int] = defaultdict(int)
    for status in own_view.values():
        counts[status] += 1
    counted = await board.counted()
    assert counted == dict(counts), f"counted {counted}, the queue says {dict(counts)}"
    assert "agree" in await asyncio.to_thread(tailboard, home, url, "verify")
