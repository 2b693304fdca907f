"""A long phase, or very many tags, cost neither the log nor its readers."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.run_file("0010_long_values.up.sql")


def downgrade() -> None:
    op.run_file("0010_long_values.down.sql")
