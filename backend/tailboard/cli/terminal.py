"""What a command says and where: answers on standard output, everything else on standard error.

On a terminal the output is coloured and long work shows progress; anywhere else it is plain lines.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import click
import msgspec
from rich.console import Console
from rich.measure import Measurement
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from tailboard.errors import TailboardError

_WIDEST: Final = 10_000

Advance = Callable[[int, int], None]
"""Says how much of the work has been done so far, and of how much."""


class _Console(Console):
    """Leaves it to its caller what a reader that went away means; rich would end the process."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class Terminal:
    """The two consoles of one run of the command line."""

    def __init__(self) -> None:
        self.out = _Console(soft_wrap=True, highlight=False)
        self.err = Console(soft_wrap=True, highlight=False, stderr=True)
        self.debug = False

    def answer(self, line: str) -> None:
        """Print one plain line of output at once, also through a pipe."""
        print(line, flush=True)

    def json(self, value: object) -> None:
        """Print one JSON document on a line of its own."""
        self.answer(msgspec.json.encode(value).decode())

    def note(self, text: str) -> None:
        """Tell the user something that is not the answer."""
        self.err.print(text, markup=False)

    def table(self, table: Table) -> None:
        """Print a table as wide as it is, also where that is wider than the terminal: what is cut cannot be copied."""
        table.width = Measurement.get(self.out, self.out.options.update(max_width=_WIDEST), table).maximum
        self.out.print(table)

    def confirmed(self, question: str) -> bool:
        """Ask, on standard error; no where nobody is there to answer."""
        try:
            return click.confirm(question, err=True)
        except click.Abort as abort:
            if not isinstance(abort.__context__, EOFError):
                raise
            self.note("\nNobody answered; with --yes nobody is asked.")
            return False

    def fail(self, error: BaseException) -> None:
        """Print an error as one line; with --debug, say where it came from first."""
        if self.debug:
            self.err.print_exception()
        if isinstance(error, TailboardError):
            message = str(error)
        else:
            detail = " ".join(str(error).split()) or type(error).__name__
            message = f"{detail} (this was not expected; --debug shows where it happened)"
        self.err.print("error:", style="bold red", end=" ")
        self.err.print(" ".join(message.split()), markup=False)

    @contextmanager
    def stage(self, doing: str) -> Iterator[None]:
        """Show that something of unknown length is going on."""
        if self.err.is_terminal:
            with self.err.status(doing):
                yield
        else:
            self.note(f"{doing} …")
            yield

    @contextmanager
    def progress(self, doing: str) -> Iterator[Advance]:
        """Show how far something has come; quiet where standard error is no terminal."""
        if not self.err.is_terminal:
            yield lambda _done, _total: None
            return
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.err, transient=True) as bar:
            task = bar.add_task(doing, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
