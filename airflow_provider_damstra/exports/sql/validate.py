"""Finding out, before anything is read, whether the rows of a resource can go into a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateTable, DDLElement

from airflow_provider_damstra.exports.sql.merge import INSERT_ON_CONFLICT, Merge
from airflow_provider_damstra.exports.sql.staging import Staging

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Column, Connection, Engine, Inspector

    from airflow_provider_damstra.exports.sql.schema import ResourceTable


def prepare(engine: Engine, into: ResourceTable, *, adds_columns: bool, deletes: bool) -> bool:
    """Make the table if there is none, see whether rows can be written to it, and return whether it is new.

    :param adds_columns: whether columns that an existing table lacks are added.
    :param deletes: whether rows will be deleted.
    :raises ValueError: naming what is in the way.
    """
    with engine.connect() as connection:
        with connection.begin():
            _refuse_names_that_do_not_exist(connection, into)
            is_there = inspect(connection).has_table(into.name, schema=into.schema)
        if not is_there:
            _create(connection, into)
        with connection.begin():
            _fit_columns(connection, into, adds_columns=adds_columns)
            if connection.dialect.name in INSERT_ON_CONFLICT:
                _refuse_without_key(inspect(connection), into)
        _rehearse(connection, into, deletes=deletes)
    return not is_there


def _refuse_names_that_do_not_exist(connection: Connection, into: ResourceTable) -> None:
    longest = connection.dialect.max_identifier_length
    for name in filter(None, (into.schema, into.name)):
        if len(name.encode()) > longest:
            raise ValueError(f"{name!r} is too long a name: this database takes {longest} bytes")
    if into.schema is not None and into.schema not in inspect(connection).get_schema_names():
        raise ValueError(f"there is no schema {into.schema!r} in this database")


def _create(connection: Connection, into: ResourceTable) -> None:
    try:
        with connection.begin():
            connection.execute(CreateTable(into.table))
    except DBAPIError:
        # Another task may have made it meanwhile.
        with connection.begin():
            if not inspect(connection).has_table(into.name, schema=into.schema):
                raise


def _fit_columns(connection: Connection, into: ResourceTable, *, adds_columns: bool) -> None:
    found = {one["name"]: one for one in inspect(connection).get_columns(into.name, schema=into.schema)}
    missing = [name for name in into.names if name not in found]
    can_be_added = not set(missing) & set(into.key)
    if missing and not (adds_columns and can_be_added):
        how = "; add_missing_columns=True adds what is missing" if can_be_added else ""
        raise ValueError(f"the table {into} has no column {', '.join(missing)}{how}")
    for name in missing:
        connection.execute(AddColumn(into.table.c[name]))
    others = [one for name, one in found.items() if name not in into.names]
    _refuse_what_nothing_fills(into, others)
    if others and connection.dialect.name not in INSERT_ON_CONFLICT:
        raise ValueError(
            f"the column {_names(others)} of the table {into} is not one of the export's, and would be "
            "emptied: this database replaces rows as a whole"
        )


class AddColumn(DDLElement):
    """``ALTER TABLE ... ADD COLUMN``, which SQLAlchemy leaves to migration tools.

    :param column: a column of the table.
    """

    inherit_cache = False

    def __init__(self, column: Column[Any]) -> None:
        self.column = column


@compiles(AddColumn)
def _as_sql(add: AddColumn, compiler: Any, **_: Any) -> str:
    table = compiler.preparer.format_table(add.column.table)
    return f"ALTER TABLE {table} ADD COLUMN {compiler.get_column_specification(add.column)}"


def _refuse_what_nothing_fills(into: ResourceTable, columns: Sequence[Any]) -> None:
    filled = ("default", "identity", "computed")
    empty = [
        one
        for one in columns
        if not one["nullable"] and one.get("autoincrement") is not True and not any(map(one.get, filled))
    ]
    if empty:
        raise ValueError(
            f"the column {_names(empty)} of the table {into} must not be empty, and nothing fills it: "
            "give it a default"
        )


def _names(columns: Sequence[Any]) -> str:
    return ", ".join(one["name"] for one in columns)


def _refuse_without_key(inspector: Inspector, into: ResourceTable) -> None:
    constraints = inspector.get_unique_constraints(into.name, schema=into.schema)
    indexes = inspector.get_indexes(into.name, schema=into.schema)
    keys: list[Collection[str | None]] = [
        inspector.get_pk_constraint(into.name, schema=into.schema)["constrained_columns"],
        *(one["column_names"] for one in constraints),
        *(one["column_names"] for one in indexes if one["unique"]),
    ]
    if not any(set(key) == set(into.key) for key in keys):
        raise ValueError(
            f"the table {into} needs a primary key or a unique index on ({', '.join(into.key)}), which tells "
            "its rows apart, and has none"
        )


def _rehearse(connection: Connection, into: ResourceTable, *, deletes: bool) -> None:
    """Do with no rows what will be done with rows: the database says now what it would refuse."""
    with connection.begin() as transaction:
        Staging(connection, into)
        merge = Merge(connection, into)
        if deletes:
            merge.delete_others()
        merge.upsert()
        transaction.rollback()
