"""Names of mapped tasks in the grid."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from airflow.sdk import DAG

from airflow_provider_damstra.map_index import set_map_index_template
from airflow_provider_damstra.operators.call import DamstraCallOperator
from airflow_provider_damstra.operators.group import (
    DamstraAddGroupMembersOperator,
    DamstraCreateGroupOperator,
)
from airflow_provider_damstra.operators.lesson import DamstraScheduleLessonsOperator
from airflow_provider_damstra.operators.user import DamstraCreateUserOperator
from airflow_provider_damstra.sensors.lesson_schedule import DamstraLessonScheduleSensor

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context

USER_IDS = [1011, 1012, 1013]
CASES: list[tuple[type[BaseOperator], dict[str, Any], dict[str, Any], str | None]] = [
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


@pytest.mark.parametrize(("kind", "same", "mapped", "name"), CASES)
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
