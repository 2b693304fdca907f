"""Every runtime query is a file of its own that begins with a comment saying what it is for.

The first word of its name is its folder: `query("log_seal")` is `log/seal.sql`.
"""

from functools import cache
from importlib.resources import files

from psycopg.sql import SQL


@cache
def query(name: str) -> SQL:
    """The text of the query `FOLDER_NAME`. A percent sign starts a placeholder, as everywhere in psycopg."""
    folder, _, rest = name.partition("_")
    text = files(__name__).joinpath(folder, f"{rest}.sql").read_text(encoding="utf-8")
    return SQL(text)  # it ships with the package, so it is as literal as this line
