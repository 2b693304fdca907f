"""A schema as text, from the catalogs: the same on every version of PostgreSQL, so that it can be compared.

pg_dump would not do: what it writes differs from version to version, and so does the text of a view.

    python tests/migrations/schema.py

writes `schema.snapshot`, which the tests compare with, from a database that it migrates on a server of its own.
"""

import tempfile
from pathlib import Path
from typing import Any, Final

import psycopg

from tailboard.db.embedded.server import EmbeddedServer
from tailboard.db.schema import migrate

SNAPSHOT: Final = Path(__file__).with_name("schema.snapshot")

_QUERIES = {
    "tables": """
        SELECT c.relname,
               CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'S' THEN 'sequence'
                              WHEN 'p' THEN 'partitioned by ' || pg_get_partkeydef(c.oid) END
               || CASE WHEN c.relispartition THEN ' partition ' || pg_get_expr(c.relpartbound, c.oid) ELSE '' END,
               array_to_string(c.reloptions, ' '), obj_description(c.oid, 'pg_class')
          FROM pg_class c WHERE c.relnamespace = 'tailboard'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S')
    """,
    "columns": """
        SELECT c.relname, lpad((row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum))::text, 2),
               a.attname, format_type(a.atttypid, a.atttypmod),
               CASE WHEN a.attnotnull THEN 'not null' END,
               CASE WHEN a.attidentity <> '' THEN 'identity ' || a.attidentity::text
                    ELSE pg_get_expr(d.adbin, d.adrelid) END,
               CASE WHEN a.attcollation NOT IN (0, 100) THEN a.attcollation::regcollation::text END,
               CASE WHEN a.attstorage <> t.typstorage THEN 'storage ' || a.attstorage::text END,
               col_description(c.oid, a.attnum)
          FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
          LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
         WHERE c.relnamespace = 'tailboard'::regnamespace AND c.relkind IN ('r', 'p', 'v')
           AND a.attnum > 0 AND NOT a.attisdropped
    """,
    # NOT NULL is a constraint of its own from PostgreSQL 18 on; columns tell it everywhere
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
          FROM pg_constraint WHERE connamespace = 'tailboard'::regnamespace AND contype <> 'n'
    """,
    "indexes": """
        SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid)
          FROM pg_index WHERE indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'tailboard'::regnamespace)
    """,
    "triggers": """
        SELECT tgrelid::regclass::text, tgname, tgenabled::text, pg_get_triggerdef(oid)
          FROM pg_trigger WHERE NOT tgisinternal
           AND tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'tailboard'::regnamespace)
    """,
    "functions": """
        SELECT p.oid::regprocedure::text, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), l.lanname,
               p.provolatile::text || p.proparallel::text || CASE WHEN p.prosecdef THEN ' security definer' ELSE '' END,
               array_to_string(p.proconfig, ' '), obj_description(p.oid, 'pg_proc'), 'md5 ' || md5(p.prosrc)
          FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE p.pronamespace = 'tailboard'::regnamespace
    """,
    "settings": "SELECT key, value::text FROM tailboard.settings",
    "sources": "SELECT name, table_name, builtin::text, version::text FROM tailboard.sources",
    "sequences": """
        SELECT sequencename, data_type::text, start_value::text, min_value::text, max_value::text, cache_size::text
          FROM pg_sequences WHERE schemaname = 'tailboard'
    """,
}


def describe(connection: psycopg.Connection[Any]) -> str:
    """Everything in the schema `tailboard`, a line an object, sorted."""
    connection.execute("SET search_path = pg_catalog")
    parts = []
    for title, statement in _QUERIES.items():
        rows = connection.execute(statement.encode()).fetchall()
        lines = sorted(" | ".join(" ".join(str(each).split()) for each in row if each) for row in rows)
        parts.append("\n".join([f"-- {title}", *lines]))
    return "\n\n".join(parts) + "\n"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="tailboard-schema-") as home:
        Path(home).chmod(0o755)  # where root starts it, the server runs as another account
        with EmbeddedServer(Path(home)) as server:
            migrate(server.url)
            with psycopg.connect(server.url) as connection:
                SNAPSHOT.write_text(describe(connection), encoding="utf-8")


if __name__ == "__main__":
    main()
