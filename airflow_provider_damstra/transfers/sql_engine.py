"""SQLAlchemy engines on Airflow's database hooks, and one-line messages for database errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import NullPool

if TYPE_CHECKING:
    from sqlalchemy import Engine


def create_sql_engine(sql_conn_id: str, hook_params: Mapping[str, Any] | None = None) -> Engine:
    """Return an engine that takes its connections from the hook, so that all options of the hook apply.

    :param sql_conn_id: id of a connection to a database.
    :param hook_params: arguments of the connection's hook.
    :raises ValueError: if the connection is no SQL database, or not supported by SQLAlchemy.
    """
    from airflow.providers.common.compat.sdk import AirflowException, BaseHook
    from airflow.providers.common.sql.hooks.sql import DbApiHook

    connection = BaseHook.get_connection(sql_conn_id)
    kind = f"sql_conn_id {sql_conn_id!r} is a connection of type {connection.conn_type!r}"
    try:
        hook = BaseHook.get_hook(sql_conn_id, hook_params=dict(hook_params or {}))
    except (AirflowException, ImportError) as error:
        raise ValueError(
            f"{kind}, whose provider is not installed ({error}): install it on the "
            "workers, such as apache-airflow-providers-sqlite for 'sqlite'"
        ) from error
    if not isinstance(hook, DbApiHook):
        raise ValueError(f"{kind}, which is no SQL database")
    try:
        return hook.get_sqlalchemy_engine(
            {
                "creator": lambda: _use_tuple_rows(hook.get_conn()),
                "poolclass": NullPool,
                "future": True,
                "hide_parameters": True,
            }
        )
    except (NotImplementedError, NoSuchModuleError, ArgumentError, ImportError) as error:
        raise ValueError(f"{kind}, which SQLAlchemy cannot use: {error}") from error


def table_location(engine: Engine, *, schema: str | None, table: str) -> tuple[str, tuple[str, ...]]:
    """Return the OpenLineage location of a table: ``postgres://host:5432``, and database, schema and name.

    :param engine: an engine that has connected before: its default schema is set then.
    """
    kind = {"postgresql": "postgres"}.get(engine.dialect.name, engine.dialect.name)
    port = engine.url.port or {"postgres": 5432}.get(kind)
    address = f"{engine.url.host or ''}{f':{port}' if port else ''}"
    if schema is None and kind != "sqlite":
        schema = engine.dialect.default_schema_name
    database = engine.url.database
    # In some dialects (MySQL) a schema is a database.
    names = (database, schema if schema != database else None, table)
    return f"{kind}://{address}", tuple(filter(None, names))


def _use_tuple_rows(connection: Any) -> Any:
    """Make PostgreSQL's drivers return tuples, even if ``cursor`` is set in the connection's extra."""
    if hasattr(connection, "row_factory") and hasattr(connection, "pgconn"):
        from psycopg.rows import tuple_row

        connection.row_factory = tuple_row
    elif hasattr(connection, "cursor_factory"):
        connection.cursor_factory = None
    return connection


class SqlError(Exception):
    """Report a database that cannot be reached or that failed; a retry may succeed."""


@contextmanager
def translate_database_errors(action: str) -> Iterator[None]:
    """Replace an error of the database driver by one line.

    :param action: the failed action, for the beginning of the message.
    :raises SqlError: if a retry may succeed.
    :raises ValueError: if the statement will fail again.
    """
    try:
        yield
    except DBAPIError as error:
        # The lines after the first one quote rows.
        reason = str(error.orig).strip().partition("\n")[0]
        is_transient = error.connection_invalidated or isinstance(error, (OperationalError, InterfaceError))
        raise (SqlError if is_transient else ValueError)(f"{action}: {reason}") from None
