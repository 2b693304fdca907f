"""`tailboard tail`: the events of a running server, as they happen."""

import asyncio
from contextlib import aclosing
from typing import Final, assert_never

import click
from rich.text import Text

from tailboard.cli.interrupts import until_ctrl_c
from tailboard.cli.options import as_json, with_settings
from tailboard.cli.terminal import Terminal
from tailboard.client import (
    CaughtUp,
    Disconnected,
    Feed,
    Heartbeat,
    JobEvent,
    Left,
    Message,
    Reset,
    Stats,
    Subscribed,
    Welcome,
    any_of,
)
from tailboard.core.cursor import Cursor
from tailboard.core.job import STATUSES
from tailboard.errors import InvalidCursor
from tailboard.settings import Settings

_COLOURS: Final = {
    "job_created": "cyan",
    "job_started": "blue",
    "job_completed": "green",
    "job_failed": "bold red",
    "job_updated": "default",
    "job_deleted": "dim",
}


@click.command(short_help="Print events as they happen.")
@with_settings(
    "url",
    "host",
    "port",
    "token",
    helps={
        "host": "The address at which the server listens. Default 127.0.0.1.",
        "port": "The port at which it listens. Default 8000.",
        "token": "The token that the server wants. A flag is seen in the process list; prefer the variable.",
    },
)
@as_json
@click.option("--cursor", help="Go on after this place instead of from now, for example 3.104522.")
@click.option("--queue", multiple=True, metavar="X", help="Only this queue; repeat for any of several.")
@click.option("--kind", multiple=True, metavar="X", help="Only this kind; `mail.*` is all that begin so.")
@click.option(
    "--status",
    multiple=True,
    type=click.Choice([status.value for status in STATUSES]),
    help="Only jobs in this status.",
)
@click.option("--source", multiple=True, metavar="X", help="Only this source.")
@click.option("--worker", multiple=True, metavar="X", help="Only this worker's jobs.")
@click.option("--job", multiple=True, metavar="SOURCE/ID", help="Only this job.")
@click.option("--tag", "tags", multiple=True, metavar="X", help="Only jobs with this tag.")
@click.option("--limit", type=click.IntRange(min=1), help="Stop after this many events.")
@click.option("--follow/--no-follow", default=True, help="Stay for what comes, or stop once caught up.")
def command(
    terminal: Terminal,
    settings: Settings,
    /,
    *,
    as_json: bool,
    cursor: str | None,
    limit: int | None,
    follow: bool,
    **wanted: tuple[str, ...],
) -> int:
    """Print events as they happen; a lost connection is taken up again where it broke.

    With --json each event is one line, exactly as the server sent it; each carries the cursor after it.
    """
    if cursor is not None:
        try:
            Cursor.parse(cursor)
        except InvalidCursor as error:
            raise click.UsageError(str(error)) from error
    feed = Feed(settings.server_url, token=settings.token, filter=any_of(**wanted), cursor=cursor)
    tail = _Tail(terminal, as_json=as_json, limit=limit, follow=follow)
    interrupted = asyncio.run(until_ctrl_c(tail.run(feed)))
    if interrupted and feed.cursor is not None and not as_json:
        terminal.note(f"Go on from here with --cursor {feed.cursor}")
    return 0


class _Tail:
    def __init__(self, terminal: Terminal, *, as_json: bool, limit: int | None, follow: bool) -> None:
        self._terminal = terminal
        self._as_json = as_json
        self._left = limit
        self._follow = follow

    async def run(self, feed: Feed) -> None:
        async with aclosing(feed.messages()) as messages:
            async for message in messages:
                self._show(message)
                if self._is_done(message):
                    return

    def _is_done(self, message: Message) -> bool:
        if isinstance(message, CaughtUp):
            return not self._follow
        if self._left is not None and isinstance(message, JobEvent):
            self._left -= 1
            return self._left == 0
        return False

    def _show(self, message: Message) -> None:
        match message:
            case JobEvent() | Left() | Reset():
                if self._as_json:
                    self._terminal.answer(message.line.decode())
                else:
                    self._terminal.out.print(described(message))
            case Disconnected():
                again = f"trying again in {message.retry_s:.1f} s"
                self._terminal.note(f"{plain(message.reason)}; {again}")
            case Subscribed():
                if not self._as_json:
                    self._terminal.note(f"Following from {message.cursor}")
            case Welcome() | CaughtUp() | Heartbeat() | Stats():
                pass
            case _:
                assert_never(message)


def described(message: JobEvent | Left | Reset) -> Text:
    """One coloured line for a person."""
    match message:
        case JobEvent():
            return _event(message)
        case Left():
            what = f"left  {plain(message.source)}/{plain(str(message.id))}"
            return Text(f"{'':12}  {what}", style="dim")
        case Reset():
            why = "events are missing here"
            if message.source is not None:
                why = f"all of {plain(message.source)} was counted afresh"
            what = f"reset  {message.reason}: {why}; on from {message.cursor}"
            return Text(f"{'':12}  {what}", style="bold yellow")
        case _:
            assert_never(message)


def _event(event: JobEvent) -> Text:
    job, change = event.job, event.change
    text = Text()
    text.append(event.at.astimezone().strftime("%H:%M:%S.%f")[:-3], style="dim")
    text.append(f"  {event.type:<13}", style=_COLOURS.get(event.type, "default"))
    text.append(f"  {plain(event.source)}/{plain(str(job.id))}", style="bold")
    text.append(f"  {plain(job.queue or '-')}", style="magenta")
    text.append(f"  {plain(job.kind or '-')}")
    if change.old != change.new:
        text.append(f"  {change.old or '-'} → {change.new or '-'}", style=_COLOURS.get(event.type, "default"))
    if job.progress is not None and job.status == "in_progress":
        text.append(f"  {job.progress:4.0%}", style="blue")
        if job.phase:
            text.append(f" {plain(job.phase)}", style="dim")
    if job.worker and job.status == "in_progress":
        text.append(f"  {plain(job.worker)}", style="dim")
    if job.error and job.status != "completed":
        text.append(f"  {plain(job.error)[:120]}", style="red")
    return text


def plain(text: str) -> str:
    """The text without characters that would move the cursor or recolour the reader's terminal."""
    return "".join(char if char.isprintable() else " " for char in text)
