"""DamstraRetryPolicy: its decision for each kind of failure (Airflow 3.3)."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG
from pydantic import BaseModel, ValidationError

from airflow_provider_damstra.endpoints import CreateGroup, GetUser
from airflow_provider_damstra.errors import DamstraError
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.operators.group import DamstraCreateGroupOperator
from airflow_provider_damstra.retry_policy import DamstraRetryPolicy
from tests.airflow_compat import DagSerialization
from tests.hooks.connections import connection_json

with suppress(ImportError):  # before Airflow 3.3, where no test here runs
    from airflow.sdk import RetryDecision

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

pytestmark = pytest.mark.needs_airflow("3.3")

CREATE = CreateGroup(name="Welders", description="All of them")
# Longer than a minute: the client itself does not wait for it.
RETRY_LATER = {"Retry-After": "90"}


def evaluate(error: BaseException) -> RetryDecision:
    return DamstraRetryPolicy().evaluate(error, try_number=1, max_tries=3)


@pytest.fixture(autouse=True)
def emulator(damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch) -> DamstraEmulator:
    """Return the emulator, with a connection without client retries."""
    given = json.loads(damstra_emulator.connection_json)
    monkeypatch.setenv("AIRFLOW_CONN_DAMSTRA_DEFAULT", json.dumps({**given, "extra": {"max_retries": 0}}))
    return damstra_emulator


def failed_call(call: Any = CREATE) -> DamstraError:
    """Return the error of a call, as a @task function gets it."""
    with pytest.raises(DamstraError) as caught:
        DamstraHook().call(call)
    return caught.value


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, {"error": "Token not valid", "internalCode": 806}),
        (403, {"error": "You are not authorised", "internalCode": 831}),
        (400, {"error": "Bad Request"}),
    ],
)
def test_permanent_error_fails(status: int, body: dict[str, Any], emulator: DamstraEmulator) -> None:
    emulator.add_fault("status", status=status, body=body)
    error = failed_call()
    assert evaluate(error) == RetryDecision.fail(reason=str(error))


def test_invalid_connection_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_DAMSTRA_DEFAULT", connection_json(extra={"timeout": "soon"}))
    error = failed_call()
    assert evaluate(error) == RetryDecision.fail(reason=str(error))


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_delays_retry(status: int, emulator: DamstraEmulator) -> None:
    emulator.add_fault("status", status=status, headers=RETRY_LATER)
    assert evaluate(failed_call()) == RetryDecision.retry(
        delay=timedelta(seconds=90), reason="Damstra requests a wait of 90 s."
    )


def test_unknown_outcome_is_retried(emulator: DamstraEmulator) -> None:
    emulator.add_fault("drop_after", method="POST")
    assert evaluate(failed_call()) == RetryDecision.retry(
        reason="The outcome of the request is unknown; the next try looks it up first."
    )


@pytest.mark.parametrize("fault", [{"kind": "status", "status": 429}, {"kind": "drop_before"}], ids=str)
def test_other_damstra_errors_use_default(fault: dict[str, Any], emulator: DamstraEmulator) -> None:
    emulator.add_fault(**fault)
    assert evaluate(failed_call(GetUser(user_id=1011))) == RetryDecision.default()


def test_foreign_exception_uses_default() -> None:
    assert evaluate(OSError("disk full")) == RetryDecision.default()


def test_invalid_arguments_fail() -> None:
    with pytest.raises(ValidationError) as caught:
        GetUser(user_id="seven")
    assert evaluate(caught.value) == RetryDecision.fail(reason=str(caught.value))


def test_validation_error_of_foreign_model_uses_default() -> None:
    class ForeignModel(BaseModel):
        number: int

    with pytest.raises(ValidationError) as caught:
        ForeignModel.model_validate({"number": "seven"})
    assert evaluate(caught.value) == RetryDecision.default()


def test_dag_with_policy_is_serializable() -> None:
    with DAG("training", schedule=None) as dag:
        DamstraCreateGroupOperator(
            task_id="step", name="Welders", description="All", retries=3, retry_policy=DamstraRetryPolicy()
        )
    stored = json.loads(json.dumps(DagSerialization.to_dict(dag)))
    assert DagSerialization.from_dict(stored).get_task("step").has_retry_policy


def test_policy_round_trips_through_serialization() -> None:
    stored = json.loads(json.dumps(DamstraRetryPolicy().serialize()))
    assert isinstance(DamstraRetryPolicy.deserialize(stored), DamstraRetryPolicy)
