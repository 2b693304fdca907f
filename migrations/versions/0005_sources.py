"""Adopted sources: what their captures have in common."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.run_file("0005_sources.up.sql")


def downgrade() -> None:
    op.run_file("0005_sources.down.sql")
