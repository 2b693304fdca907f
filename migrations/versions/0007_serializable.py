"""What PostgreSQL wants to have tried again is the worker's to try again."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.run_file("0007_serializable.up.sql")


def downgrade() -> None:
    op.run_file("0007_serializable.down.sql")
