"""Transactions of Airflow's metadata database, and what it means when one fails."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import inspect
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from airflow_provider_damstra.webhooks.database import MIGRATE, engine, inbox

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
        is_missing = not inspect(engine()).has_table(inbox.name)
    except SQLAlchemyError:
        is_missing = False
    if is_missing:
        return f"Airflow's metadata database has no table {inbox.name} ({cause}). Run: {MIGRATE}"
    return f"Airflow's metadata database failed: {cause}"
