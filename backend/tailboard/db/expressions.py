"""Expressions that the definition of a source brings, as a part of a query."""

from psycopg.sql import SQL


def parenthesized(text: str) -> SQL:
    """An expression between parentheses; on lines of its own, as it may end with a comment."""
    return SQL(f"(\n{text}\n)")  # judged by sqltext, and written by who may attach
