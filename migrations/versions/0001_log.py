"""The log: changes, ticks, epochs, checkpoints."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.run_file("0001_log.up.sql")


def downgrade() -> None:
    op.run_file("0001_log.down.sql")
