"""`tailboard migrate`: bring the database's schema to a version, up or down."""

import click

from tailboard.cli.interrupts import sigterm_as_ctrl_c
from tailboard.cli.options import DATABASE, as_json, with_settings
from tailboard.cli.target import direct_url
from tailboard.cli.terminal import Terminal
from tailboard.db.schema import current_revision, migrate
from tailboard.settings import Settings


@click.command(short_help="Bring the schema to a revision, by default the newest.")
@with_settings(*DATABASE)
@as_json
@click.argument("revision", default="head")
@click.option("--yes", is_flag=True, help="Do not ask before going down.")
def command(terminal: Terminal, settings: Settings, /, *, as_json: bool, revision: str, yes: bool) -> int:
    """Migrate to REVISION: `head` (the default), a revision such as 0002, or `base` to take Tailboard away.

    Going down deletes what the later versions hold: below 0002 that is every job, with `base` everything.
    """
    url = direct_url(settings)
    before = current_revision(url)
    goes_down = before is not None and (revision == "base" or (revision != "head" and revision < before))
    question = f"Going from {before} down to {revision} deletes what it holds. Go on?"
    if goes_down and not yes and not terminal.confirmed(question):
        terminal.note("Nothing was changed.")
        return 1
    with terminal.stage("Migrating"), sigterm_as_ctrl_c():
        after = migrate(url, revision)
    if as_json:
        terminal.json({"before": before, "after": after})
    elif after == before:
        terminal.answer(f"The database is at {after or 'base'} already.")
    else:
        terminal.answer(f"The database went from {before or 'base'} to {after or 'base'}.")
    return 0
