"""The page of the waiting tasks: what for, since when, which task, the next poll; by DAG permission."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.api_fastapi.app import get_auth_manager
from airflow.models.trigger import Trigger

from airflow_provider_damstra.pages import waits_page
from tests.pages.task_instances import add_task, add_trigger

if TYPE_CHECKING:
    from tests.pages.conftest import SignIn

pytestmark = pytest.mark.needs_airflow("3.1")

WAITS = "/damstra-ui/waits"


@pytest.mark.parametrize(
    ("role", "status"), [(None, 401), ("VIEWER", 200), ("USER", 200), ("OP", 200), ("ADMIN", 200)], ids=str
)
def test_waits_need_permission_to_read_task_instances(sign_in: SignIn, role: str | None, status: int) -> None:
    add_task("wait", "deferred", trigger_id=add_trigger(user_id=7, lesson_ids=[12]))
    response = sign_in(role).get(WAITS)
    assert response.status_code == status
    assert ("onboarding / wait" in response.text) is (status == 200)


def test_deferred_task_with_arguments_link_interval_and_deadline(sign_in: SignIn) -> None:
    deadline = datetime(2030, 5, 6, 7, 8, 9, tzinfo=UTC).timestamp()
    trigger_id = add_trigger(user_id=7, lesson_ids=[12, 13], deadline=deadline)
    add_task("wait", "deferred", trigger_id=trigger_id, map_index=3)
    page = sign_in("VIEWER").get(WAITS).text
    assert "user_id: 7" in page
    assert "lesson_ids: 12, 13" in page
    assert "within 1 min" in page
    assert "2030-05-06 07:08:09 UTC" in page
    assert "1 d 6 h" in page
    assert "/dags/onboarding/runs/manual__2026-01-01T00%3A00%3A00%2B00%3A00/tasks/wait/mapped/3" in page


@pytest.mark.parametrize(
    ("heartbeat", "problem"),
    [(None, "no triggerer has taken it yet"), (timedelta(hours=1), "its triggerer has stopped")],
    ids=["none", "stopped"],
)
def test_wait_without_triggerer_is_a_problem(
    sign_in: SignIn, heartbeat: timedelta | None, problem: str
) -> None:
    add_task("wait", "deferred", trigger_id=add_trigger(heartbeat=heartbeat, user_id=7, lesson_ids=[1]))
    assert problem in sign_in("VIEWER").get(WAITS).text


@pytest.mark.parametrize(
    ("threshold", "heartbeat", "is_stopped"), [("30", 45, True), ("600", 90, False)], ids=["30", "600"]
)
def test_triggerer_counts_as_stopped_after_the_time_that_airflow_is_configured_with(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch, threshold: str, heartbeat: int, is_stopped: bool
) -> None:
    monkeypatch.setenv("AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD", threshold)
    trigger_id = add_trigger(heartbeat=timedelta(seconds=heartbeat), user_id=7)
    add_task("wait", "deferred", trigger_id=trigger_id)
    assert ("its triggerer has stopped" in sign_in("VIEWER").get(WAITS).text) is is_stopped


def test_rescheduled_task_has_the_time_of_its_next_poll(sign_in: SignIn) -> None:
    rendered = {"group_id": 101, "lesson_id": "12", "damstra_conn_id": "site_b"}
    next_poll = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    add_task("wait", "up_for_reschedule", rendered=rendered, rescheduled_to=next_poll)
    page = sign_in("VIEWER").get(WAITS).text
    assert "group_id: 101" in page
    assert "site_b" in page
    assert "2030-01-02 03:04:05 UTC" in page


def test_other_tasks_and_ended_waits_are_not_shown(sign_in: SignIn) -> None:
    add_task("ended", "success")
    add_task("other", "running", operator="HttpSensor")
    add_task("call", "running", operator="DamstraCallOperator")
    page = sign_in("VIEWER").get(WAITS).text
    assert "No task of the DAGs that you may read waits" in page


def test_only_arguments_of_conditions_are_shown(sign_in: SignIn) -> None:
    rendered = {"user_id": 7, "requirements": "secret-1", "headers": "secret-2", "damstra_conn_id": "c"}
    add_task("wait", "running", rendered=rendered)
    page = sign_in("ADMIN").get(WAITS).text
    assert "user_id: 7" in page
    assert "secret-" not in page


def test_trigger_of_another_key_is_shown_without_arguments(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(encrypted: str) -> None:
        raise ValueError(encrypted)

    trigger_id = add_trigger(user_id=7, lesson_ids=[12])
    add_task("wait", "deferred", trigger_id=trigger_id)
    monkeypatch.setattr(Trigger, "_decrypt_kwargs", staticmethod(fail))
    page = sign_in("VIEWER").get(WAITS).text
    assert "onboarding / wait" in page
    assert "user_id" not in page


def test_tasks_of_unreadable_dags_are_neither_shown_nor_counted(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def readable(**_: Any) -> set[str]:
        return {"onboarding"}

    for dag_id in ("onboarding", "payroll"):
        trigger_id = add_trigger(user_id=7, lesson_ids=[12])
        add_task("wait", "deferred", dag_id=dag_id, trigger_id=trigger_id)
    monkeypatch.setattr(get_auth_manager(), "get_authorized_dag_ids", readable)
    page = sign_in("VIEWER").get(WAITS).text
    assert "1 task waits." in page
    assert "payroll" not in page


def test_longest_waits_are_shown_and_all_are_counted(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waits_page, "MAX_TASKS", 2)
    for number in range(3):
        add_task(f"wait{number}", "running")
    assert "3 tasks wait; the 2 that have waited longest are shown." in sign_in("VIEWER").get(WAITS).text
