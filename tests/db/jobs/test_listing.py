"""Lists find every match once and in order, however few rows a look reads; their plans walk an index."""

import json
import random
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import psycopg
import pytest

from db.jobs.plans import nodes, told
from tailboard.core.job import STATUSES, JobName
from tailboard.db.jobs import listing
from tailboard.db.jobs.page import JobFilter, JobPage, Places, Sort, Wanted
from tailboard.db.jobs.reading import Jobs
from tailboard.db.pool import Database

# Without capture: these tests are about the table, and a log of 200,000 changes would only take time.
_FILL = """
ALTER TABLE tailboard.jobs DISABLE TRIGGER USER;
INSERT INTO tailboard.jobs (queue, kind, status, worker, tags, error, priority, payload, finished_at)
SELECT CASE WHEN g % 2 = 0 THEN 'mail' WHEN g % 4 = 1 THEN 'default'
            WHEN g % 8 = 3 THEN 'reports' ELSE 'media' END,
       CASE WHEN g % 2 = 0 THEN 'mail.' || g % 20 ELSE 'pdf.' || g % 10 END,
       CASE WHEN g % 500 = 1 THEN 'failed' WHEN g % 1000 = 2 THEN 'cancelled'
            WHEN g > {n} - 200 THEN 'pending' WHEN g < 100 THEN 'paused' ELSE 'completed' END,
       CASE WHEN g <= {n} - 200 THEN 'w' || g % 10 END,
       CASE WHEN g % 3 = 0 THEN ARRAY['t' || g % 7] WHEN g % 10007 = 0 THEN ARRAY['vip'] ELSE '{{}}' END,
       CASE WHEN g % 500 = 1 THEN 'Timeout talking to host ' || g END,
       g % 5, '{{"to": "someone@example.org"}}', now() - g * interval '1 second'
  FROM generate_series(1, {n}) g;
ALTER TABLE tailboard.jobs ENABLE TRIGGER USER;
"""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture
def fill(database_url: str) -> Callable[[int], None]:
    def fill(n: int) -> None:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(_FILL.format(n=n).encode())
            connection.execute("VACUUM ANALYZE tailboard.jobs")

    return fill


