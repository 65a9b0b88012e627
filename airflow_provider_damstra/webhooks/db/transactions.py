"""Transactions of Airflow's metadata database, with errors mapped to the receiver's responses."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import inspect
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from airflow_provider_damstra.webhooks.db.manager import MIGRATE_COMMAND, get_engine, inbox_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection


class InboxUnavailableError(Exception):
    """The metadata database does not respond, or the inbox table is missing or outdated: retry later."""


class UnstorableEventError(ValueError):
    """The metadata database rejects the content of an event: a retry would fail again."""


@contextmanager
def transaction() -> Iterator[Connection]:
    """Yield a connection in a transaction that is committed at the end.

    :raises IntegrityError: if a constraint is violated.
    :raises InboxUnavailableError: if the database fails; it says what to do.
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
        return f"Airflow's metadata database has no {missing} ({cause}). Run: {MIGRATE_COMMAND}"
    return f"Airflow's metadata database failed: {cause}"


def _find_missing_schema() -> str | None:
    """Return the table or the columns that a migration would add, if any."""
    inspector = inspect(get_engine())
    if not inspector.has_table(inbox_table.name):
        return f"table {inbox_table.name}"
    existing = {column["name"] for column in inspector.get_columns(inbox_table.name)}
    missing = sorted(set(inbox_table.columns.keys()) - existing)
    return f"column {', '.join(missing)} in table {inbox_table.name}" if missing else None
