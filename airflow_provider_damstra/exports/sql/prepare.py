"""Preparation of the target table before the first request: create, add columns, check, dry run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import JSON, Boolean, Column, DateTime, Integer, Numeric, inspect
from sqlalchemy.exc import DBAPIError

from airflow_provider_damstra.exports.schema import ColumnType, resource_columns
from airflow_provider_damstra.exports.sql.deletion import ReadParents
from airflow_provider_damstra.exports.sql.load import INSERT_ON_CONFLICT, Merge
from airflow_provider_damstra.exports.sql.tables import StagingTable, begin_ddl, validate_lengths

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Inspector, Table

    from airflow_provider_damstra.exports.dataset import Dataset
    from airflow_provider_damstra.exports.sql.tables import ResourceTable


def prepare_table(engine: Engine, target: ResourceTable, *, add_columns: bool, deletes: bool) -> bool:
    """Create missing tables, check that rows can be written, and return whether a table was created.

    :param add_columns: whether columns that an existing table lacks are added.
    :param deletes: whether rows will be deleted.
    :raises ValueError: if the tables cannot take the rows; the message names the problem.
    """
    with engine.connect() as connection:
        has_key = connection.dialect.name in INSERT_ON_CONFLICT
        if target.has_history and not has_key:
            raise ValueError(
                f"history=True needs {' or '.join(INSERT_ON_CONFLICT)}, not {connection.dialect.name}"
            )
        with connection.begin():
            _validate_names(connection, target)
            missing = [table for table in target.tables if not _exists(connection, table)]
        for table in missing:
            _create_table(connection, table)
        with connection.begin():
            for table in target.tables:
                _validate_columns(connection, table, add_columns=add_columns)
                _validate_text_columns(connection, table, target.resource)
                if has_key:
                    _validate_key(inspect(connection), table)
        _dry_run(connection, target, deletes=deletes)
    return bool(missing)


def _exists(connection: Connection, table: Table) -> bool:
    return inspect(connection).has_table(table.name, schema=table.schema)


def _validate_names(connection: Connection, target: ResourceTable) -> None:
    indexes = [index.name for table in target.tables for index in table.indexes]
    validate_lengths(connection, target.schema, target.name, *indexes)
    if target.schema is not None and target.schema not in inspect(connection).get_schema_names():
        raise ValueError(f"there is no schema {target.schema!r} in this database")


def _create_table(connection: Connection, table: Table) -> None:
    try:
        with begin_ddl(connection):
            table.create(connection, checkfirst=False)
    except DBAPIError:
        # Another task may have created it at the same time.
        with connection.begin():
            if not _exists(connection, table):
                raise


def _validate_columns(connection: Connection, table: Table, *, add_columns: bool) -> None:
    columns = inspect(connection).get_columns(table.name, schema=table.schema)
    existing = {column["name"] for column in columns}
    missing = [column for column in table.columns if column.name not in existing]
    can_be_added = not any(column.primary_key for column in missing)
    if missing and not (add_columns and can_be_added):
        advice = "; add_missing_columns=True adds what is missing" if can_be_added else ""
        names = ", ".join(column.name for column in missing)
        raise ValueError(f"the table {table.fullname} has no column {names}{advice}")
    operations = Operations(MigrationContext.configure(connection))
    for column in missing:
        added: Column[Any] = Column(column.name, column.type)
        operations.add_column(table.name, added, schema=table.schema)
    extra = [column for column in columns if column["name"] not in table.columns]
    _validate_extra_columns(connection, table, extra)


def _validate_text_columns(connection: Connection, table: Table, resource: Dataset) -> None:
    """Check that columns for text, such as hashes, have no other type: SQLite would convert what it can."""
    texts = {column.name for column in resource_columns(resource) if column.type is ColumnType.TEXT}
    for column in inspect(connection).get_columns(table.name, schema=table.schema):
        is_other = isinstance(column["type"], (Integer, Numeric, Boolean, DateTime, JSON))
        if is_other and column["name"] in texts:
            raise ValueError(
                f"the column {column['name']} of the table {table.fullname} is {column['type']}, and its "
                "values are text: load into another table"
            )


def _validate_extra_columns(connection: Connection, table: Table, columns: Sequence[Any]) -> None:
    """Check the columns that the export does not fill."""
    defaults = ("default", "identity", "computed")
    required = [
        column
        for column in columns
        if not column["nullable"]
        and column.get("autoincrement") is not True
        and not any(map(column.get, defaults))
    ]
    if required:
        raise ValueError(
            f"the column {_names(required)} of the table {table.fullname} must not be empty, and nothing "
            "fills it: give it a default"
        )
    if columns and connection.dialect.name not in INSERT_ON_CONFLICT:
        raise ValueError(
            f"the column {_names(columns)} of the table {table.fullname} is not one of the export's, and "
            "would be emptied: on this database rows are deleted and inserted"
        )


def _names(columns: Sequence[Any]) -> str:
    return ", ".join(column["name"] for column in columns)


def _validate_key(inspector: Inspector, table: Table) -> None:
    constraints = inspector.get_unique_constraints(table.name, schema=table.schema)
    indexes = inspector.get_indexes(table.name, schema=table.schema)
    keys: list[Collection[str | None]] = [
        inspector.get_pk_constraint(table.name, schema=table.schema)["constrained_columns"],
        *(constraint["column_names"] for constraint in constraints),
        *(index["column_names"] for index in indexes if index["unique"]),
    ]
    key = [column.name for column in table.primary_key]
    if not any(set(columns) == set(key) for columns in keys):
        raise ValueError(
            f"the table {table.fullname} has no primary key or unique index on ({', '.join(key)}), "
            "which identifies its rows: add one"
        )


def _dry_run(connection: Connection, target: ResourceTable, *, deletes: bool) -> None:
    """Run all statements without rows and roll back: the database reports missing privileges now.

    No row is in the scope of deletions: rows that are changed and rolled back would bloat a large table.
    """
    with connection.begin() as transaction:
        StagingTable(connection, target)
        Merge(connection, target).merge(missing_of=ReadParents(selected=()) if deletes else None)
        transaction.rollback()
