"""What cannot be on an older Airflow says which it needs; what else is different there, make compat shows."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowOptionalProviderFeatureException

from airflow_provider_damstra import retry_policy
from airflow_provider_damstra.retry_policy import DamstraRetryPolicy


def test_a_retry_policy_says_which_airflow_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry_policy, "RetryPolicy", object)
    with pytest.raises(AirflowOptionalProviderFeatureException, match=r"needs Airflow 3\.3"):
        DamstraRetryPolicy()
