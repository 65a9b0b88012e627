"""Fuzz conditions and the training matrix with lesson schedules of faulty servers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_damstra.conditions.base import page_cache_for, user_schedules_query
from airflow_provider_damstra.conditions.lesson_schedule import LessonScheduleCondition
from airflow_provider_damstra.conditions.progress import describe_open_items
from airflow_provider_damstra.conditions.schedule_changes import ScheduleChangesCondition, diff_snapshots
from airflow_provider_damstra.conditions.training_gate import TrainingGateCondition
from airflow_provider_damstra.conditions.user import GroupLessonCondition, UserLessonsCondition
from airflow_provider_damstra.errors import DamstraError
from airflow_provider_damstra.exports.row_parsing import parse_lesson_schedule
from airflow_provider_damstra.exports.training_matrix.data_files import to_csv
from airflow_provider_damstra.exports.training_matrix.matrix import MatrixRow, TrainingMatrix
from airflow_provider_damstra.exports.training_matrix.page import to_html
from airflow_provider_damstra.exports.training_matrix.schedule_status import cell_of, deciding_schedule
from airflow_provider_damstra.http import Response
from airflow_provider_damstra.models import Group, User, UserLessonSchedule
from tests.fuzz.settings import fuzz_settings
from tests.fuzz.strategies import page, rows, to_json, unique_rows

if TYPE_CHECKING:
    from airflow_provider_damstra.conditions.base import Condition
    from airflow_provider_damstra.conditions.schedule_changes import Snapshot

USER, LESSON = 7, 3


@fuzz_settings
@given(unique_rows(UserLessonSchedule))
def test_conditions_evaluate_any_schedules_or_raise_damstra_error(schedules: list[dict[str, Any]]) -> None:
    query = user_schedules_query(USER)
    request = query.page_request(start=0, size=100)
    try:
        parsed = page_cache_for(query).read(
            query, request, Response(status=200, headers={}, body=page(schedules))
        )
    except DamstraError:
        return
    people = f'[{{"time_zone":"Australia/Perth","requirements":[0],"users":{{"{USER}":null}}}}]'
    requirement = {"lesson_id": LESSON, "lesson_name": "L", "lesson_version_id": 1, "valid_for": "P1Y"}
    snapshots: dict[int, Snapshot] = {}
    conditions: list[Condition] = [
        UserLessonsCondition(user_id=USER, lesson_ids=[LESSON]),
        GroupLessonCondition(group_id=1, lesson_id=LESSON),
        TrainingGateCondition(people=people, requirements=json.dumps([requirement])),
        ScheduleChangesCondition(user_ids=[USER], on_snapshot=snapshots.__setitem__),
    ]
    if schedules:
        ids = [row["id"] for row in schedules]
        conditions.append(
            LessonScheduleCondition(lesson_schedule_ids=ids, users_by_schedule=dict.fromkeys(ids, USER))
        )
    for condition in conditions:
        condition.update(query, parsed.rows)
        condition.queries()
        condition.evaluate()
        describe_open_items(condition)
    diff_snapshots(USER, {}, snapshots[USER], observed_at=datetime.now(UTC))


@fuzz_settings
@given(time_zone=st.sampled_from(["Pacific/Kiritimati", "America/Los_Angeles"]), row=rows(UserLessonSchedule))
def test_matrix_renders_any_schedule_or_raises_damstra_error(time_zone: str, row: dict[str, Any]) -> None:
    try:
        schedule = parse_lesson_schedule(to_json(row))
    except DamstraError:
        return
    cells = {LESSON: cell_of(deciding_schedule([schedule, schedule]))}
    matrix = TrainingMatrix(
        group=Group(id=1),
        lessons={LESSON: schedule.lesson_name or ""},
        rows=[MatrixRow(user=User(id=USER), groups=(), cells=cells)],
        at=datetime.now(UTC),
    )
    assert to_html(matrix, time_zone=ZoneInfo(time_zone))
    assert to_csv(matrix, time_zone=ZoneInfo(time_zone))
