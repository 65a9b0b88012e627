"""Errors of the lookup of a connection, by Airflow and in the server's processes."""

from __future__ import annotations

import traceback

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse

from airflow_provider_damstra.errors import DamstraTransportError
from airflow_provider_damstra.hooks.connection import find_connection
from airflow_provider_damstra.hooks.damstra import DamstraHook


def test_error_of_api_server_is_transport_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(cls: type[DamstraHook], conn_id: str) -> None:
        raise AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR))

    monkeypatch.setattr(DamstraHook, "get_connection", classmethod(fail))
    with pytest.raises(DamstraTransportError, match="Airflow's API server failed"):
        _ = DamstraHook().settings


def test_error_of_secrets_backend_is_shown_without_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LMS", "damstra://:k3y/4@damstra.example")
    with pytest.raises(DamstraTransportError) as caught:
        find_connection("lms")
    assert str(caught.value) == (
        "Connection 'lms' cannot be read from the environment variable AIRFLOW_CONN_LMS (ValueError)."
    )
    assert caught.value.__context__ is None
    assert "k3y" not in "".join(traceback.format_exception(caught.value))
