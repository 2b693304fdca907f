"""The border at which psycopg's errors become Tailboard's."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors
from psycopg_pool import PoolTimeout, TooManyRequests

from tailboard.errors import DatabaseError, DatabaseUnavailable, NotEncodable, SchemaMissing


@contextmanager
def translated() -> Iterator[None]:
    """Turn what psycopg raises into DatabaseUnavailable (try again), SchemaMissing, NotEncodable or DatabaseError."""
    try:
        yield
    except (errors.UndefinedTable, errors.UndefinedFunction, errors.InvalidSchemaName) as error:
        if "tailboard" not in first_line(error):  # what an expression of a source names is its owner's
            raise DatabaseError(first_line(error)) from error
        raise SchemaMissing(
            f"Tailboard's schema is missing or not at this version: {first_line(error)}. Run `tailboard migrate`."
        ) from error
    except (
        errors.IdleInTransactionSessionTimeout,
        errors.ReadOnlySqlTransaction,  # the old primary, after a failover
    ) as error:
        raise DatabaseUnavailable(f"PostgreSQL is not available: {first_line(error)}") from error
    except PoolTimeout as error:
        raise DatabaseUnavailable(
            "PostgreSQL is not available: no connection to it could be had in time"
        ) from error
    except TooManyRequests as error:
        raise DatabaseUnavailable(
            "PostgreSQL is not available: too many requests wait for a connection to it"
        ) from error
    except errors.UntranslatableCharacter as error:
        raise NotEncodable(f"The database cannot hold this text: {first_line(error)}") from error
    except psycopg.OperationalError as error:
        if ends_session(error):
            raise DatabaseUnavailable(f"PostgreSQL is not available: {first_line(error)}") from error
        raise DatabaseError(first_line(error)) from error
    except psycopg.Error as error:
        raise DatabaseError(first_line(error)) from error


def ends_session(error: psycopg.Error) -> bool:
    """Whether it is about the connection, and not about what was asked: an owner's expressions may look at other
    servers, which are away under the same codes.
    """
    # without an SQLSTATE the connection broke or was never made; with one the server answered
    return error.sqlstate is None or error.diag.severity_nonlocalized != "ERROR"


def first_line(error: BaseException) -> str:
    """The first line of an error's message: psycopg adds context lines that help nobody who has not the statement."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
