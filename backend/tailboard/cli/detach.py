"""`tailboard detach`: take a source off the board, and every trace of it off its table."""

import click

from tailboard.cli.options import DATABASE, as_json, with_settings
from tailboard.cli.target import direct_url
from tailboard.cli.terminal import Terminal
from tailboard.db.adopting.attaching import detach
from tailboard.db.schema import require_newest
from tailboard.db.session import connect
from tailboard.settings import Settings


@click.command()
@with_settings(*DATABASE)
@as_json
@click.argument("name")
def command(terminal: Terminal, settings: Settings, /, *, as_json: bool, name: str) -> int:
    """Take the source NAME off the board. Its table is then as it was; what the log tells of its jobs stays."""
    url = direct_url(settings)
    require_newest(url)
    with connect(url, "detach") as connection, terminal.stage(f"Detaching {name}"):
        detach(connection, name)
    if as_json:
        terminal.json({"detached": name})
    else:
        terminal.answer(f"{name} is off the board, and nothing of Tailboard's is left on its table.")
    return 0
