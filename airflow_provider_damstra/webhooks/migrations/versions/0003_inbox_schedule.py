"""Add the lesson schedule of inbox events, by which duplicates are found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLE = "damstra_webhook_inbox"
COLUMN = "lesson_schedule_id"
INDEX = "damstra_webhook_inbox_schedule_idx"
NAMES = (
    "lesson.schedule.completed",
    "lesson.schedule.created",
    "lesson.schedule.cancelled",
    "lesson.schedule.changed",
)
"""Events whose payload has a valid id; the sender of others chooses the type of their fields."""


def upgrade() -> None:
    """Add the column, fill it from the payload, and create its index."""
    op.add_column(TABLE, sa.Column(COLUMN, sa.BigInteger, nullable=True))
    inbox = sa.table(
        TABLE, sa.column("name", sa.String), sa.column("payload", sa.JSON), sa.column(COLUMN, sa.BigInteger)
    )
    lesson_schedule_id = sa.cast(inbox.c.payload[COLUMN].as_string(), sa.BigInteger)
    op.execute(inbox.update().where(inbox.c.name.in_(NAMES)).values({COLUMN: lesson_schedule_id}))
    op.create_index(INDEX, TABLE, ["conn_id", COLUMN])


def downgrade() -> None:
    """Drop the column with its index."""
    op.drop_index(INDEX, TABLE)
    op.drop_column(TABLE, COLUMN)
