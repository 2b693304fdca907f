"""The guides name only what there is: settings, commands, files, and places of one another."""

import re
from pathlib import Path
from typing import Final

import click
import pytest

from tailboard.cli import tailboard
from tailboard.settings import _FOREIGN, DECLARED

_ROOT: Final = Path(__file__).parents[1]
_GUIDES: Final = [
    *sorted(_ROOT.glob("*.md")),
    _ROOT / "tests/README.md",
    _ROOT / "tests/bench/rivals/README.md",
]
_BASES: Final = [_ROOT, _ROOT / "backend/tailboard", _ROOT / "frontend/src", _ROOT / "tests"]

guides = pytest.mark.parametrize("guide", _GUIDES, ids=lambda guide: str(guide.relative_to(_ROOT)))


@guides
def test_settings(guide: Path) -> None:
    named = set(re.findall(r"\bTAILBOARD_[A-Z_]+[A-Z]\b", guide.read_text()))
    known = {declared.variable for declared in DECLARED}
    assert sorted(name for name in named - known if not name.startswith(_FOREIGN)) == []


@guides
def test_commands(guide: Path) -> None:
    known = tailboard.list_commands(click.Context(tailboard))
    assert not set(
        re.findall(r"(?:^|bin/|`|\$\()tailboard ([a-z]+)", guide.read_text(), re.MULTILINE)
    ).difference(known)


@guides
def test_links(guide: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)|src=\"([^\"]+)\"", guide.read_text())
    assert [
        target for pair in targets for target in pair if target and not (guide.parent / target).exists()
    ] == []


def test_files_that_the_map_names() -> None:
    named = re.findall(r"`([a-z_]+/[\w/]+\.(?:py|sql|ts))`", (_ROOT / "ARCHITECTURE.md").read_text())
    assert len(named) > 40
    assert sorted({name for name in named if not any((base / name).exists() for base in _BASES)}) == []
