"""The border at which psycopg's errors become Tailboard's."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors
from psycopg_pool import PoolTimeout

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
            f"Tailboard's schema is missing or not at this version: {first_line(error)} Run `tailboard migrate`."
        ) from error
    except (
        PoolTimeout,
        errors.AdminShutdown,
        errors.CrashShutdown,
        errors.CannotConnectNow,
        errors.TooManyConnections,
        errors.IdleInTransactionSessionTimeout,
        errors.ReadOnlySqlTransaction,  # the old primary, after a failover
    ) as error:
        raise DatabaseUnavailable(f"PostgreSQL is not available: {first_line(error)}") from error
    except errors.UntranslatableCharacter as error:
        raise NotEncodable(f"The database cannot hold this text: {first_line(error)}") from error
    except psycopg.OperationalError as error:
        # without an SQLSTATE the connection broke or was never made; with one the server answered
        if error.sqlstate is None or error.sqlstate.startswith(("08", "57P")):
            raise DatabaseUnavailable(f"PostgreSQL is not available: {first_line(error)}") from error
        raise DatabaseError(first_line(error)) from error
    except psycopg.Error as error:
        raise DatabaseError(first_line(error)) from error


def first_line(error: BaseException) -> str:
    """The first line of an error's message: psycopg adds context lines that help nobody who has not the statement."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
