"""The command line: one small module per command, loaded only when its command is called.

Exit codes: 0 done, 1 failed or found something, 2 called wrongly. An error is one line that says what to
do; `--debug` shows where it came from.
"""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

import click

from tailboard import __version__
from tailboard.cli.terminal import Terminal
from tailboard.errors import InvalidSetting, TailboardError

_COMMANDS: Final = (
    "up",
    "serve",
    "migrate",
    "dsn",
    "tail",
    "doctor",
    "verify",
    "attach",
    "detach",
    "sources",
    "demo",
)


class _Commands(click.Group):
    """Loads `tailboard.cli.<name>` when it is asked for, so that `dsn` does not wait for a web framework."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's shape
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's shape
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"tailboard.cli.{cmd_name}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # The reader of our output went away, as `head` does: no failure, as click would have it. Python would
            # complain again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="tailboard %(version)s")
@click.pass_context
def tailboard(ctx: click.Context) -> None:
    """Put any PostgreSQL job table on a live board.

    Settings are TAILBOARD_* variables or flags; a flag wins. Start with `tailboard up --demo`.
    """
    ctx.ensure_object(Terminal)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code."""
    terminal = Terminal()
    sys.exit(_run(terminal, arguments))


def _run(terminal: Terminal, arguments: Sequence[str] | None) -> int:
    try:
        code = tailboard.main(arguments, prog_name="tailboard", obj=terminal, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    except TailboardError as error:
        terminal.fail(error)
        return 2 if isinstance(error, InvalidSetting) else 1
    except Exception as error:  # noqa: BLE001  # the last resort: still one line, unless --debug
        terminal.fail(error)
        return 1
    return code if isinstance(code, int) else 0
