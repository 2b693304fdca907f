"""`tailboard doctor`: what is wrong with the database, and what to do about it."""

from typing import Final

import click
from rich.text import Text

from tailboard.cli.options import DATABASE, as_json, with_settings
from tailboard.cli.target import database_url
from tailboard.cli.terminal import Terminal
from tailboard.db.doctor.examining import examine
from tailboard.db.doctor.findings import Finding, Verdict
from tailboard.settings import Settings

_LOOKS: Final = {
    Verdict.OK: ("ok  ", "green"),
    Verdict.WARN: ("warn", "yellow"),
    Verdict.FAIL: ("fail", "bold red"),
}


@click.command()
@with_settings(*DATABASE)
@as_json
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings too.")
def command(terminal: Terminal, settings: Settings, /, *, as_json: bool, strict: bool) -> int:
    """Check the server, the schema, the capture and the connections. Exit with 1 if something fails."""
    url = database_url(settings)
    findings = []
    for finding in examine(url, settings.listen_url):
        findings.append(finding)
        if not as_json:
            terminal.out.print(_described(finding))
    if as_json:
        terminal.json({"findings": findings})
    bad = {Verdict.FAIL, Verdict.WARN} if strict else {Verdict.FAIL}
    return 1 if any(finding.verdict in bad for finding in findings) else 0


def _described(finding: Finding) -> Text:
    word, style = _LOOKS[finding.verdict]
    text = Text(f"{word}  ", style=style)
    text.append(f"{finding.check:<18} ", style="bold")
    text.append(finding.found, style="default")
    if finding.advice:
        text.append(f"\n      {finding.advice}", style="default")
    return text
