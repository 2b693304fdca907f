"""The queues that Tailboard knows: one TOML file each in `presets/`, a source and what it was written for."""

from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from tailboard.errors import InvalidSource
from tailboard.sources import parsing
from tailboard.sources.source import Source

_FOLDER: Final = files(__package__).joinpath("presets")


@dataclass(frozen=True, slots=True)
class Preset:
    """`title` and `versions` say what it was verified with; `schema` is where the queue's tables are by default."""

    name: str
    title: str
    versions: str
    schema: str


def names() -> tuple[str, ...]:
    """Every preset's name, in order."""
    return tuple(
        sorted(
            entry.name.removesuffix(".toml") for entry in _FOLDER.iterdir() if entry.name.endswith(".toml")
        )
    )


def describe(name: str) -> Preset:
    """What a preset says about itself."""
    about = _document(name).get("preset")
    if not isinstance(about, dict) or set(about) != {"title", "versions", "schema"}:
        raise InvalidSource(f"The preset {name} must have a [preset] with title, versions and schema.")
    return Preset(name, **about)


def load(name: str, schema: str | None = None) -> Source:
    """A preset's source, for tables in `schema` or where the queue puts them by default."""
    sources = parsing.read(
        _document(name), schema=schema or describe(name).schema, origin=f"The preset {name}"
    )
    if len(sources) != 1:
        raise InvalidSource(f"The preset {name} must define one source.")
    return sources[0]


def _document(name: str) -> dict[str, Any]:
    if name not in names():
        raise InvalidSource(f"There is no preset {name!r}; there are {', '.join(names())}.")
    return parsing.document(
        _FOLDER.joinpath(f"{name}.toml").read_text(encoding="utf-8"), f"The preset {name}"
    )
