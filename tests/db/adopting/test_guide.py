"""The example of SOURCES.md works as it is printed."""

import re
from pathlib import Path
from typing import Final

from fixtures.database import Connect
from tailboard.db import session
from tailboard.db.adopting.attaching import attach
from tailboard.db.adopting.preview import Found, preview
from tailboard.sources.parsing import parse

_GUIDE: Final = (Path(__file__).parents[3] / "SOURCES.md").read_text()


_BLOCKS: Final = re.findall(r"^```(\w*)\n(.*?)^```$", _GUIDE, re.MULTILINE | re.DOTALL)


def _blocks(language: str) -> list[str]:
    return [text for named, text in _BLOCKS if named == language]


def test_the_table_of_the_guide_is_attached_as_the_guide_shows(database_url: str, connect: Connect) -> None:
    connect().execute(_blocks("sql")[0].encode())
    (orders,) = parse("".join(_blocks("toml")))
    shown = re.findall(r"^  (\w+) +(\w+) +([\d,]+)$", _blocks("")[0], re.MULTILINE)
    with session.connect(database_url, "attach") as connection:
        seen = preview(connection, orders)
        assert [
            Found(word, status, int(rows.replace(",", ""))) for word, status, rows in shown
        ] == seen.statuses
        attach(connection, orders)
