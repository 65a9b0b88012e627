"""What becomes of a task after a failure of Damstra's, with the policy for Airflow 3.3."""

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
from tests.hooks.connections import environment

with suppress(ImportError):  # before Airflow 3.3, where no test here runs
    from airflow.sdk import RetryDecision

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

pytestmark = pytest.mark.needs_airflow("3.3")

CREATE = CreateGroup(name="Welders", description="All of them")
# More than a minute, for which the client itself does not wait.
LATER = {"Retry-After": "90"}


def decision_after(error: BaseException) -> RetryDecision:
    return DamstraRetryPolicy().evaluate(error, try_number=1, max_tries=3)


@pytest.fixture(autouse=True)
def emulator(damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch) -> DamstraEmulator:
    """Return the emulator, with a connection whose client tries once."""
    given = json.loads(damstra_emulator.connection_json)
    monkeypatch.setenv("AIRFLOW_CONN_DAMSTRA_DEFAULT", json.dumps({**given, "extra": {"max_retries": 0}}))
    return damstra_emulator


def failure(call: Any = CREATE) -> DamstraError:
    """Return the error that a call ends with, as a task of one's own meets it."""
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
def test_what_no_retry_mends_fails_at_once(
    status: int, body: dict[str, Any], emulator: DamstraEmulator
) -> None:
    emulator.add_fault("status", status=status, body=body)
    error = failure()
    assert decision_after(error) == RetryDecision.fail(reason=str(error))


def test_a_connection_that_cannot_be_used_fails_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_DAMSTRA_DEFAULT", environment(extra={"timeout": "soon"}))
    error = failure()
    assert decision_after(error) == RetryDecision.fail(reason=str(error))


@pytest.mark.parametrize("status", [429, 503])
def test_it_is_tried_again_when_the_server_said(status: int, emulator: DamstraEmulator) -> None:
    emulator.add_fault("status", status=status, headers=LATER)
    assert decision_after(failure()) == RetryDecision.retry(
        delay=timedelta(seconds=90), reason="Damstra asks to wait 90 s."
    )


def test_what_may_have_been_done_is_tried_again_for_the_next_try_looks(emulator: DamstraEmulator) -> None:
    emulator.add_fault("drop_after", method="POST")
    assert decision_after(failure()) == RetryDecision.retry(
        reason="The outcome of the request is unknown; the next try looks it up first."
    )


@pytest.mark.parametrize("fault", [{"kind": "status", "status": 429}, {"kind": "drop_before"}], ids=str)
def test_the_rest_is_as_the_task_says(fault: dict[str, Any], emulator: DamstraEmulator) -> None:
    emulator.add_fault(**fault)
    assert decision_after(failure(GetUser(user_id=1011))) == RetryDecision.default()


def test_other_failures_are_not_its_business() -> None:
    assert decision_after(OSError("disk full")) == RetryDecision.default()


def test_arguments_that_do_not_fit_fail_at_once() -> None:
    with pytest.raises(ValidationError) as caught:
        GetUser(user_id="seven")
    assert decision_after(caught.value) == RetryDecision.fail(reason=str(caught.value))


def test_what_another_model_refuses_is_not_its_business() -> None:
    class Theirs(BaseModel):
        number: int

    with pytest.raises(ValidationError) as caught:
        Theirs.model_validate({"number": "seven"})
    assert decision_after(caught.value) == RetryDecision.default()


def test_a_dag_with_it_can_be_stored() -> None:
    with DAG("training", schedule=None) as dag:
        DamstraCreateGroupOperator(
            task_id="step", name="Welders", description="All", retries=3, retry_policy=DamstraRetryPolicy()
        )
    stored = json.loads(json.dumps(DagSerialization.to_dict(dag)))
    assert DagSerialization.from_dict(stored).get_task("step").has_retry_policy


def test_it_is_rebuilt_from_what_it_stores() -> None:
    stored = json.loads(json.dumps(DamstraRetryPolicy().serialize()))
    assert isinstance(DamstraRetryPolicy.deserialize(stored), DamstraRetryPolicy)
