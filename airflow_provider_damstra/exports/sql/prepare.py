"""Preparation of the target table before the first request: create, add columns, check, dry run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Column, inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateTable

from airflow_provider_damstra.exports.sql.load import INSERT_ON_CONFLICT, Merge
from airflow_provider_damstra.exports.sql.tables import StagingTable

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Inspector

    from airflow_provider_damstra.exports.sql.tables import ResourceTable


def prepare_table(engine: Engine, target: ResourceTable, *, add_columns: bool, deletes: bool) -> bool:
    """Create the table if needed, check that rows can be written, and return whether it was created.

    :param add_columns: whether columns that an existing table lacks are added.
    :param deletes: whether rows will be deleted.
    :raises ValueError: if the table cannot take the rows; the message names the problem.
    """
    with engine.connect() as connection:
        with connection.begin():
            _validate_names(connection, target)
            exists = inspect(connection).has_table(target.name, schema=target.schema)
        if not exists:
            _create_table(connection, target)
        with connection.begin():
            _validate_columns(connection, target, add_columns=add_columns)
            if connection.dialect.name in INSERT_ON_CONFLICT:
                _validate_key(inspect(connection), target)
        _dry_run(connection, target, deletes=deletes)
    return not exists


def _validate_names(connection: Connection, target: ResourceTable) -> None:
    limit = connection.dialect.max_identifier_length
    for name in filter(None, (target.schema, target.name)):
        if len(name.encode()) > limit:
            raise ValueError(f"the name {name!r} is too long: this database allows {limit} bytes")
    if target.schema is not None and target.schema not in inspect(connection).get_schema_names():
        raise ValueError(f"there is no schema {target.schema!r} in this database")


def _create_table(connection: Connection, target: ResourceTable) -> None:
    try:
        with connection.begin():
            connection.execute(CreateTable(target.table))
    except DBAPIError:
        # Another task may have created it at the same time.
        with connection.begin():
            if not inspect(connection).has_table(target.name, schema=target.schema):
                raise


def _validate_columns(connection: Connection, target: ResourceTable, *, add_columns: bool) -> None:
    columns = inspect(connection).get_columns(target.name, schema=target.schema)
    existing = {column["name"] for column in columns}
    missing = [name for name in target.column_names if name not in existing]
    can_be_added = not set(missing) & set(target.key)
    if missing and not (add_columns and can_be_added):
        advice = "; add_missing_columns=True adds what is missing" if can_be_added else ""
        raise ValueError(f"the table {target} has no column {', '.join(missing)}{advice}")
    operations = Operations(MigrationContext.configure(connection))
    for name in missing:
        column: Column[Any] = Column(name, target.table.c[name].type)
        operations.add_column(target.name, column, schema=target.schema)
    extra = [column for column in columns if column["name"] not in target.column_names]
    _validate_extra_columns(connection, target, extra)


def _validate_extra_columns(connection: Connection, target: ResourceTable, columns: Sequence[Any]) -> None:
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
            f"the column {_names(required)} of the table {target} must not be empty, and nothing fills it: "
            "give it a default"
        )
    if columns and connection.dialect.name not in INSERT_ON_CONFLICT:
        raise ValueError(
            f"the column {_names(columns)} of the table {target} is not one of the export's, and would be "
            "emptied: on this database rows are deleted and inserted"
        )


def _names(columns: Sequence[Any]) -> str:
    return ", ".join(column["name"] for column in columns)


def _validate_key(inspector: Inspector, target: ResourceTable) -> None:
    constraints = inspector.get_unique_constraints(target.name, schema=target.schema)
    indexes = inspector.get_indexes(target.name, schema=target.schema)
    keys: list[Collection[str | None]] = [
        inspector.get_pk_constraint(target.name, schema=target.schema)["constrained_columns"],
        *(constraint["column_names"] for constraint in constraints),
        *(index["column_names"] for index in indexes if index["unique"]),
    ]
    if not any(set(key) == set(target.key) for key in keys):
        raise ValueError(
            f"the table {target} has no primary key or unique index on ({', '.join(target.key)}), "
            "which identifies its rows: add one"
        )


def _dry_run(connection: Connection, target: ResourceTable, *, deletes: bool) -> None:
    """Run all statements without rows and roll back: the database reports missing privileges now."""
    with connection.begin() as transaction:
        StagingTable(connection, target)
        merge = Merge(connection, target)
        if deletes:
            merge.delete_missing()
        merge.upsert()
        transaction.rollback()
