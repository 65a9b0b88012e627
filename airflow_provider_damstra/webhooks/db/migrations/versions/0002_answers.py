"""Count the looks that Damstra answered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLE = "damstra_webhook_inbox"


def upgrade() -> None:
    """Add the column; events that wait begin anew."""
    op.add_column(TABLE, sa.Column("answers", sa.Integer, nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column(TABLE, "answers")
