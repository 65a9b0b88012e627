"""The inbox table in Airflow's metadata database, and the database manager that creates and migrates it."""

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

from airflow_provider_damstra.webhooks.events import MAX_NAME_LENGTH

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy.engine import Engine

MIGRATE_COMMAND = "airflow db migrate"

metadata = MetaData()

inbox_table = Table(
    "damstra_webhook_inbox",
    metadata,
    # SQLite increments only a column of exactly this type.
    Column("id", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    Column("conn_id", String(250), nullable=False),
    Column("name", String(MAX_NAME_LENGTH), nullable=False),
    Column("dedup_key", String(64), nullable=False),
    Column("payload", JSON, nullable=False),
    Column("source", String(50), nullable=False),
    Column("state", String(20), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("redeliveries", Integer, nullable=False),
    Column("mismatches", Integer, nullable=False),
    Column("waiting_since", UtcDateTime, nullable=False),
    Column("next_attempt_at", UtcDateTime, nullable=False),
    Column("reason", Text, nullable=True),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("processed_at", UtcDateTime, nullable=True),
    UniqueConstraint("conn_id", "dedup_key", name="damstra_webhook_inbox_event_uq"),
    Index("damstra_webhook_inbox_due_idx", "state", "next_attempt_at"),
    Index("damstra_webhook_inbox_received_idx", "received_at"),
)


def get_engine() -> Engine:
    """Return Airflow's engine of the metadata database.

    :raises RuntimeError: in a process without one, such as a task's.
    """
    if settings.engine is None:
        raise RuntimeError("This process has no access to Airflow's metadata database.")
    return settings.engine


_MIGRATIONS = Path(__file__).parent / "migrations"


class DamstraDBManager(BaseDBManager):
    """Create and migrate the inbox table with ``airflow db migrate``.

    Airflow 3.2 and newer find this class through the provider's metadata; for older versions, name it in
    ``[database] external_db_managers``.
    """

    metadata = metadata
    version_table_name = "damstra_alembic_version"
    migration_dir = str(_MIGRATIONS)
    alembic_file = str(_MIGRATIONS / "alembic.ini")
    supports_table_dropping = True
    revision_heads_map = {"0.1.0": "0001"}  # noqa: RUF012 (as its base class has it)

    def downgrade(
        self, to_revision: str, from_revision: str | None = None, show_sql_only: bool = False, **_: Any
    ) -> None:
        """Downgrade the table with alembic.

        :param to_revision: a revision, or ``base`` to drop the table.
        :param from_revision: the start of the SQL script, with `show_sql_only`.
        :param show_sql_only: print the SQL instead of executing it.
        """
        from alembic import command

        config: Config = self.get_alembic_config()  # type: ignore[no-untyped-call]
        revision = f"{from_revision}:{to_revision}" if show_sql_only and from_revision else to_revision
        command.downgrade(config, revision, sql=show_sql_only)
