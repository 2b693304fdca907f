"""`tailboard up`: everything on one machine."""

import click

from tailboard.cli.options import SERVER, with_settings
from tailboard.cli.running import run
from tailboard.cli.terminal import Terminal
from tailboard.settings import Settings


@click.command(short_help="Bring PostgreSQL if need be, migrate, and serve the board.")
@with_settings(*SERVER)
@click.option("--demo", is_flag=True, help="Run workers that write plain SQL, to see a living board.")
def command(terminal: Terminal, settings: Settings, /, *, demo: bool) -> int:
    """Start PostgreSQL unless a database is named, migrate, and serve the board until Ctrl-C."""
    return run(settings, terminal, bring_all=True, demo=demo)
