"""The extra link to Damstra Learning, and the names of mapped tasks in the grid."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from airflow.providers.common.compat.sdk import AirflowNotFoundException
from airflow.sdk import DAG, task_group

from airflow_provider_damstra.errors import DamstraConfigurationError
from airflow_provider_damstra.hooks import connection_lookup
from airflow_provider_damstra.hooks.connection import settings_from_connection
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.operators.call import DamstraCallOperator
from airflow_provider_damstra.operators.group import (
    DamstraAddGroupMembersOperator,
    DamstraCreateGroupOperator,
)
from airflow_provider_damstra.operators.lesson import DamstraScheduleLessonsOperator
from airflow_provider_damstra.operators.user import DamstraActivateUserOperator, DamstraCreateUserOperator
from airflow_provider_damstra.sensors.lesson_schedule import (
    DamstraLessonScheduleSensor,
    DamstraUserLessonsSensor,
)
from airflow_provider_damstra.sensors.user import DamstraUserSensor
from airflow_provider_damstra.ui import DamstraLink
from tests.hooks.connections import connection, connection_json

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
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


def test_link_is_empty_for_connection_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: DamstraHook, conn_id: str) -> None:
        raise AirflowNotFoundException(conn_id)

    monkeypatch.setattr(DamstraHook, "get_connection", fail)
    monkeypatch.setattr(connection_lookup, "_find_problem", lambda _: "the metadata database failed")
    assert link_of(LINKED_TASKS[0]) == ""


USER_IDS = [1011, 1012, 1013]
NAMED_TASKS: list[tuple[type[BaseOperator], dict[str, Any], dict[str, Any], str]] = [
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
    (DamstraCreateGroupOperator, {"description": "All"}, {"name": "2026"}, "name 2026"),
    (DamstraCreateGroupOperator, {"description": "All"}, {"name": "{{ 7 }}"}, "name {{ 7 }}"),
    (DamstraCreateUserOperator, {}, {"user": {"employeeNumber": "E1", "userName": "ada"}}, "user E1"),
    (DamstraCreateUserOperator, {}, {"user": {"user_name": "ada"}}, "user ada"),
    (DamstraCreateUserOperator, {}, {"user": {"first_name": "Ada"}}, "index 3"),
    (DamstraCallOperator, {"endpoint": "GetUser"}, {"arguments": {"user_id": 7}}, "user 7"),
    (
        DamstraLessonScheduleSensor,
        {},
        {"lesson_schedule_ids": [{"user_id": 7, "lesson_schedule_ids": [1, 2]}]},
        "user 7",
    ),
]


def unmapped_task(
    kind: Any, same: dict[str, Any], mapped: dict[str, Any], *, is_native: bool = False
) -> BaseOperator:
    with DAG("training", render_template_as_native_obj=is_native):
        step = kind.partial(task_id="step", **same).expand(
            **{name: [value] for name, value in mapped.items()}
        )
    task: BaseOperator = step.unmap(mapped)
    return task


def map_index_name(task: BaseOperator) -> str | None:
    """Return what Airflow renders as the name of a mapped task instance."""
    if task.map_index_template is None:
        return None
    template = task.dag.get_template_env().from_string(task.map_index_template)
    name: str = template.render({"task": task, "ti": SimpleNamespace(map_index=3)})
    return name


@pytest.mark.parametrize("is_native", [False, True], ids=["text", "native"])
@pytest.mark.parametrize(("kind", "same", "mapped", "name"), NAMED_TASKS)
def test_mapped_task_is_named_after_distinguishing_argument(
    kind: type[BaseOperator], same: dict[str, Any], mapped: dict[str, Any], name: str, is_native: bool
) -> None:
    assert map_index_name(unmapped_task(kind, same, mapped, is_native=is_native)) == name


@pytest.mark.parametrize("options", [{}, {"default_args": {"map_index_template": "{{ task.user_ids }}"}}])
def test_template_of_dag_is_kept(options: dict[str, Any]) -> None:
    same = {"group_id": 102, **(options or {"map_index_template": "{{ task.user_ids }}"})}
    assert map_index_name(unmapped_task(DamstraAddGroupMembersOperator, same, {"user_ids": 7})) == "7"


def test_unmapped_task_gets_no_template() -> None:
    step = DamstraAddGroupMembersOperator(task_id="step", group_id=102, user_ids=7)
    assert map_index_name(step) is None


def test_tasks_in_mapped_task_group_are_named_and_start_on_worker() -> None:
    @task_group
    def onboard(user_id: Any) -> None:
        DamstraActivateUserOperator(task_id="activate", user_id=user_id)
        DamstraUserLessonsSensor(task_id="wait", user_id=user_id, lesson_ids=[201], start_from_trigger=True)

    with DAG("training") as dag:
        onboard.expand(user_id=[7, 8])
    activate, wait = dag.get_task("onboard.activate"), dag.get_task("onboard.wait")
    for step in (activate, wait):
        vars(step)["user_id"] = 7  # as rendered
        assert map_index_name(cast("BaseOperator", step)) == "user 7"
    assert (wait.start_from_trigger, wait.start_trigger_args) == (False, None)
