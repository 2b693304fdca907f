"""Flags that several commands share, made from the declarations in `tailboard.settings`."""

import functools
from collections.abc import Callable, Mapping
from typing import Concatenate, Final, ParamSpec

import click

from tailboard.cli.terminal import Terminal
from tailboard.settings import DECLARED, Declared, Settings

P = ParamSpec("P")

DATABASE: Final = ("database_url", "listen_url", "home")
"""Where a command finds the database."""

WORKERS_DATABASE: Final = ("database_url", "home")
"""Where a worker finds it, which may go through a pooler."""

SERVER: Final = tuple(declared.name for declared in DECLARED if declared.name != "url")
"""All that a serving process needs."""


def with_settings(
    *names: str, helps: Mapping[str, str] | None = None
) -> Callable[[Callable[Concatenate[Terminal, Settings, P], int]], Callable[P, int]]:
    """Give a command the flags of these settings, `--debug`, and call it with the terminal and the settings.

    The settings come from the environment as a whole, also where the command has no flag for one. `helps` are for
    settings that mean something else to it than to a server.
    """

    def decorate(function: Callable[Concatenate[Terminal, Settings, P], int]) -> Callable[P, int]:
        @functools.wraps(function)
        @click.pass_obj
        def command(terminal: Terminal, /, *args: P.args, **kwargs: P.kwargs) -> int:
            flags = {name: kwargs.pop(name) for name in names}
            terminal.debug = bool(kwargs.pop("debug"))
            settings = Settings.load({name: _text(value) for name, value in flags.items()})
            return function(terminal, settings, *args, **kwargs)

        decorated: Callable[P, int] = click.option(
            "--debug", is_flag=True, help="Show where an error came from."
        )(command)
        for declared in reversed(DECLARED):
            if declared.name in names:
                decorated = _option(declared, (helps or {}).get(declared.name, declared.help))(decorated)
        return decorated

    return decorate


def _option(declared: Declared, says: str) -> Callable[[Callable[P, int]], Callable[P, int]]:
    if declared.is_switch:
        flags = f"{declared.flag}/{declared.flag.replace('--', '--no-', 1)}"
        return click.option(flags, declared.name, default=None, help=f"{says} [{declared.variable}]")
    return click.option(
        declared.flag, declared.name, metavar=declared.metavar, help=f"{says} [{declared.variable}]"
    )


def _text(value: object) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return "on" if value else "off"
        case _:
            return str(value)


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
"""The flag of every command that reports something."""
