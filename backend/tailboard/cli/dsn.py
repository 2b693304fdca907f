"""`tailboard dsn`: the database's URL, for psql and for workers."""

import click

from tailboard.cli.options import WORKERS_DATABASE, with_settings
from tailboard.cli.target import database_url
from tailboard.cli.terminal import Terminal
from tailboard.settings import Settings


@click.command()
@with_settings(*WORKERS_DATABASE)
def command(terminal: Terminal, settings: Settings, /) -> int:
    """Print the URL of the database: psql "$(tailboard dsn)"."""
    terminal.answer(database_url(settings))
    return 0
