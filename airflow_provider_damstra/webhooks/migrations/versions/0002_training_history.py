"""Create the history of people's trainings, from which their events follow."""

from __future__ import annotations

import sqlalchemy as sa
from airflow.utils.sqlalchemy import UtcDateTime
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLE = "damstra_training_history"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        TABLE,
        sa.Column("conn_id", sa.String(250), nullable=False),
        sa.Column("lesson_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("user_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("changed_at", UtcDateTime, nullable=False),
        sa.Column("periods", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("conn_id", "lesson_id", "user_id"),
    )


def downgrade() -> None:
    """Drop the table: later evaluations cannot tell which events have occurred."""
    op.drop_table(TABLE)
