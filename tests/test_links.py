"""The button that leads from a task to Damstra Learning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from airflow_provider_damstra.links import DamstraLink
from airflow_provider_damstra.operators.user import DamstraActivateUserOperator
from airflow_provider_damstra.sensors.user import DamstraUserSensor
from tests.hooks.connections import environment

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstanceKey

TI_KEY = cast("TaskInstanceKey", None)
TASKS = [
    DamstraActivateUserOperator(task_id="step", user_id=1011, damstra_conn_id="lms"),
    DamstraUserSensor(task_id="wait", emp_id="E1", damstra_conn_id="lms"),
]


def address_of(task: Any) -> str:
    vars(task).pop("hook", None)
    return DamstraLink().get_link(task, ti_key=TI_KEY)


@pytest.mark.parametrize("task", TASKS, ids=str)
@pytest.mark.parametrize(
    ("fields", "address"),
    [
        ({}, "https://app.velpic.com/"),
        ({"host": "training.example.com"}, "https://training.example.com/"),
        ({"host": "https://training.example.com/lms/api/v2"}, "https://training.example.com/"),
        ({"host": "http://127.0.0.1:8090"}, "http://127.0.0.1:8090/"),
    ],
    ids=str,
)
def test_it_leads_to_the_web_application(
    task: Any, fields: dict[str, Any], address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LMS", environment(**fields))
    assert address_of(task) == address


@pytest.mark.parametrize("task", TASKS, ids=str)
def test_it_shows_no_login(task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LMS", environment(host="https://joe:secret@training.example.com"))
    assert "secret" not in address_of(task)


@pytest.mark.parametrize("task", TASKS, ids=str)
def test_it_leads_nowhere_if_the_connection_cannot_be_used(
    task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert address_of(task) == ""
    monkeypatch.setenv("AIRFLOW_CONN_LMS", environment(extra={"timeout": "soon"}))
    assert address_of(task) == ""
