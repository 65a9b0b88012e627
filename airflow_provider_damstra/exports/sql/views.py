"""Creation of views; a table or a view of another origin is never replaced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import MetaData, Table, text

from airflow_provider_damstra.exports.sql.tables import begin_ddl, lock_until_commit, validate_lengths
from airflow_provider_damstra.exports.sql.view_queries import VIEWS
from airflow_provider_damstra.exports.sql.view_sources import ViewSources

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Select

ORIGIN = "Created by airflow-provider-damstra, which replaces it."
"""Comment by which a view of this provider is recognised."""

_FIND = {
    # In SQLite, names are compared regardless of case, and the text of a view contains its comment.
    "sqlite": "SELECT type = 'view', sql FROM {master} WHERE lower(name) = lower(:name)",
    "postgresql": """
        SELECT c.relkind = 'v', obj_description(c.oid, 'pg_class')
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relname = :name AND n.nspname = coalesce(:schema, current_schema())
    """,
}


def create_views(
    engine: Engine,
    views: Sequence[str],
    *,
    schema: str | None = None,
    tables: Mapping[str, str],
    prefix: str = "",
) -> list[str]:
    """Create or replace views in one transaction, and return their names with the schema.

    :param views: names of views, of ``VIEWS``.
    :param schema: schema of the tables and the views; None for the connection's default.
    :param tables: names of tables by resource, where they differ.
    :param prefix: beginning of the names of the views.
    :raises ValueError: if a table is missing, or a name is taken by something of another origin.
    """
    with engine.connect() as connection:
        dialect = connection.dialect.name
        if dialect not in _FIND:
            raise ValueError(f"views can be created in {' and '.join(_FIND)}, not in {dialect}")
        with begin_ddl(connection):
            sources = ViewSources(connection=connection, schema=schema, tables=tables)
            created = [Table(f"{prefix}{name}", MetaData(schema=schema)) for name in views]
            validate_lengths(connection, *(view.name for view in created))
            for name, view in zip(views, created, strict=True):
                _create_view(connection, view, VIEWS[name](sources))
    return [view.fullname for view in created]


def _create_view(connection: Connection, view: Table, query: Select[Any]) -> None:
    lock_until_commit(connection, view.name)
    exists = _is_own_view(connection, view)
    name = connection.dialect.identifier_preparer.format_table(view)
    sql = query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
    if connection.dialect.name == "sqlite":
        if exists:
            connection.exec_driver_sql(f"DROP VIEW {name}")
        connection.exec_driver_sql(f"CREATE VIEW {name} AS\n-- {ORIGIN}\n{sql}")
    else:
        # Unlike a new view, a replaced one keeps its privileges and the views on it.
        connection.exec_driver_sql(f"CREATE OR REPLACE VIEW {name} AS {sql}")
        connection.exec_driver_sql(f"COMMENT ON VIEW {name} IS '{ORIGIN}'")


def _is_own_view(connection: Connection, view: Table) -> bool:
    """Return whether the view exists.

    :raises ValueError: if something of another origin has its name.
    """
    quote = connection.dialect.identifier_preparer.quote
    master = f"{quote(view.schema)}.sqlite_master" if view.schema else "sqlite_master"
    statement = text(_FIND[connection.dialect.name].format(master=master.replace(":", r"\:")))
    names = {"name": view.name, "schema": view.schema}
    binds = {name: value for name, value in names.items() if name in statement.compile().params}
    found = connection.execute(statement, binds).one_or_none()
    if found is None:
        return False
    is_view, origin = found
    if not (is_view and ORIGIN in (origin or "")):
        raise ValueError(
            f"there is already a {'view' if is_view else 'table'} {view.fullname} that this provider did not "
            "create: set view_prefix, so that the names of the views differ"
        )
    return True
