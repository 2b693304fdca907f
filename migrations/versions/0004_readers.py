"""Classified, resumable reading in SQL."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.run_file("0004_readers.up.sql")


def downgrade() -> None:
    op.run_file("0004_readers.down.sql")
