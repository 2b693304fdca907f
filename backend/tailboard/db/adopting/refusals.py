"""What PostgreSQL says of an expression, turned into what its author should do."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors

from tailboard.errors import AttachRefused, InvalidSource
from tailboard.sources.source import Source


@contextmanager
def judged(source: Source, key: str) -> Iterator[None]:
    """Turn what PostgreSQL says about an expression into what its author should do."""
    where = f"[sources.{source.name}] {key}"
    try:
        yield
    except (errors.UndefinedTable, errors.UndefinedFunction, errors.UndefinedObject) as error:
        raise InvalidSource(
            f"{where}: {said(error)}. Outside of PostgreSQL's own catalog every name is written with its schema."
        ) from error
    except errors.InsufficientPrivilege as error:
        raise AttachRefused(
            f"{where}: {said(error)}. Grant it to the owner of the schema tailboard."
        ) from error
    except (errors.QueryCanceled, psycopg.OperationalError):
        raise
    except psycopg.Error as error:
        raise InvalidSource(f"{where}: {said(error)}.") from error


def said(error: psycopg.Error) -> str:
    """What PostgreSQL said, in one line."""
    return (error.diag.message_primary or str(error)).strip().rstrip(".")
