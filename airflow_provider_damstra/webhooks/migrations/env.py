"""Alembic environment of the inbox table, with a separate version table."""

from __future__ import annotations

from typing import Any

from airflow import settings
from alembic import context

from airflow_provider_damstra.webhooks.database import DamstraDBManager, get_engine

_OPTIONS: dict[str, Any] = {
    "target_metadata": DamstraDBManager.metadata,
    "version_table": DamstraDBManager.version_table_name,
    "include_object": lambda _, name, kind, *__: kind != "table" or name in DamstraDBManager.metadata.tables,
    "render_as_batch": True,
}

if context.is_offline_mode():
    context.configure(url=settings.SQL_ALCHEMY_CONN, literal_binds=True, **_OPTIONS)
    with context.begin_transaction():
        context.run_migrations()
else:
    with get_engine().connect() as connection:
        context.configure(connection=connection, transaction_per_migration=True, **_OPTIONS)
        with context.begin_transaction():
            context.run_migrations()
