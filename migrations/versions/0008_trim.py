"""A small board forgets what is old, too."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.run_file("0008_trim.up.sql")


def downgrade() -> None:
    op.run_file("0008_trim.down.sql")
