"""What a database says when something goes wrong, in one sentence and without anybody's data."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

if TYPE_CHECKING:
    from collections.abc import Iterator


class SqlError(Exception):
    """A database cannot be reached, or failed: another attempt may succeed."""


@contextmanager
def in_one_sentence(what: str) -> Iterator[None]:
    """Turn a database's error into a sentence.

    :param what: what was tried.
    :raises SqlError: if another attempt may succeed.
    :raises ValueError: if none will.
    """
    try:
        yield
    except DBAPIError as error:
        # What follows the first line shows rows.
        why = str(error.orig).strip().partition("\n")[0]
        passes = error.connection_invalidated or isinstance(error, (OperationalError, InterfaceError))
    else:
        return
    raise (SqlError if passes else ValueError)(f"{what}: {why}")
