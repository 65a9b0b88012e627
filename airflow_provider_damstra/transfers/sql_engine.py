"""Airflow's connection to a database, as SQLAlchemy sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Engine


def create_sql_engine(sql_conn_id: str, hook_params: Mapping[str, Any] | None = None) -> Engine:
    """Return an engine whose connections are the hook's own, so that all that the hook knows holds for them.

    :param sql_conn_id: id of a connection to a database.
    :param hook_params: arguments of the connection's hook.
    :raises ValueError: if it is no connection to a database, or one that SQLAlchemy cannot use.
    """
    from airflow.providers.common.compat.sdk import AirflowException, BaseHook
    from airflow.providers.common.sql.hooks.sql import DbApiHook
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError
    from sqlalchemy.pool import NullPool

    connection = BaseHook.get_connection(sql_conn_id)
    kind = f"sql_conn_id {sql_conn_id!r} is a connection of type {connection.conn_type!r}"
    try:
        hook = BaseHook.get_hook(sql_conn_id, hook_params=dict(hook_params or {}))
    except (AirflowException, ImportError) as error:
        raise ValueError(f"{kind}, whose provider is not installed ({error})") from error
    if not isinstance(hook, DbApiHook):
        raise ValueError(f"{kind}, which is no SQL database")
    try:
        return hook.get_sqlalchemy_engine(
            {
                "creator": lambda: _with_plain_rows(hook.get_conn()),
                "poolclass": NullPool,
                "future": True,
                "hide_parameters": True,
            }
        )
    except (NotImplementedError, NoSuchModuleError, ArgumentError, ImportError) as error:
        raise ValueError(f"{kind}, which SQLAlchemy cannot use: {error}") from error


def table_location(engine: Engine, *, schema: str | None, table: str) -> tuple[str, tuple[str, ...]]:
    """Return where a table is, such as ``postgres://host:5432``, and its database, schema and name there.

    :param engine: one that was connected before, so that it knows which schema goes without saying.
    """
    kind = {"postgresql": "postgres"}.get(engine.dialect.name, engine.dialect.name)
    port = engine.url.port or {"postgres": 5432}.get(kind)
    address = f"{engine.url.host or ''}{f':{port}' if port else ''}"
    if schema is None and kind != "sqlite":
        schema = engine.dialect.default_schema_name
    database = engine.url.database
    # What some databases call a schema is what they call a database.
    names = (database, schema if schema != database else None, table)
    return f"{kind}://{address}", tuple(filter(None, names))


def _with_plain_rows(connection: Any) -> Any:
    """Let PostgreSQL's drivers return plain rows, whatever the connection's ``cursor`` says."""
    if hasattr(connection, "row_factory") and hasattr(connection, "pgconn"):
        from psycopg.rows import tuple_row

        connection.row_factory = tuple_row
    elif hasattr(connection, "cursor_factory"):
        connection.cursor_factory = None
    return connection
