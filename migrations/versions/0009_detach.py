"""Detaching takes triggers along that their table's owner has renamed."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.run_file("0009_detach.up.sql")


def downgrade() -> None:
    op.run_file("0009_detach.down.sql")
