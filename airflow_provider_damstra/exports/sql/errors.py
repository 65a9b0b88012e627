"""Translation of database errors into one line without row data."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

if TYPE_CHECKING:
    from collections.abc import Iterator


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
