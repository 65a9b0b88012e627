"""The extra link from a task to Damstra Learning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from airflow_provider_damstra.links import DamstraLink
from airflow_provider_damstra.operators.user import DamstraActivateUserOperator
from airflow_provider_damstra.sensors.user import DamstraUserSensor
from tests.hooks.connections import connection_json

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstanceKey

TI_KEY = cast("TaskInstanceKey", None)
TASKS = [
    DamstraActivateUserOperator(task_id="step", user_id=1011, damstra_conn_id="lms"),
    DamstraUserSensor(task_id="wait", emp_id="E1", damstra_conn_id="lms"),
]


def link_of(task: Any) -> str:
    vars(task).pop("hook", None)
    return DamstraLink().get_link(task, ti_key=TI_KEY)


@pytest.mark.parametrize("task", TASKS, ids=str)
@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({}, "https://app.velpic.com/"),
        ({"host": "training.example.com"}, "https://training.example.com/"),
        ({"host": "https://training.example.com/lms/api/v2"}, "https://training.example.com/"),
        ({"host": "http://127.0.0.1:8090"}, "http://127.0.0.1:8090/"),
    ],
    ids=str,
)
def test_link_is_url_of_web_application(
    task: Any, fields: dict[str, Any], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LMS", connection_json(**fields))
    assert link_of(task) == url


@pytest.mark.parametrize("task", TASKS, ids=str)
def test_link_contains_no_credentials(task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LMS", connection_json(host="https://joe:secret@training.example.com"))
    assert "secret" not in link_of(task)


@pytest.mark.parametrize("task", TASKS, ids=str)
def test_link_is_empty_for_missing_or_invalid_connection(task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert link_of(task) == ""
    monkeypatch.setenv("AIRFLOW_CONN_LMS", connection_json(extra={"timeout": "soon"}))
    assert link_of(task) == ""
