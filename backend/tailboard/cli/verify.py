"""`tailboard verify`: prove that the log, the table and the stats agree."""

import click

from tailboard.cli.options import DATABASE, as_json, with_settings
from tailboard.cli.target import direct_url
from tailboard.cli.terminal import Terminal
from tailboard.db.schema import require_newest
from tailboard.db.verify.proof import verify
from tailboard.db.verify.report import Report
from tailboard.settings import Settings


@click.command()
@with_settings(*DATABASE)
@as_json
def command(terminal: Terminal, settings: Settings, /, *, as_json: bool) -> int:
    """Fold the log and compare it with the tables and the stats. Exit with 1 if they differ.

    Reads one snapshot, so it is exact also while workers write. It writes nothing.
    """
    url = direct_url(settings)
    require_newest(url)
    with terminal.progress("Comparing jobs with their changes") as advance:
        report = verify(url, advance)
    if as_json:
        terminal.json({"clean": report.is_clean, "report": report})
    else:
        _print(terminal, report)
    return 0 if report.is_clean else 1


def _print(terminal: Terminal, report: Report) -> None:
    for difference in report.differences:
        terminal.out.print(f"{difference.check}: {difference.subject}: {difference.detail}", markup=False)
    if report.found > len(report.differences):
        terminal.out.print(f"… and {report.found - len(report.differences)} more")
    looked_at = f"{report.jobs} jobs and {report.changes} changes at {report.cursor}"
    if report.unsealed:
        looked_at += f", {report.unsealed} of them not sealed yet"
    if report.unknown:
        looked_at += f"; {report.unknown} jobs are older than the log"
    if report.adopted or report.only_counted:
        looked_at += f"; of adopted sources {report.adopted} jobs"
    if report.only_counted:
        looked_at += f", and {report.only_counted} that have not changed since they were counted"
    if report.is_clean:
        terminal.out.print(f"The log, the table and the stats agree: {looked_at}.", style="green")
    else:
        found = "1 difference" if report.found == 1 else f"{report.found} differences"
        terminal.out.print(f"{found}: {looked_at}.", style="bold red")
