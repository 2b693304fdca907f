"""Runs a file of plain SQL, statement by statement as psql would, where there is no psql.

The database URL comes as the first line of standard input, the file's path as the only argument.
"""

import sys
from pathlib import Path

import psycopg
from psycopg.sql import SQL


def statements(script: str) -> list[str]:
    """The statements of a script that ends each with a semicolon at the end of a line."""
    lines = [line for line in script.splitlines() if not line.startswith("--")]
    return [part.strip() for part in ("\n".join(lines) + "\n").split(";\n") if part.strip()]


def main() -> None:
    url = sys.stdin.readline().strip()
    script = Path(sys.argv[1]).read_text(encoding="utf-8")
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements(script):
            # a file that ships with the package, run as it is: without parameters a percent sign is one
            connection.execute(SQL(statement))


if __name__ == "__main__":
    main()
