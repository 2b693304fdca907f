"""How values are written as text, where that is a setting of each session: what a capture has to set for itself.

Every setting of a function costs each call some 4,000 instructions, so only what may matter is set.
"""

import re
from typing import Final

from psycopg.sql import SQL, Composable, Composed

from tailboard.db.adopting.described import Described

ALWAYS: Final = SQL("SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'")
"""Of every function that evaluates expressions for the log: whoever calls, they find and read the same."""

_WRITTEN: Final = (
    "id", "queue", "kind", "phase", "phases", "worker", "error", "tags", "payload", "result",
)  # fmt: skip
"""What is told as text or JSON. Of the others a session only decides how they would look."""
_STYLES: Final = (
    (r"date|time|interval|\bage\(", SQL("SET datestyle = 'ISO' SET intervalstyle = 'postgres'")),
    (r"bytea|\bdecode\(", SQL("SET bytea_output = 'hex'")),
    (r"\breal\b|double precision", SQL("SET extra_float_digits = 1")),
)
"""The settings of `db/session.py`, with which tables are read, and what in an expression calls for them."""
_PLAIN: Final = re.compile(r'job\.(\w+|"[^"]+")')


def settings(described: Described, body: str) -> Composed:
    """The SET clauses of a function with that body."""
    said = "\n".join(_said(described, key) for key in _WRITTEN if key in described.types)
    needed: list[Composable] = [ALWAYS, *(setting for words, setting in _STYLES if re.search(words, said))]
    if "\\" in body:
        needed.append(SQL("SET standard_conforming_strings = on"))
    return SQL(" ").join(needed)


def _said(described: Described, key: str) -> str:
    """The types that an expression reads and gives, and what it does with them."""
    text = described.qualified[key]
    done = "" if _PLAIN.fullmatch(text) else text
    return "\n".join([*described.reads[key], described.types[key].base, done])
