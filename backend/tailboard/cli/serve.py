"""`tailboard serve`: the server alone, for a database that is somebody else's business."""

import click

from tailboard.cli.options import SERVER, with_settings
from tailboard.cli.running import run
from tailboard.cli.terminal import Terminal
from tailboard.settings import Settings


@click.command(short_help="Serve the board from a database that has been migrated.")
@with_settings(*SERVER)
def command(terminal: Terminal, settings: Settings, /) -> int:
    """Serve the board from a database that `tailboard migrate` has prepared. Any number of nodes may."""
    return run(settings, terminal, bring_all=False)
