"""Retry policy: failures that Airflow retries, and their delays.

``fail_fast_on_permanent_errors`` works on every Airflow version and wraps each operator and sensor;
``DamstraRetryPolicy`` needs Airflow 3.3 and adds the server's ``Retry-After``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

try:
    from airflow.sdk import RetryDecision, RetryPolicy
except ImportError:  # Airflow before 3.3
    RetryPolicy = object  # type: ignore[assignment, misc]

from airflow_provider_damstra.errors import DamstraError, is_permanent
from airflow_provider_damstra.validation_errors import format_argument_error

if TYPE_CHECKING:
    from airflow.sdk import Context


@contextmanager
def fail_fast_on_permanent_errors() -> Iterator[None]:
    """Raise ``AirflowFailException`` for errors that no retry can resolve, with a message of one line.

    These are invalid arguments and permanent Damstra errors (``errors.is_permanent``).
    """
    from airflow.providers.common.compat.sdk import AirflowFailException

    try:
        yield
    except ValidationError as error:
        problem = f"{error.title} was not sent" if _is_invalid_argument(error) else "Invalid arguments"
        raise AirflowFailException(f"{problem}: {format_argument_error(error)}") from None
    except (
        DamstraError,
        ValueError,
    ) as error:  # a ValueError is an invalid argument that a template rendered
        if isinstance(error, DamstraError) and not is_permanent(error):
            raise
        raise AirflowFailException(str(error)) from error


class DamstraRetryPolicy(RetryPolicy):
    """Retry policy for tasks of this provider: fail immediately on permanent errors, honour ``Retry-After``.

    A refused key, a missing permission, invalid arguments and a rejected request fail immediately. After a
    429 or 5xx the task waits for as long as the server requests. A write whose outcome is unknown is retried:
    operators look up the current state before they write. Everything else follows the task's ``retries``.

    :raises AirflowOptionalProviderFeatureException: before Airflow 3.3, which has no retry policies.
    """

    def __init__(self) -> None:
        if RetryPolicy is object:
            from airflow.providers.common.compat.sdk import AirflowOptionalProviderFeatureException

            raise AirflowOptionalProviderFeatureException(
                "DamstraRetryPolicy needs Airflow 3.3. Leave out retry_policy: before it, tasks fail "
                "immediately where retrying is useless."
            )

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Return Airflow's decision after a failure of the task."""
        if _is_invalid_argument(exception):
            return RetryDecision.fail(reason=str(exception))
        if not isinstance(exception, DamstraError):
            return RetryDecision.default()
        if is_permanent(exception):
            return RetryDecision.fail(reason=str(exception))
        if exception.retry_after is not None:
            reason = f"Damstra requests a wait of {exception.retry_after:g} s."
            return RetryDecision.retry(delay=timedelta(seconds=exception.retry_after), reason=reason)
        if exception.outcome_unknown:
            reason = "The outcome of the request is unknown; the next try looks it up first."
            return RetryDecision.retry(reason=reason)
        return RetryDecision.default()

    def serialize(self) -> dict[str, Any]:
        """Return the settings for the serialized DAG: an empty dict."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> DamstraRetryPolicy:
        """Return the policy of a serialized DAG."""
        return cls()


def _is_invalid_argument(exception: BaseException) -> bool:
    """Return whether the arguments of an API call failed validation, before anything was sent."""
    if not isinstance(exception, ValidationError):
        return False
    from airflow_provider_damstra import endpoints

    return exception.title in endpoints.__all__
