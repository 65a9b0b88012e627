"""DamstraRetryPolicy before Airflow 3.3 (``make compat`` runs the other tests on older versions)."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowOptionalProviderFeatureException

from airflow_provider_damstra import retry_policy
from airflow_provider_damstra.retry_policy import DamstraRetryPolicy


def test_retry_policy_raises_before_airflow_3_3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry_policy, "RetryPolicy", object)
    with pytest.raises(AirflowOptionalProviderFeatureException, match=r"needs Airflow 3\.3"):
        DamstraRetryPolicy()
