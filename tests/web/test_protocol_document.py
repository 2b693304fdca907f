"""PROTOCOL.md names all that clients meet: codes, reasons of a reset, fields of filters, routes."""

import re
from pathlib import Path
from typing import Final

from tailboard import errors
from tailboard.app import Node
from tailboard.core.predicate import FIELDS
from tailboard.errors import TailboardError
from tailboard.live import subscription
from tailboard.live.subscription import Ending
from tailboard.settings import Settings
from tailboard.web import websocket

_ROOT: Final = Path(__file__).parents[2]
_PROTOCOL: Final = (_ROOT / "PROTOCOL.md").read_text()

_NEVER_OVER_HTTP: Final = {
    "address_in_use",
    "attach_refused",
    "embedded_server_error",
    "invalid_setting",
    "invalid_source",
    "leadership_lost",
    "server_refused",
    "server_unreachable",
    "source_moved",
}


def _undocumented(words: set[str]) -> list[str]:
    return sorted(word for word in words if f"`{word}`" not in _PROTOCOL)


def _found(pattern: str, *folders: str) -> set[str]:
    """What the pattern's group matches in the code of some packages."""
    package = _ROOT / "backend" / "tailboard"
    files = [file.read_text() for folder in folders for file in (package / folder).rglob("*.py")]
    return {word for text in files for word in re.findall(pattern, text)}


def test_codes_of_errors() -> None:
    tree = {
        error.code
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, TailboardError)
    }
    assert tree >= _NEVER_OVER_HTTP
    written = _found(r'(?:RequestRefused\([^"]*|_error\(|_end\(\w+, )"(\w+)"', "web")
    of_sources = _found(r'"(source_(?:broken|slow|locked|denied))"', "db", "web")
    assert "rate_limited" in written
    assert _undocumented((tree - _NEVER_OVER_HTTP) | written | of_sources) == []


def test_close_codes() -> None:
    endings = {
        ending.code
        for module in (websocket, subscription)
        for ending in vars(module).values()
        if isinstance(ending, Ending)
    }
    of_the_wire = set(map(int, _found(r"_refuse_message\((\d+)", "web")))
    rows = _PROTOCOL.partition("| close code |")[2].partition("\n\n")[0].splitlines()
    documented = {int(code) for row in rows for code in re.findall(r"\d{4}", row.split("|")[1])}
    assert documented == endings | of_the_wire


def test_reasons_of_a_reset_and_fields_of_filters() -> None:
    reasons = _found(r'"(cursor_expired|epoch_changed|lagged|source_reset)"', "core", "live", "db")
    assert _undocumented({*reasons, *FIELDS}) == []


def test_routes(tmp_path: Path) -> None:
    node = Node(Settings(home=tmp_path), "postgresql://nobody@localhost/nowhere")
    paths = {
        route.path.replace("{source:str}/{job_id:str}", "{source}/{id}")
        for route in node.litestar.routes
        if not route.path.startswith("/schema/")
    }
    # What can be done to a job is one row of the table: retry by its whole path, the others by their last word.
    acts = {path for path in paths if path.rpartition("/")[2] in {"cancel", "pause", "resume"}}
    assert sorted(path for path in paths - acts if path not in _PROTOCOL) == []
    assert _undocumented({path.rpartition("/")[2] for path in acts}) == []
