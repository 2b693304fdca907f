"""Claiming from some queues, however much waits in the others."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.run_file("0006_claim.up.sql")


def downgrade() -> None:
    op.run_file("0006_claim.down.sql")
