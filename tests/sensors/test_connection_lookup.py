"""A failing secrets backend or metadata database is a failed poll in every mode; a missing one is not."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.polling import client
from airflow_provider_damstra.sensors.lesson_schedule import DamstraLessonScheduleSensor
from airflow_provider_damstra.sensors.user import DamstraUserSensor
from tests.sensors.cases import LIAM, SCHEDULE
from tests.sensors.outcome import FinalState, Outcome, up_for_retry
from tests.sensors.secrets_backends import FailingBackend, FakeSupervisor
from tests.sensors.task_runner import MODES, SensorTask, run

if TYPE_CHECKING:
    from tests.sensors.cases import Damstra

every_mode = pytest.mark.parametrize("mode", MODES)
MISSING = (
    "The conn_id `damstra_default` isn't defined. Set the environment variable AIRFLOW_CONN_DAMSTRA_DEFAULT "
    "where the tasks and the triggerer run, or add it to Airflow's metadata database: airflow connections "
    "add damstra_default --conn-type damstra --conn-password '<access key>'"
)
EXISTING_USER: dict[str, Any] = {"emp_id": "E1011"}


@every_mode
def test_failing_backend_is_failed_poll(mode: str, damstra: Damstra, monkeypatch: pytest.MonkeyPatch) -> None:
    # The polls are closer together than two reads of the connection in the triggerer usually are.
    monkeypatch.setattr(client, "MIN_RELOAD_INTERVAL", 0.0)
    # A failed poll reads the connection twice.
    FailingBackend(damstra.emulator.connection_json, failures=4).install(monkeypatch)
    outcome = run(DamstraUserSensor, mode, EXISTING_USER, max_poll_failures=2)
    assert outcome == Outcome(FinalState.SUCCESS, [LIAM])


@every_mode
def test_backend_that_keeps_failing_fails_try(
    mode: str, damstra: Damstra, monkeypatch: pytest.MonkeyPatch
) -> None:
    FailingBackend(None, failures=math.inf).install(monkeypatch)
    outcome = run(DamstraUserSensor, mode, EXISTING_USER, max_poll_failures=1, soft_fail=True)
    assert outcome == up_for_retry(
        "2 consecutive polls failed: Connection 'damstra_default' cannot be read: the secrets backend "
        "FailingBackend failed (ConnectionRefusedError)."
    )
    assert damstra.emulator.journal() == []


@every_mode
def test_connection_that_no_backend_contains_fails_try_at_first_poll(
    mode: str, damstra: Damstra, monkeypatch: pytest.MonkeyPatch
) -> None:
    FailingBackend(None, failures=0).install(monkeypatch)
    outcome = run(DamstraUserSensor, mode, EXISTING_USER, poke_interval=3600)
    assert outcome == up_for_retry(MISSING)


@pytest.mark.needs_airflow("3.3")  # the supervisor's messages
@every_mode
@pytest.mark.parametrize("failures", [0, math.inf], ids=["database responds", "database fails"])
def test_connection_that_api_server_does_not_find_fails_poll_only_if_database_fails(
    mode: str, failures: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeSupervisor(failures=failures).install(monkeypatch)
    outcome = run(DamstraUserSensor, mode, EXISTING_USER, max_poll_failures=1)
    failing = (
        "2 consecutive polls failed: Connection 'damstra_default' cannot be read: "
        "Airflow's API server or metadata database failed (AirflowRuntimeError)."
    )
    assert outcome == up_for_retry(failing if failures else MISSING)


class FailingStore:
    """A task state store whose database fails."""

    def get(self, key: str, default: Any = None) -> Any:
        raise ConnectionError(key)

    set = delete = get


def test_failing_task_state_store_does_not_fail_rescheduled_sensor(damstra: Damstra) -> None:
    damstra.complete_schedule()
    damstra.emulator.add_fault("status", status=503, count=2)
    arguments = {"lesson_schedule_ids": SCHEDULE, **MODES["reschedule"]}
    store: Any = FailingStore()
    outcome = SensorTask(DamstraLessonScheduleSensor, arguments, store=store).run_try()
    assert outcome == Outcome(FinalState.SUCCESS, [SCHEDULE])


@every_mode
def test_silent_fail_waits_on_after_too_many_failed_polls(mode: str, damstra: Damstra) -> None:
    damstra.emulator.add_fault("status", status=503, count=4)
    outcome = run(DamstraUserSensor, mode, EXISTING_USER, max_poll_failures=0, silent_fail=True)
    assert outcome == Outcome(FinalState.SUCCESS, [LIAM])


@every_mode
def test_silent_fail_waits_for_missing_connection(
    mode: str, damstra: Damstra, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = FailingBackend(None, failures=0)
    backend.install(monkeypatch)
    lookups: list[str] = []

    def find(conn_id: str) -> Any:
        lookups.append(conn_id)
        if len(lookups) > 4:
            backend.connection = damstra.emulator.connection_json
        return FailingBackend.get_connection(backend, conn_id)

    monkeypatch.setattr(backend, "get_connection", find)
    outcome = run(DamstraUserSensor, mode, EXISTING_USER, silent_fail=True)
    assert outcome == Outcome(FinalState.SUCCESS, [LIAM])


@every_mode
def test_silent_fail_does_not_apply_to_permanent_error(mode: str, damstra: Damstra) -> None:
    damstra.emulator.add_fault("status", status=401)
    outcome = run(DamstraUserSensor, mode, EXISTING_USER, silent_fail=True)
    assert outcome.state == FinalState.FAILED


@every_mode
def test_unexpected_error_fails_try_despite_soft_fail(
    mode: str, damstra: Damstra, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider_damstra.conditions.user import UserCondition

    def fail(self: UserCondition) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(UserCondition, "evaluate", fail)
    outcome = run(DamstraUserSensor, mode, EXISTING_USER, soft_fail=True)
    assert outcome.state == FinalState.UP_FOR_RETRY
    assert "a bug" in outcome.message
