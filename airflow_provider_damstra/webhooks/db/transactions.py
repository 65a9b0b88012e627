"""Transactions of Airflow's metadata database, and what it means when one fails."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import inspect
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from airflow_provider_damstra.webhooks.db.manager import MIGRATE, engine, inbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection


class InboxUnavailableError(Exception):
    """The metadata database does not answer, or the table is not there."""


class UnstorableEventError(ValueError):
    """The metadata database does not take what an event holds, and never will."""


@contextmanager
def transaction() -> Iterator[Connection]:
    """Yield a connection in a transaction that is committed at the end.

    :raises InboxUnavailableError: saying what to do.
    :raises UnstorableEventError: if it is not the database that fails, but what it is given.
    """
    try:
        with engine().begin() as connection:
            yield connection
    except IntegrityError:
        raise
    except DataError as error:
        raise UnstorableEventError(f"Airflow's metadata database does not take it: {_cause(error)}") from None
    except SQLAlchemyError as error:
        raise InboxUnavailableError(_what_is_wrong(error)) from None


def _cause(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0]


def _what_is_wrong(error: SQLAlchemyError) -> str:
    cause = _cause(error)
    try:
        missing = _missing()
    except SQLAlchemyError:
        missing = None
    if missing:
        return f"Airflow's metadata database has no {missing} ({cause}). Run: {MIGRATE}"
    return f"Airflow's metadata database failed: {cause}"


def _missing() -> str | None:
    """Return what a migration would add, if there is something."""
    there = inspect(engine())
    if not there.has_table(inbox.name):
        return f"table {inbox.name}"
    columns = set(inbox.columns.keys()) - {column["name"] for column in there.get_columns(inbox.name)}
    return f"column {', '.join(sorted(columns))} in table {inbox.name}" if columns else None
