"""The extra link to Damstra Learning, and the names of mapped tasks in the grid."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from airflow.sdk import DAG

from airflow_provider_damstra.errors import DamstraConfigurationError
from airflow_provider_damstra.hooks.connection import settings_from_connection
from airflow_provider_damstra.operators.call import DamstraCallOperator
from airflow_provider_damstra.operators.group import (
    DamstraAddGroupMembersOperator,
    DamstraCreateGroupOperator,
)
from airflow_provider_damstra.operators.lesson import DamstraScheduleLessonsOperator
from airflow_provider_damstra.operators.user import DamstraActivateUserOperator, DamstraCreateUserOperator
from airflow_provider_damstra.sensors.lesson_schedule import DamstraLessonScheduleSensor
from airflow_provider_damstra.sensors.user import DamstraUserSensor
from airflow_provider_damstra.ui import DamstraLink, set_map_index_template
from tests.hooks.connections import connection, connection_json

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context
    from airflow.sdk.types import TaskInstanceKey

TI_KEY = cast("TaskInstanceKey", None)
LINKED_TASKS = [
    DamstraActivateUserOperator(task_id="step", user_id=1011, damstra_conn_id="lms"),
    DamstraUserSensor(task_id="wait", emp_id="E1", damstra_conn_id="lms"),
]


def link_of(task: Any) -> str:
    vars(task).pop("hook", None)
    return DamstraLink().get_link(task, ti_key=TI_KEY)


@pytest.mark.parametrize("task", LINKED_TASKS, ids=str)
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


LINK_URLS = {
    "group": "#manage/groups/{id}",
    "user": "/people/{id}?tab=training",
    "lesson_schedule": "https://reports.example.com/schedules/{id}",
}


@pytest.mark.parametrize(
    ("task", "url"),
    [
        (
            DamstraActivateUserOperator(task_id="step", user_id=1011),
            "https://lms.example/people/1011?tab=training",
        ),
        (
            DamstraAddGroupMembersOperator(task_id="step", group_id="102", user_ids=[7]),
            "https://lms.example/#manage/groups/102",
        ),
        (
            DamstraScheduleLessonsOperator(task_id="step", user_ids=[7], lesson_ids=[204]),
            "https://lms.example/people/7?tab=training",
        ),
        (
            DamstraScheduleLessonsOperator(task_id="step", user_ids=[7, 8], lesson_ids=[204]),
            "https://lms.example/",
        ),
        (
            DamstraLessonScheduleSensor(task_id="step", lesson_schedule_ids=[30001]),
            "https://reports.example.com/schedules/30001",
        ),
        (DamstraActivateUserOperator(task_id="step", user_id="7/../x"), "https://lms.example/"),
    ],
    ids=str,
)
@pytest.mark.parametrize("in_uri", [False, True])
def test_link_leads_to_record_at_address_of_connection(
    task: Any, url: str, in_uri: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    task.damstra_conn_id = "lms"
    link_urls = json.dumps(LINK_URLS) if in_uri else LINK_URLS
    monkeypatch.setenv(
        "AIRFLOW_CONN_LMS", connection_json(host="lms.example", extra={"link_urls": link_urls})
    )
    assert link_of(task) == url


@pytest.mark.parametrize(
    "link_urls",
    [
        {"user": "javascript:alert({id})"},
        {"user": "#users"},
        {"user": "https://a b/{id}"},
        {"person": "#users/{id}"},
        {"user": 7},
        "#users/{id}",
        ["#users/{id}"],
    ],
    ids=str,
)
def test_invalid_link_urls_are_rejected(link_urls: Any) -> None:
    with pytest.raises(DamstraConfigurationError, match="link_urls"):
        settings_from_connection(connection(extra={"link_urls": link_urls}))


@pytest.mark.parametrize("task", LINKED_TASKS, ids=str)
def test_link_contains_no_credentials(task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LMS", connection_json(host="https://joe:secret@training.example.com"))
    assert "secret" not in link_of(task)


@pytest.mark.parametrize("task", LINKED_TASKS, ids=str)
def test_link_is_empty_for_missing_or_invalid_connection(task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert link_of(task) == ""
    monkeypatch.setenv("AIRFLOW_CONN_LMS", connection_json(extra={"timeout": "soon"}))
    assert link_of(task) == ""


USER_IDS = [1011, 1012, 1013]
NAMED_TASKS: list[tuple[type[BaseOperator], dict[str, Any], dict[str, Any], str | None]] = [
    (DamstraAddGroupMembersOperator, {"group_id": 102}, {"user_ids": 1011}, "user 1011"),
    (DamstraAddGroupMembersOperator, {"user_ids": USER_IDS}, {"group_id": 102}, "group 102"),
    (DamstraAddGroupMembersOperator, {"group_id": 102}, {"user_ids": [1011]}, "user 1011"),
    (DamstraAddGroupMembersOperator, {"group_id": 102}, {"user_ids": USER_IDS}, "user 1011, 1012 and 1 more"),
    (
        DamstraScheduleLessonsOperator,
        {"user_ids": USER_IDS},
        {"lesson_names": "First Aid"},
        "lesson First Aid",
    ),
    (DamstraScheduleLessonsOperator, {"lesson_ids": 1}, {"user_ids": "1,2"}, "user 1,2"),
    (DamstraCreateGroupOperator, {"description": "All"}, {"name": "Welders"}, "Welders"),
    (DamstraCreateGroupOperator, {"description": "All"}, {"name": "W" * 99}, "W" * 60),
    (DamstraCreateUserOperator, {}, {"user": {"employeeNumber": "E1", "userName": "ada"}}, "user E1"),
    (DamstraCreateUserOperator, {}, {"user": {"user_name": "ada"}}, "user ada"),
    (DamstraCreateUserOperator, {}, {"user": {"first_name": "Ada"}}, None),
    (DamstraCallOperator, {"endpoint": "GetUser"}, {"arguments": {"user_id": 7}}, "user 7"),
    (
        DamstraLessonScheduleSensor,
        {},
        {"lesson_schedule_ids": [{"user_id": 7, "lesson_schedule_ids": [1, 2]}]},
        "user 7",
    ),
]


def map_index_name(operator: BaseOperator, **context: Any) -> str | None:
    full_context = cast("Context", {"ti": SimpleNamespace(map_index=0), **context})
    set_map_index_template(operator, full_context)
    name = cast("dict[str, Any]", full_context).get("map_index_template")
    return None if name is None else str(name)


def unmapped_task(kind: Any, same: dict[str, Any], mapped: dict[str, Any]) -> BaseOperator:
    with DAG("training"):
        step = kind.partial(task_id="step", **same).expand(
            **{name: [value] for name, value in mapped.items()}
        )
    task: BaseOperator = step.unmap(mapped)
    return task


@pytest.mark.parametrize(("kind", "same", "mapped", "name"), NAMED_TASKS)
def test_mapped_task_is_named_after_distinguishing_argument(
    kind: type[BaseOperator], same: dict[str, Any], mapped: dict[str, Any], name: str | None
) -> None:
    assert map_index_name(unmapped_task(kind, same, mapped)) == name


def test_template_of_dag_is_kept() -> None:
    step = unmapped_task(DamstraAddGroupMembersOperator, {"group_id": 102}, {"user_ids": 7})
    assert map_index_name(step, map_index_template="{{ task.user_ids }}") == "{{ task.user_ids }}"


def test_unmapped_task_gets_no_template() -> None:
    step = DamstraAddGroupMembersOperator(task_id="step", group_id=102, user_ids=7)
    assert map_index_name(step, ti=SimpleNamespace(map_index=-1)) is None


def test_value_with_template_syntax_is_not_used() -> None:
    step = unmapped_task(DamstraCreateGroupOperator, {"description": "All"}, {"name": "{{ 7 }}"})
    assert map_index_name(step) is None
