"""Every runtime query is a file in this folder, `NAME.sql`, that begins with a comment saying what it is for."""

from functools import cache
from importlib.resources import files

from psycopg.sql import SQL


@cache
def query(name: str) -> SQL:
    """The text of `NAME.sql`. A percent sign starts a placeholder, as everywhere in psycopg."""
    text = files(__name__).joinpath(f"{name}.sql").read_text(encoding="utf-8")
    return SQL(text)  # it ships with the package, so it is as literal as this line
