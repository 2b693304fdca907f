"""Running a node in the foreground: signals, and what surrounds the node for `up` and `serve`."""

import asyncio
import gc
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Final

import uvloop

from tailboard.app import Node, address_of, listen, serve
from tailboard.cli.demo import workers
from tailboard.cli.interrupts import Interrupts
from tailboard.cli.logs import set_up_logging
from tailboard.cli.target import database_url
from tailboard.cli.terminal import Terminal
from tailboard.db.embedded.server import EmbeddedServer
from tailboard.db.schema import current_revision, migrate, require_newest, require_owner
from tailboard.errors import EmbeddedServerError, TailboardError
from tailboard.settings import Settings

_CANCEL_AGAIN_S: Final = 0.1
_NEW_OBJECTS: Final = 20_000
"""So many more than were freed, and the garbage collector looks at them; by Python's default 700. A page of a thousand
past events makes five for each, which live until it is sent and are freed by their counts.
"""


def run(settings: Settings, terminal: Terminal, *, bring_all: bool, demo: bool = False) -> int:
    """Serve until a signal; return the exit code.

    `bring_all`: bring a PostgreSQL where none was named, and migrate. Otherwise the database has to be there,
    and at the newest version, and a line is logged for every request. `demo`: keep the demo's workers running as well.
    """
    settings.require_safe_address()
    set_up_logging(settings.log_level, requests=not bring_all)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_run(settings, terminal, bring_all=bring_all, demo=demo))
    except BaseExceptionGroup as group:
        # Whatever failed first made the others stop: that is the one worth a line.
        raise _first(group) from group


async def _run(settings: Settings, terminal: Terminal, *, bring_all: bool, demo: bool) -> int:
    interrupts = Interrupts()
    interrupts.install()
    async with AsyncExitStack() as stack:
        # First of all: a port that is taken should not cost a database's start.
        bound = stack.enter_context(listen(settings.host, settings.port))
        if bring_all and settings.database_url is None:
            server = EmbeddedServer(settings.home)
            # What has been started must be stopped, also where a signal or an error comes in between.
            stack.push_async_callback(asyncio.to_thread, server.stop)
            with terminal.stage("Starting PostgreSQL"), interrupts.calling(server.give_up):
                try:
                    url = await asyncio.to_thread(server.start)
                except EmbeddedServerError:
                    if interrupts.stopping.is_set():
                        return 0
                    raise
        else:
            url = await asyncio.to_thread(database_url, settings)
        if interrupts.stopping.is_set():
            return 0
        if bring_all:
            # A database that cannot be reached is no failed migration.
            await asyncio.to_thread(current_revision, settings.listen_url or url)
            with terminal.stage("Migrating"):
                await _migrate(settings.listen_url or url, interrupts.stopping)
        else:
            await asyncio.to_thread(require_newest, settings.listen_url or url)
        await asyncio.to_thread(require_owner, settings.listen_url or url)
        if interrupts.stopping.is_set():
            return 0
        node = Node(settings, url)
        stack.push_async_callback(node.stop)
        starting = asyncio.create_task(node.start())
        with terminal.stage("Starting the board"), interrupts.calling(starting.cancel):
            await asyncio.wait([starting])
        if starting.cancelled():
            return 0
        await starting
        _keep_what_is_loaded()
        ready = f"Tailboard is ready: {address_of(bound, settings.host)}"
        async with asyncio.TaskGroup() as group:
            if demo:
                group.create_task(workers.run_until(url, interrupts.stopping))
            await serve(
                node,
                bound,
                ready=lambda: terminal.answer(ready),
                stopping=interrupts.stopping,
                forced=interrupts.forced,
            )
            interrupts.stopping.set()
    return 0


async def _migrate(url: str, stopping: asyncio.Event) -> None:
    """Migrate, or give up once it is to stop: what it waits for may be locked for ever."""
    cancels: list[Callable[[], None]] = []
    migrating = asyncio.create_task(asyncio.to_thread(migrate, url, connected=cancels.append))
    stopped = asyncio.create_task(stopping.wait())
    await asyncio.wait([migrating, stopped], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    while not migrating.done():
        for cancel in cancels:
            await asyncio.to_thread(cancel)
        await asyncio.wait([migrating], timeout=_CANCEL_AGAIN_S)
    try:
        await migrating
    except TailboardError:
        if not stopping.is_set():
            raise


def _keep_what_is_loaded() -> None:
    """What is there before the first client comes, such as modules and routes, is never garbage."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
