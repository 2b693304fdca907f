"""The built-in job table, its capture, and the leaves of the log."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    for part in ("jobs", "leaves", "overtakings", "capture"):
        op.run_file(f"0002_{part}.up.sql")


def downgrade() -> None:
    op.run_file("0002_jobs.down.sql")
