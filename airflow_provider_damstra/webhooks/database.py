"""Tables in Airflow's metadata database, transactions on them, and the manager of their migrations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from airflow import settings
from airflow.utils.db_manager import BaseDBManager
from airflow.utils.sqlalchemy import UtcDateTime
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from airflow_provider_damstra.webhooks.events import MAX_NAME_LENGTH

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy.engine import Connection, Engine

metadata = sa.MetaData()

inbox_table = sa.Table(
    "damstra_webhook_inbox",
    metadata,
    # SQLite increments only a column of exactly this type.
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
    sa.Column("conn_id", sa.String(250), nullable=False),
    sa.Column("name", sa.String(MAX_NAME_LENGTH), nullable=False),
    sa.Column("dedup_key", sa.String(64), nullable=False),
    sa.Column("payload", sa.JSON, nullable=False),
    sa.Column("lesson_schedule_id", sa.BigInteger, nullable=True),
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
    sa.UniqueConstraint("conn_id", "dedup_key", name="damstra_webhook_inbox_event_uq"),
    sa.Index("damstra_webhook_inbox_due_idx", "state", "next_attempt_at"),
    sa.Index("damstra_webhook_inbox_received_idx", "received_at"),
    sa.Index("damstra_webhook_inbox_schedule_idx", "conn_id", "lesson_schedule_id"),
)

training_history_table = sa.Table(
    "damstra_training_history",
    metadata,
    sa.Column("conn_id", sa.String(250), primary_key=True),
    sa.Column("lesson_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("user_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.Column("periods", sa.JSON, nullable=False),
)


def get_engine() -> Engine:
    """Return Airflow's engine of the metadata database.

    :raises RuntimeError: in a process without one, such as a task's.
    """
    if settings.engine is None:
        raise RuntimeError("This process has no access to Airflow's metadata database.")
    return settings.engine


class InboxUnavailableError(Exception):
    """The metadata database does not respond, or a table is missing or outdated: retry later."""


class UnstorableEventError(ValueError):
    """The metadata database rejects the content of an event: a retry would fail again."""


@contextmanager
def transaction() -> Iterator[Connection]:
    """Yield a connection in a transaction that is committed at the end.

    :raises IntegrityError: if a constraint is violated.
    :raises InboxUnavailableError: if the database fails; the message contains advice.
    :raises UnstorableEventError: if the database rejects the values.
    """
    try:
        with get_engine().begin() as connection:
            yield connection
    except IntegrityError:
        raise
    except DataError as error:
        raise UnstorableEventError(f"Airflow's metadata database rejects it: {_cause(error)}") from None
    except SQLAlchemyError as error:
        raise InboxUnavailableError(_describe(error)) from None


def _cause(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0]


def _describe(error: SQLAlchemyError) -> str:
    cause = _cause(error)
    try:
        missing = _find_missing_schema()
    except SQLAlchemyError:
        missing = None
    if missing:
        return f"Airflow's metadata database has no {missing} ({cause}). Run: airflow db migrate"
    return f"Airflow's metadata database failed: {cause}"


def _find_missing_schema() -> str | None:
    """Return the table or the columns that a migration would add, if any."""
    inspector = sa.inspect(get_engine())
    for table in metadata.tables.values():
        if not inspector.has_table(table.name):
            return f"table {table.name}"
        existing = {column["name"] for column in inspector.get_columns(table.name)}
        if missing := sorted(set(table.columns.keys()) - existing):
            return f"column {', '.join(missing)} in table {table.name}"
    return None


_MIGRATIONS = Path(__file__).parent / "migrations"


class DamstraDBManager(BaseDBManager):
    """Create and migrate the tables with ``airflow db migrate``.

    Airflow 3.2 and newer find this class through the provider's metadata; for older versions, name it in
    ``[database] external_db_managers``.
    """

    metadata = metadata
    version_table_name = "damstra_alembic_version"
    migration_dir = str(_MIGRATIONS)
    alembic_file = str(_MIGRATIONS / "alembic.ini")
    supports_table_dropping = True
    revision_heads_map = {"0.1.0": "0003"}  # noqa: RUF012 (as its base class has it)

    def downgrade(
        self, to_revision: str, from_revision: str | None = None, show_sql_only: bool = False, **_: Any
    ) -> None:
        """Downgrade the tables with alembic.

        :param to_revision: a revision, or ``base`` to drop the tables.
        :param from_revision: the start of the SQL script, with `show_sql_only`.
        :param show_sql_only: print the SQL instead of executing it.
        """
        from alembic import command

        config: Config = self.get_alembic_config()  # type: ignore[no-untyped-call]
        revision = f"{from_revision}:{to_revision}" if show_sql_only and from_revision else to_revision
        command.downgrade(config, revision, sql=show_sql_only)
