"""Messages for the exceptions of file systems, of which each storage has its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from logging import getLogger

_PERMANENT_ERRORS = (
    ValueError,
    ImportError,
    FileNotFoundError,
    FileExistsError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)
_PERMANENT_STATUSES = (401, 403, 404)
"""HTTP statuses with the same meaning: Azure raises its own exceptions."""

log = getLogger(__name__)


@contextmanager
def describe_storage_errors(action: str, *, is_retryable: bool = False) -> Iterator[None]:
    """Replace a file system's exception by one with a one-line message.

    :param action: start of the message, such as ``"users.csv cannot be opened"``.
    :param is_retryable: raise OSError in any case, because the storage accepted the path in this task try.
    :raises ValueError: if no retry can help: the bucket or a right is missing.
    :raises OSError: for other errors.
    """
    from airflow.providers.common.compat.sdk import AirflowNotFoundException

    try:
        yield
    except Exception as error:  # each file system has its own
        is_permanent = (
            isinstance(error, (*_PERMANENT_ERRORS, AirflowNotFoundException))
            or getattr(error, "status_code", None) in _PERMANENT_STATUSES
        )
        kind = ValueError if is_permanent and not is_retryable else OSError
        raise kind(f"{action}: {_describe(error)}") from error


@contextmanager
def log_cleanup_errors() -> Iterator[None]:
    """Log an exception of a clean-up instead of raising it, so that it does not hide why the task failed."""
    try:
        yield
    except Exception as error:
        log.warning("Temporary files may be left behind: %s", _describe(error))


def _describe(error: Exception) -> str:
    """Return the first line of the most specific message: S3's cause names the operation that was denied."""
    cause = error.__cause__ if isinstance(error, OSError) and error.__cause__ else error
    return str(cause).strip().partition("\n")[0]
