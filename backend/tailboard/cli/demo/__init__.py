"""`tailboard demo`: workers that write plain SQL, so that a newcomer sees a living board."""

import asyncio

import click

from tailboard.cli.demo import workers
from tailboard.cli.interrupts import Interrupts
from tailboard.cli.options import WORKERS_DATABASE, with_settings
from tailboard.cli.target import database_url
from tailboard.cli.terminal import Terminal
from tailboard.settings import Settings


@click.command()
@with_settings(*WORKERS_DATABASE)
def command(terminal: Terminal, settings: Settings, /) -> int:
    """Run the demo's workers against a running database until Ctrl-C.

    They order and do jobs tagged `demo` and delete them ten minutes after they are finished; no other job is
    touched.
    """
    url = database_url(settings)
    terminal.note("The demo's workers are at work; Ctrl-C stops them.")
    asyncio.run(_run(url))
    terminal.note("The demo's workers have stopped.")
    return 0


async def _run(url: str) -> None:
    interrupts = Interrupts()
    interrupts.install()
    await workers.run_until(url, interrupts.stopping)