@pytest.fixture
def short_sighted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks so short that nearly every list is cut off somewhere."""
    monkeypatch.setattr(listing, "_LOOKS", ((3, 21), (5, 35), (40, 40)))
    monkeypatch.setattr(listing, "_TAGGED", 30)


async def all_pages(jobs: Jobs, wanted: JobFilter, sort: Sort, limit: int) -> list[int]:
    found: list[int] = []
    after: Places | None = None
    while True:
        page = await jobs.list(Wanted(filter=wanted, sort=sort, after=after, limit=limit))
        assert len(page.cards) <= limit
        found.extend(int(card.name.id) for card in page.cards)
        if page.after is None:
            return found
        assert page.after != after, "a page that goes nowhere"
        after = page.after


def some(rng: random.Random, values: list[str]) -> tuple[str, ...]:
    return tuple(rng.sample(values, rng.choice([0, 0, 0, 1, 1, 2])))


def random_filters(seed: int) -> Iterator[JobFilter]:
    rng = random.Random(seed)
    for _ in range(25):
        yield JobFilter(
            queues=some(rng, ["mail", "default", "reports", "media", "nowhere"]),
            kinds=some(rng, ["mail.0", "mail.2", "pdf.1", "pdf.3", "none"]),
            statuses=some(rng, [status.value for status in STATUSES]),
            workers=some(rng, ["w0", "w1", "w2", "nobody"]),
            tags=some(rng, ["t0", "t1", "vip", "absent"]),
        )


@pytest.mark.usefixtures("short_sighted")
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sort", ["newest", "oldest"])
async def test_the_pages_of_a_list_hold_every_match_once_and_in_order(
    database: Database, fill: Callable[[int], None], database_url: str, seed: int, sort: Sort
) -> None:
    fill(1500)
    jobs = Jobs(database)
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT id, queue, kind, status, worker, tags FROM tailboard.jobs"
        ).fetchall()
    for wanted in random_filters(seed):
        expected = sorted(
            (
                row[0]
                for row in rows
                if (not wanted.queues or row[1] in wanted.queues)
                and (not wanted.kinds or row[2] in wanted.kinds)
                and (not wanted.statuses or row[3] in wanted.statuses)
                and (not wanted.workers or row[4] in wanted.workers)
                and (not wanted.tags or set(row[5]) & set(wanted.tags))
            ),
            reverse=sort == "newest",
        )
        assert await all_pages(jobs, wanted, sort, limit=37) == expected, wanted


async def test_an_ordered_window_pages_through_in_order_and_ignores_jobs_that_came_later(
    database: Database, fill: Callable[[int], None], database_url: str
) -> None:
    fill(300)
    jobs = Jobs(database)
    first = await jobs.list(Wanted(filter=JobFilter(), sort="priority", limit=100))
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("INSERT INTO tailboard.jobs (kind, priority) VALUES ('late', 4)")
        expected = connection.execute(
            "SELECT id FROM tailboard.jobs WHERE kind <> 'late' ORDER BY priority DESC, id"
        ).fetchall()
    found = [int(card.name.id) for card in first.cards]
    page = first
    while page.after is not None:
        page = await jobs.list(Wanted(filter=JobFilter(), sort="priority", after=page.after, limit=100))
        found.extend(int(card.name.id) for card in page.cards)
    assert found == [row[0] for row in expected]


async def test_a_window_says_when_it_did_not_hold_all_jobs(
    database: Database, fill: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "WINDOW", 50)
    fill(120)
    jobs = Jobs(database)
    page = await jobs.list(Wanted(filter=JobFilter(), sort="finished", limit=500))
    assert not page.complete
    assert {int(card.name.id) for card in page.cards} == set(range(71, 121))
    few = await jobs.list(Wanted(filter=JobFilter(kinds=("pdf.1",)), sort="finished", limit=500))
    assert few.complete
    assert len(few.cards) == 12


async def test_a_search_finds_ids_and_beginnings_of_names_beyond_its_window(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "WINDOW", 10)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO tailboard.jobs (kind, queue, worker, tags, error) VALUES "
            "('Rare.kind', 'default', NULL, '{}', NULL), ('mail', 'Rarequeue', NULL, '{}', NULL), "
            "('mail', 'default', 'rareworker', '{}', NULL), ('mail', 'default', NULL, '{unrare}', NULL)"
        )
        connection.execute("INSERT INTO tailboard.jobs (kind) SELECT 'filler' FROM generate_series(1, 50)")
        connection.execute(
            "INSERT INTO tailboard.jobs (kind, tags, error) VALUES "
            "('new', '{xrare}', NULL), ('new', '{}', 'so RARE!')"
        )
    jobs = Jobs(database)

    async def ids(text: str) -> set[int]:
        page = await jobs.search(Wanted(filter=JobFilter()), text)
        return {int(card.name.id) for card in page.cards}

    assert await ids("rare") == {1, 2, 3, 55, 56}  # not 4: a part of a tag, older than the window
    assert await ids("4") == {4}
    assert await ids("nothing like it") == set()
    assert await ids("100%") == set()


@pytest.mark.parametrize("size", [10, 3000, 300_000])
async def test_a_large_payload_is_left_out_of_lists_and_whole_in_the_job(
    database: Database, database_url: str, size: int
) -> None:
    text = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz", k=size))
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO tailboard.jobs (kind, payload) VALUES ('a', jsonb_build_object('text', %s::text))",
            (text,),
        )
        row = connection.execute("SELECT tailboard.card(c) FROM tailboard.changes c").fetchone()
    assert row is not None
    jobs = Jobs(database)
    page = await jobs.list(Wanted(filter=JobFilter()))
    assert json.loads(page.cards[0].json) == row[0], "a list shows what the log shows"
    assert json.loads(page.cards[0].json).get("omitted") == (None if size == 10 else ["payload"])
    card, _ = await jobs.get(JobName("jobs", "1"))
    assert json.loads(card.json)["payload"] == {"text": text}


async def test_every_job_carries_the_seq_of_its_last_change(database: Database, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("INSERT INTO tailboard.jobs (kind) VALUES ('a'), ('b')")
        connection.execute("UPDATE tailboard.jobs SET progress = 0.5 WHERE id = 1")
        rows = connection.execute("SELECT job_id, max(seq) FROM tailboard.changes GROUP BY job_id").fetchall()
    page = await Jobs(database).list(Wanted(filter=JobFilter()))
    assert {(card.name.id, card.version) for card in page.cards} == set(rows)


# Plans, at 200,000 jobs

_BIG = 200_000
_CASES: dict[str, tuple[JobFilter, Sort, str | None]] = {
    "nothing": (JobFilter(), "newest", None),
    "nothing, oldest": (JobFilter(), "oldest", None),
    "queue, half of all": (JobFilter(queues=("mail",)), "newest", None),
    "queue, none": (JobFilter(queues=("nowhere",)), "newest", None),
    "queues, all": (JobFilter(queues=("mail", "default", "reports", "media")), "newest", None),
    "kind": (JobFilter(kinds=("pdf.1",)), "newest", None),
    "kind, none": (JobFilter(kinds=("none",)), "oldest", None),
    "status, nearly all": (JobFilter(statuses=("completed",)), "newest", None),
    "status, few": (JobFilter(statuses=("failed",)), "newest", None),
    "status, oldest only": (JobFilter(statuses=("paused",)), "newest", None),
    "status, none": (JobFilter(statuses=("scheduled",)), "newest", None),
    "worker": (JobFilter(workers=("w1",)), "newest", None),
    "worker, none": (JobFilter(workers=("nobody",)), "newest", None),
    "tag, common": (JobFilter(tags=("t1",)), "newest", None),
    "tag, rare": (JobFilter(tags=("vip",)), "newest", None),
    "tag, none": (JobFilter(tags=("absent",)), "newest", None),
    "queue and kind, disjoint": (JobFilter(queues=("mail",), kinds=("pdf.1",)), "newest", None),
    "queue and kind": (JobFilter(queues=("mail",), kinds=("mail.4",)), "newest", None),
    "queue and status, disjoint": (JobFilter(queues=("mail",), statuses=("failed",)), "newest", None),
    "queue and status": (JobFilter(queues=("default",), statuses=("failed",)), "oldest", None),
    "kind and status, disjoint": (JobFilter(kinds=("mail.4",), statuses=("failed",)), "newest", None),
    "worker and status": (JobFilter(workers=("w1",), statuses=("failed",)), "newest", None),
    "worker and queue, disjoint": (JobFilter(queues=("mail",), workers=("w1",)), "newest", None),
    "worker and kind, disjoint": (JobFilter(kinds=("mail.2",), workers=("w1",)), "newest", None),
    "tag and queue": (JobFilter(tags=("t1",), queues=("mail",)), "newest", None),
    "tag and queue, rare": (JobFilter(tags=("vip",), queues=("mail",)), "newest", None),
    "tag and status": (JobFilter(tags=("t1",), statuses=("cancelled",)), "newest", None),
    "tag and kind, disjoint": (JobFilter(tags=("vip",), kinds=("mail.3",)), "newest", None),
    "tag and worker": (JobFilter(tags=("t3",), workers=("w2",)), "newest", None),
    "by id": (
        JobFilter(jobs=tuple([JobName("jobs", n) for n in ("1", "5", "199999", "7777777", "x", "orders")])),
        "newest",
        None,
    ),
    "by priority": (JobFilter(), "priority", None),
    "by end": (JobFilter(statuses=("completed",)), "finished", None),
    "search, many": (JobFilter(), "newest", "mail"),
    "search, none": (JobFilter(), "newest", "zzzz"),
    "search in a queue": (JobFilter(queues=("mail",)), "newest", "pdf"),
    "search, rare": (JobFilter(statuses=("failed",)), "newest", "timeout"),
}

# What a page may read: the looks of listing.py, and a window with what a search names.
_MOST_ROWS = 60_000


@pytest.mark.slow
async def test_no_list_reads_the_table_from_end_to_end(
    database_url: str, fill: Callable[[int], None]
) -> None:
    fill(_BIG)
    database = Database(database_url, pool_size=1)
    await database.open()
    try:
        plans = await told(database)
        jobs = Jobs(database)
        for name, (wanted, sort, text) in _CASES.items():
            plans.clear()
            page = await _page(jobs, wanted, sort, text)
            assert plans, "the server told no plan"
            reads = [node for node in nodes(plans) if node.get("Relation Name") == "jobs"]
            for node in reads:
                assert node["Node Type"] in {"Index Scan", "Index Only Scan", "Bitmap Heap Scan"}, (
                    name,
                    node,
                )
            read = sum(map(_rows_read, reads))
            assert read <= _MOST_ROWS, (name, read)
            if page.after is None and text is None and page.complete:
                assert len(page.cards) < 100, name
    finally:
        await database.close()


async def _page(jobs: Jobs, wanted: JobFilter, sort: Sort, text: str | None) -> JobPage:
    page = Wanted(filter=wanted, sort=sort, limit=100)
    return await (jobs.list(page) if text is None else jobs.search(page, text))


def _rows_read(node: dict[str, Any]) -> float:
    """Rows that came out of an index or off a page, whether they were then kept or not."""
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return float((node["Actual Rows"] + removed) * node["Actual Loops"])
