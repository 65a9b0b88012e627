"""Which failures end a task at once: those that no retry can mend."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def fail_fast_on_permanent_errors() -> Iterator[None]:
    """Turn what no retry can mend into ``AirflowFailException``, in one sentence."""
    from airflow.providers.common.compat.sdk import AirflowFailException
    from pydantic import ValidationError

    from airflow_provider_damstra.errors import DamstraError, is_permanent
    from airflow_provider_damstra.validation_errors import format_argument_error

    try:
        yield
    except ValidationError as error:
        raise AirflowFailException(f"{error.title} was not sent: {format_argument_error(error)}") from None
    except DamstraError as error:
        if is_permanent(error):
            raise AirflowFailException(str(error)) from error
        raise
    except ValueError as error:
        # An argument that only turned out to be wrong when it was rendered.
        raise AirflowFailException(str(error)) from error
