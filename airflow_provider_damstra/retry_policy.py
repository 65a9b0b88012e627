"""Which failures Airflow retries, and when. Needs Airflow 3.3; before it, operators do what they can."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

try:
    from airflow.sdk import RetryDecision, RetryPolicy
except ImportError:  # Airflow before 3.3
    RetryPolicy = object  # type: ignore[assignment, misc]

from airflow_provider_damstra.errors import DamstraError, is_permanent

if TYPE_CHECKING:
    from airflow.sdk import Context


class DamstraRetryPolicy(RetryPolicy):
    """Retries what can succeed, at the time that the server named, and nothing else.

    A refused key, a missing permission, arguments that do not fit and a refused request fail at once; after a
    429 or 5xx the task waits as long as the server asks; a request of unknown fate is retried, for operators
    look before they act.

    :raises AirflowOptionalProviderFeatureException: before Airflow 3.3, which has no retry policies.
    """

    def __init__(self) -> None:
        if RetryPolicy is object:
            from airflow.providers.common.compat.sdk import AirflowOptionalProviderFeatureException

            raise AirflowOptionalProviderFeatureException(
                "DamstraRetryPolicy needs Airflow 3.3. Leave out retry_policy: before it, tasks fail at once "
                "where retrying is useless."
            )

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Return what to do after a failure."""
        if _is_about_arguments(exception):
            return RetryDecision.fail(reason=str(exception))
        if not isinstance(exception, DamstraError):
            return RetryDecision.default()
        if is_permanent(exception):
            return RetryDecision.fail(reason=str(exception))
        if exception.retry_after is not None:
            wait = timedelta(seconds=exception.retry_after)
            return RetryDecision.retry(
                delay=wait, reason=f"Damstra asks to wait {exception.retry_after:g} s."
            )
        if exception.outcome_unknown:
            return RetryDecision.retry(
                reason="Nobody knows whether it was carried out; the next try looks first."
            )
        return RetryDecision.default()

    def serialize(self) -> dict[str, Any]:
        """Return what rebuilds it: it has no settings."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> DamstraRetryPolicy:
        """Return it again."""
        return cls()


def _is_about_arguments(exception: BaseException) -> bool:
    """Return whether a call of the API could not even be made."""
    from pydantic import ValidationError

    if not isinstance(exception, ValidationError):
        return False
    from airflow_provider_damstra import endpoints

    return exception.title in endpoints.__all__
