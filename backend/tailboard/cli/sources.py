"""`tailboard sources`: the adopted tables, and how each is."""

from typing import Final

import click
from rich.table import Table
from rich.text import Text

from tailboard.cli.options import DATABASE, as_json, with_settings
from tailboard.cli.target import direct_url
from tailboard.cli.terminal import Terminal
from tailboard.db.adopting.upkeep import healths_sync
from tailboard.db.schema import require_newest
from tailboard.db.session import connect
from tailboard.settings import Settings
from tailboard.sources import presets
from tailboard.sources.health import Health, State

_STYLES: Final = {
    State.OK: "green",
    State.SYNCING: "cyan",
    State.FAULTY: "yellow",
    State.DRIFTED: "yellow",
    State.BROKEN: "bold red",
}


@click.command()
@with_settings(*DATABASE)
@as_json
def command(terminal: Terminal, settings: Settings, /, *, as_json: bool) -> int:
    """Show the attached tables, and what is wrong with any. Exit with 1 if something is."""
    url = direct_url(settings)
    require_newest(url)
    with connect(url, "sources") as connection:
        found = healths_sync(connection)
    if as_json:
        terminal.json({"sources": found})
    elif found:
        _show(terminal, found)
    else:
        terminal.answer("No table is attached. `tailboard attach` takes a file, or a queue's name:")
        terminal.answer(", ".join(presets.names()))
    return 1 if any(source.state not in {State.OK, State.SYNCING} for source in found) else 0


def _show(terminal: Terminal, found: list[Health]) -> None:
    table = Table("source", "table", "state", "faults", box=None, padding=(0, 2), header_style="dim")
    table.columns[3].justify = "right"
    for source in found:
        state = Text(source.state, style=_STYLES[source.state])
        table.add_row(Text(source.name, style="bold"), Text(source.table), state, f"{source.faults:,}")
    terminal.table(table)
    for source in found:
        if source.state is not State.OK or source.faults:
            said = Text(f"{source.name}: ", style=_STYLES[source.state])
            said.append(f"{source.found.rstrip('.')}. {source.advice}".strip(), style="default")
            terminal.out.print(said)
