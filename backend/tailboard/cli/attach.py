"""`tailboard attach`: put a job table on the board, after showing what that does."""

from pathlib import Path
from typing import Final

import click
from rich.table import Table
from rich.text import Text

from tailboard.cli.options import DATABASE, as_json, with_settings
from tailboard.cli.target import direct_url
from tailboard.cli.terminal import Terminal
from tailboard.db.adopting.attaching import attach
from tailboard.db.adopting.preview import Preview, preview
from tailboard.db.schema import require_newest
from tailboard.db.session import connect
from tailboard.errors import InvalidSource
from tailboard.settings import Settings
from tailboard.sources import parsing, presets
from tailboard.sources.source import Source

_UNITS: Final = ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB"))


@click.command(short_help="Put a table on the board: your own, or a known queue's.")
@with_settings(*DATABASE)
@as_json
@click.argument("target", metavar="FILE|PRESET")
@click.option(
    "--schema", metavar="SCHEMA", help="Where the queue's tables are, if not where it puts them itself."
)
@click.option("--name", metavar="NAME", help="What to call the source on the board.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
def command(
    terminal: Terminal,
    settings: Settings,
    /,
    *,
    as_json: bool,
    target: str,
    schema: str | None,
    name: str | None,
    yes: bool,
    dry_run: bool,
) -> int:
    """Put a job table on the board: one of your own, described in a TOML FILE, or a known queue's by PRESET.

    Shows first what is in the table, how it will be shown, what is created and what that costs each write. The
    workers notice nothing; `tailboard detach` takes everything away again.
    """
    source = _source(target, schema, name)
    url = direct_url(settings)
    require_newest(url)
    with connect(url, "attach") as connection:
        with terminal.stage(f"Looking at {source.table}"):
            seen = preview(connection, source)
        if not as_json:
            _show(terminal, seen)
        wanted = not dry_run and (yes or terminal.confirmed(f"Attach {seen.table} as {seen.name}?"))
        if wanted:
            with terminal.stage(f"Attaching {source.table}"):
                attach(connection, source, lambda tries: _waiting(terminal, source, tries), previewed=True)
    if as_json:
        terminal.json({"attached": wanted, "preview": seen})
    elif wanted:
        terminal.answer(f"{seen.table} is on the board as {seen.name}. A running server counts its rows now.")
    else:
        terminal.note("Nothing was changed.")
    return 0 if wanted or dry_run else 1


def _source(target: str, schema: str | None, name: str | None) -> Source:
    """The one source that the arguments mean."""
    if target in presets.names() and not target.endswith(".toml"):
        source = presets.load(target, schema)
    else:
        source = _from_file(Path(target), schema)
    if name is None:
        return source
    return parsing.from_definition(name, source.definition)


def _from_file(path: Path, schema: str | None) -> Source:
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors of Windows begin with a mark
    except FileNotFoundError:
        raise InvalidSource(
            f"{path} is neither a file nor a preset; presets are {', '.join(presets.names())}."
        ) from None
    except OSError as error:
        raise InvalidSource(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InvalidSource(f"{path} is no TOML: it is not UTF-8.") from error
    sources = parsing.parse(text, schema=schema, origin=str(path))
    if len(sources) > 1:
        raise InvalidSource(f"{path} defines {len(sources)} sources: write each in a file of its own.")
    return sources[0]


def _show(terminal: Terminal, seen: Preview) -> None:
    head = Text(seen.table, style="bold")
    rows = ("1 row" if seen.rows == 1 else f"{seen.rows:,} rows") + (
        ", of the first 100,000" if seen.sampled else ""
    )
    head.append(f"  {rows}, {_size(seen.bytes)}, as {seen.name}", style="default")
    terminal.out.print(head)
    if seen.statuses:
        table = Table("in the table", "on the board", "rows", box=None, padding=(0, 2), header_style="dim")
        table.columns[2].justify = "right"
        for found in seen.statuses:
            table.add_row(
                Text("NULL" if found.value is None else found.value), found.status, f"{found.rows:,}"
            )
        terminal.out.print(table)
    for made in seen.creates:
        terminal.out.print(f"  creates {made}", markup=False)
    if seen.cost_us is not None:
        terminal.out.print(
            f"  costs a write about {seen.cost_us:.0f} µs more, measured on a copy of some rows"
        )
    offered = ", ".join(seen.actions) if seen.actions else "none; the source names none"
    terminal.out.print(f"  actions: {offered}", markup=False)
    if seen.detached_by is not None:
        terminal.out.print(
            f"  detaching takes the rights of {seen.detached_by}, who owns the table; you may only attach",
            markup=False,
            style="yellow",
        )
    if not seen.ids_proven:
        terminal.out.print(
            "  the table is too large to see whether every id is unique; no index says so", style="yellow"
        )
    elif not seen.ids_kept:
        terminal.out.print(
            "  every id is unique now, but no index keeps it so: rows that share one would be one job",
            style="yellow",
        )
    if seen.note:
        terminal.out.print(f"  {seen.note}", markup=False, style="yellow")


def _waiting(terminal: Terminal, source: Source, tries: int) -> None:
    if tries in {1, 5, 15}:
        terminal.note(f"{source.table} is locked by others; trying again, so that nobody waits for us.")


def _size(size: int) -> str:
    for unit, name in _UNITS:
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} bytes"
