"""An error of Airflow's lookup that Airflow 3.0 raises for a failing API server."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse

from airflow_provider_damstra.errors import DamstraTransportError
from airflow_provider_damstra.hooks.damstra import DamstraHook


def test_error_of_api_server_is_transport_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(cls: type[DamstraHook], conn_id: str) -> None:
        raise AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR))

    monkeypatch.setattr(DamstraHook, "get_connection", classmethod(fail))
    with pytest.raises(DamstraTransportError, match="Airflow's API server failed"):
        _ = DamstraHook().settings
