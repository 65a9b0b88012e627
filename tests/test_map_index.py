"""What mapped tasks are called in the grid."""

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

PEOPLE = [1011, 1012, 1013]
NAMED: list[tuple[type[BaseOperator], dict[str, Any], dict[str, Any], str | None]] = [
    (DamstraAddGroupMembersOperator, {"group_id": 102}, {"user_ids": 1011}, "user 1011"),
    (DamstraAddGroupMembersOperator, {"user_ids": PEOPLE}, {"group_id": 102}, "group 102"),
    (DamstraAddGroupMembersOperator, {"group_id": 102}, {"user_ids": [1011]}, "user 1011"),
    (DamstraAddGroupMembersOperator, {"group_id": 102}, {"user_ids": PEOPLE}, "user 1011, 1012 and 1 more"),
    (DamstraScheduleLessonsOperator, {"user_ids": PEOPLE}, {"lesson_names": "First Aid"}, "lesson First Aid"),
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


def name_of(operator: BaseOperator, **context: Any) -> str | None:
    whole = cast("Context", {"ti": SimpleNamespace(map_index=0), **context})
    set_map_index_template(operator, whole)
    name = cast("dict[str, Any]", whole).get("map_index_template")
    return None if name is None else str(name)


def unmapped(kind: Any, same: dict[str, Any], mapped: dict[str, Any]) -> BaseOperator:
    with DAG("training"):
        step = kind.partial(task_id="step", **same).expand(**{name: [one] for name, one in mapped.items()})
    one: BaseOperator = step.unmap(mapped)
    return one


@pytest.mark.parametrize(("kind", "same", "mapped", "name"), NAMED)
def test_it_is_named_after_what_tells_it_from_the_others(
    kind: type[BaseOperator], same: dict[str, Any], mapped: dict[str, Any], name: str | None
) -> None:
    assert name_of(unmapped(kind, same, mapped)) == name


def test_the_dags_author_may_name_it() -> None:
    step = unmapped(DamstraAddGroupMembersOperator, {"group_id": 102}, {"user_ids": 7})
    assert name_of(step, map_index_template="{{ task.user_ids }}") == "{{ task.user_ids }}"


def test_a_task_that_is_not_mapped_has_no_name() -> None:
    step = DamstraAddGroupMembersOperator(task_id="step", group_id=102, user_ids=7)
    assert name_of(step, ti=SimpleNamespace(map_index=-1)) is None


def test_what_would_be_rendered_as_a_template_is_no_name() -> None:
    step = unmapped(DamstraCreateGroupOperator, {"description": "All"}, {"name": "{{ 7 }}"})
    assert name_of(step) is None
