"""Functions for workers."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.run_file("0003_workers.up.sql")


def downgrade() -> None:
    op.run_file("0003_workers.down.sql")
