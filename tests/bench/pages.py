"""A live page beside a live page: PgQueuer's own dashboard and Tailboard's feed, by the number of pages that are open.

    python tests/bench/pages.py [--quick] [--json PATH]

Each watches the table that it is made for, with 20,000 jobs in it, while ten changes a second are committed: half of
them new jobs, half of them jobs that a worker takes. PgQueuer's page is told `queue-change` over SSE and then fetches
its numbers (`/partials/overview`), at most every two seconds; this does as the page's script does. Tailboard's gets the
changes themselves over its WebSocket. Measured: from a commit until a page shows a state that has it, and the CPU time
that the server and PostgreSQL need for it. PgQueuer's trigger says nothing of UPDATEs, so a job that is taken shows up
when the next one is added; without any, at the poll of 30 s.
"""

import asyncio
import os
import socket
import statistics
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from time import monotonic
from typing import Any, Final

import httpx
import psycopg
import uvloop
from latency import subscribed
from measuring import contenders, options, postgres, processes
from measuring.contenders import TAILBOARD
from measuring.crowd_client import CHANGE
from measuring.postgres import Place

PAGES: Final = (1, 10, 50)
JOBS: Final = 20_000
RATE: Final = 10
SECONDS: Final = 10
THROTTLE_S: Final = 2.0
LAST_S: Final = 5.0

PGQUEUER: Final = (
    "INSERT INTO public.pgqueuer (priority, status, entrypoint, payload) VALUES (0, 'queued', 'mail.send', NULL)",
    """
    UPDATE public.pgqueuer SET status = 'picked', heartbeat = now()
     WHERE id = (SELECT id FROM public.pgqueuer WHERE status = 'queued' ORDER BY id LIMIT 1)
    """,
)
BOARD: Final = (
    "INSERT INTO tailboard.jobs (kind, queue, phase) VALUES ('mail.send', 'q0', 'change {n}')",
    "UPDATE tailboard.jobs SET status = 'in_progress', worker = 'w', phase = 'change {n}' WHERE id = {n} + 1",
)


class Shown:
    """When changes were committed, and how long until the pages showed them."""

    def __init__(self) -> None:
        self.committed: list[float] = []
        self.ages: list[float] = []
        self.requests = 0


async def _write(url: str, statements: tuple[str, str], shown: Shown, seconds: float) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        began = monotonic()
        for number in range(int(seconds * RATE)):
            await asyncio.sleep(max(0.0, began + number / RATE - monotonic()))
            await connection.execute(statements[number % 2].format(n=number).encode())
            shown.committed.append(monotonic())


async def _pgqueuer_page(base: str, shown: Shown, ready: asyncio.Semaphore) -> None:
    """What the page's scripts do: listen, and fetch on `queue-change`, but not twice within two seconds."""
    async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=60) as client:
        seen = 0
        fetched = -THROTTLE_S
        async with client.stream("GET", "/events") as events:
            ready.release()
            async for line in events.aiter_lines():
                if line != "event: queue-change" or monotonic() - fetched < THROTTLE_S:
                    continue
                fetched, there = monotonic(), len(shown.committed)
                (await client.get("/partials/overview")).raise_for_status()
                shown.requests += 1
                now = monotonic()
                shown.ages += [now - at for at in shown.committed[seen:there]]
                seen = there


async def _tailboard_page(port: int, shown: Shown, ready: asyncio.Semaphore) -> None:
    async with subscribed(TAILBOARD, port) as connection:
        ready.release()
        arrived: dict[int, float] = {}
        try:
            while True:
                frame = await connection.recv(decode=False)
                for match in CHANGE.finditer(frame):
                    arrived.setdefault(int(match[1]), monotonic())
        finally:
            shown.ages += [max(0.0, at - shown.committed[number]) for number, at in arrived.items()]


