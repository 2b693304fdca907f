"""Alembic's environment: one connection given by the caller, one transaction a revision, the version table in
Tailboard's own schema. `tailboard.db.schema` is the caller.
"""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    version_table_schema="tailboard",
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
