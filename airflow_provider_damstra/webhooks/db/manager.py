"""The provider's own table in Airflow's metadata database, under a database manager of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow import settings
from airflow.utils.db_manager import BaseDBManager
from airflow.utils.sqlalchemy import UtcDateTime
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy.engine import Engine

LONGEST_CONN_ID = 250
LONGEST_NAME = 200
MIGRATE = "airflow db migrate"
"""What makes the table, and brings it up to date."""

metadata = MetaData()

inbox = Table(
    "damstra_webhook_inbox",
    metadata,
    # SQLite counts up only in a column of exactly this type.
    Column("id", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    Column("conn_id", String(LONGEST_CONN_ID), nullable=False),
    Column("name", String(LONGEST_NAME), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("payload", JSON, nullable=False),
    Column("source", String(50), nullable=False),
    Column("state", String(20), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("redeliveries", Integer, nullable=False),
    Column("answers", Integer, nullable=False, server_default="0"),
    Column("waiting_since", UtcDateTime, nullable=False),
    Column("next_attempt_at", UtcDateTime, nullable=False),
    Column("reason", Text, nullable=True),
    Column("happened_at", UtcDateTime, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("decided_at", UtcDateTime, nullable=True),
    UniqueConstraint("conn_id", "digest", name="damstra_webhook_inbox_event_uq"),
    Index("damstra_webhook_inbox_next_idx", "state", "next_attempt_at"),
    Index("damstra_webhook_inbox_received_idx", "received_at"),
)


def engine() -> Engine:
    """Return Airflow's engine for its metadata database.

    :raises RuntimeError: in a process that has none, such as a task's.
    """
    if settings.engine is None:
        raise RuntimeError("This process has no access to Airflow's metadata database.")
    return settings.engine


_MIGRATIONS = Path(__file__).parent / "migrations"


class DamstraDBManager(BaseDBManager):
    """Makes and migrates the inbox of webhook events with ``airflow db migrate``.

    Airflow finds it through the provider's metadata. Where it does not (before 3.2), name this class in
    ``[database] external_db_managers``.
    """

    metadata = metadata
    version_table_name = "damstra_alembic_version"
    migration_dir = str(_MIGRATIONS)
    alembic_file = str(_MIGRATIONS / "alembic.ini")
    supports_table_dropping = True
    revision_heads_map = {"0.1.0": "0002"}  # noqa: RUF012 (as its base class has it)

    def downgrade(
        self, to_revision: str, from_revision: str | None = None, show_sql_only: bool = False, **_: Any
    ) -> None:
        """Take the table back to an earlier revision, or away (``base``)."""
        from alembic import command

        config: Config = self.get_alembic_config()  # type: ignore[no-untyped-call]
        revision = f"{from_revision}:{to_revision}" if show_sql_only and from_revision else to_revision
        command.downgrade(config, revision, sql=show_sql_only)