@asynccontextmanager
async def _dashboard(place: Place) -> AsyncIterator[tuple[int, str]]:
    """PgQueuer's dashboard as it comes; its process and where it serves."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pgqueuer.adapters.web",
        env={**os.environ, "PGQUEUER_DSN": place.url, "PGQUEUER_WEB_PORT": str(port)},
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    base = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(30):
            while True:
                try:
                    (await client.get(f"{base}/healthz")).raise_for_status()
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.05)
        yield process.pid, base
    finally:
        process.terminate()
        await process.wait()


async def _measure(place: Place, name: str, pages: int, seconds: float) -> dict[str, Any]:
    shown, ready = Shown(), asyncio.Semaphore(0)
    async with AsyncExitStack() as stack:
        if name == "PgQueuer":
            pid, base = await stack.enter_async_context(_dashboard(place))
            opened = [asyncio.create_task(_pgqueuer_page(base, shown, ready)) for _ in range(pages)]
        else:
            server = stack.enter_context(contenders.served(TAILBOARD, place))
            pid = server.pid
            opened = [asyncio.create_task(_tailboard_page(server.port, shown, ready)) for _ in range(pages)]
        async with asyncio.timeout(30):
            for _ in range(pages):
                await ready.acquire()
        await asyncio.sleep(1)
        postmaster = postgres.pid(place)
        used = processes.cpu_s(pid), processes.children_cpu_s(postmaster)
        began = monotonic()
        await _write(place.url, PGQUEUER if name == "PgQueuer" else BOARD, shown, seconds)
        await asyncio.sleep(LAST_S)
        wall = monotonic() - began
        server_s, database_s = processes.cpu_s(pid) - used[0], processes.children_cpu_s(postmaster) - used[1]
        for page in opened:
            page.cancel()
        for ended in await asyncio.gather(*opened, return_exceptions=True):
            assert isinstance(ended, asyncio.CancelledError), ended
    ages = sorted(shown.ages)
    return {
        "p50_ms": statistics.median(ages) * 1000,
        "p99_ms": ages[int(len(ages) * 0.99)] * 1000,
        "not_shown": pages * len(shown.committed) - len(ages),
        "requests": shown.requests,
        "server_cpu": server_s / wall,
        "database_cpu": database_s / wall,
    }


async def _run(place: Place, pages: tuple[int, ...], seconds: float) -> dict[str, Any]:
    results: dict[str, Any] = {}
    for count in pages:
        for name in ("PgQueuer", "Tailboard"):
            if name == "Tailboard":
                # Each run takes its jobs anew, from the first.
                postgres.execute(
                    place.url,
                    "UPDATE tailboard.jobs SET status = 'pending', worker = NULL WHERE worker = 'w'",
                )
            results.setdefault(str(count), {})[name] = await _measure(place, name, count, seconds)
    return results


def _install_pgqueuer(url: str) -> None:
    from pgqueuer.adapters.persistence.queries import Queries  # noqa: PLC0415 - the rival alone
    from pgqueuer.db import AsyncpgDriver  # noqa: PLC0415 - the rival alone

    async def install() -> None:
        import asyncpg  # noqa: PLC0415 - the rival alone

        connection = await asyncpg.connect(url)
        try:
            await Queries(AsyncpgDriver(connection)).install()
        finally:
            await connection.close()

    asyncio.run(install())
    postgres.execute(
        url,
        "INSERT INTO public.pgqueuer (priority, status, entrypoint, payload)"
        f" SELECT 0, 'queued', 'kind-' || i % 20, NULL FROM generate_series(1, {JOBS}) AS i",
    )
    postgres.execute(url, "VACUUM ANALYZE public.pgqueuer")


def main() -> None:
    chosen = options.parser(__doc__).parse_args()
    with postgres.postgres() as place:
        contenders.prepare(place.url, TAILBOARD, JOBS)
        _install_pgqueuer(place.url)
        results = uvloop.run(
            _run(place, PAGES[:2] if chosen.quick else PAGES, SECONDS / (2 if chosen.quick else 1))
        )
    print(
        f"open pages, {RATE} changes a second, {JOBS:,} jobs, {os.cpu_count()} cores; until a page shows a change"
    )
    print(
        f"{'pages':>6} {'page of':<12}{'p50 ms':>8}{'p99 ms':>8}{'not shown':>11}{'requests':>10}"
        f"{'server CPU':>12}{'database CPU':>14}"
    )
    for pages, by_name in results.items():
        for name, found in by_name.items():
            print(
                f"{int(pages):>6} {name:<12}{found['p50_ms']:>8,.0f}{found['p99_ms']:>8,.0f}{found['not_shown']:>11,}"
                f"{found['requests']:>10,}{found['server_cpu']:>12.1%}{found['database_cpu']:>14.1%}"
            )
    options.write(chosen, results)


if __name__ == "__main__":
    main()
