"""Create the inbox of webhook events."""

from __future__ import annotations

import sqlalchemy as sa
from airflow.utils.sqlalchemy import UtcDateTime
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLE = "damstra_webhook_inbox"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        TABLE,
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True),
        sa.Column("conn_id", sa.String(250), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("dedup_key", sa.String(64), nullable=False),
        sa.Column("payload", sa.JSON, nullable=False),
        sa.Column("source", sa.String(50), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("redeliveries", sa.Integer, nullable=False),
        sa.Column("mismatches", sa.Integer, nullable=False),
        sa.Column("waiting_since", UtcDateTime, nullable=False),
        sa.Column("next_attempt_at", UtcDateTime, nullable=False),
        sa.Column("reason", sa.Text, nullable=True),
        sa.Column("occurred_at", UtcDateTime, nullable=False),
        sa.Column("received_at", UtcDateTime, nullable=False),
        sa.Column("processed_at", UtcDateTime, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("conn_id", "dedup_key", name="damstra_webhook_inbox_event_uq"),
    )
    op.create_index("damstra_webhook_inbox_due_idx", TABLE, ["state", "next_attempt_at"])
    op.create_index("damstra_webhook_inbox_received_idx", TABLE, ["received_at"])


def downgrade() -> None:
    """Drop the table, with all events in it."""
    op.drop_table(TABLE)
