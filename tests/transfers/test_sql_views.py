"""SQL views on loaded tables: the same statuses as the training matrix, and nothing else is replaced."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.endpoints import (
    InactivateUser,
)
from airflow_provider_damstra.exports.resources import RESOURCES
from airflow_provider_damstra.exports.sql.load import replace_all
from airflow_provider_damstra.exports.sql.prepare import prepare_table
from airflow_provider_damstra.exports.sql.tables import ResourceTable
from airflow_provider_damstra.exports.training_matrix.completion import CompletionRequirements
from airflow_provider_damstra.exports.training_matrix.reading import (
    TrainingMatrixRequest,
    read_training_matrix,
)
from airflow_provider_damstra.exports.training_matrix.schedule_status import (
    ScheduleStatuses,
    cell_of,
    deciding_schedule,
)
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.models.lesson_schedule import UserLessonSchedule
from airflow_provider_damstra.transfers.sql_engine import create_sql_engine
from airflow_provider_damstra.transfers.sql_views import (
    VIEW_NAMES,
    VIEWED_RESOURCES,
    DamstraCreateSqlViewsOperator,
)
from airflow_provider_damstra.transfers.to_sql import DamstraToSqlOperator
from airflow_provider_damstra.transfers.training_matrix import DamstraTrainingMatrixOperator
from tests.operators.task_runner import fail_fast_message, run

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.transfers.databases import Database

CREW, LIAM = 102, 1012
NOW = datetime.now(UTC)


def step(**arguments: Any) -> DamstraCreateSqlViewsOperator:
    return DamstraCreateSqlViewsOperator(task_id="views", **{"sql_conn_id": "warehouse", **arguments})


def load(resource: str, rows: list[dict[str, Any]], **options: Any) -> None:
    """Replace the rows of a table that is called like the resource."""
    engine, target = create_sql_engine("warehouse"), ResourceTable(RESOURCES[resource], resource, **options)
    prepare_table(engine, target, add_columns=False, deletes=True)
    replace_all(engine, target, [[json.dumps(row).encode() for row in rows]], batch_size=1000)


def load_from(*resources: str, **arguments: Any) -> None:
    for resource in resources:
        given = {"resource": resource, "sql_conn_id": "warehouse", "table": resource, **arguments}
        run(DamstraToSqlOperator(task_id="load", **given))


def timestamp(days: float) -> str:
    return (NOW + timedelta(days=days)).isoformat(timespec="milliseconds")


def schedule(number: int, user: Any = 1, lesson: Any = 204, **fields: Any) -> dict[str, Any]:
    return {"id": number, "userId": user, "lessonId": lesson, "lessonName": f"Lesson {lesson}", **fields}


def random_schedules(count: int) -> list[dict[str, Any]]:
    """Return schedules, about two for each user and lesson, with the status that they have now."""
    generator, rows = random.Random(11), []  # noqa: S311
    for number in range(1, count + 1):
        start, end = generator.choice([-40, -9, -5, 3, 30, None]), generator.choice([-7, 6, 40, None])
        completed = generator.choice([None, None, None, -9, -6, -5])
        status = "scheduled" if start is not None and start > 0 else "due"
        status = "overdue" if end is not None and end < 0 else status
        status = generator.choice([status, status, status, "cancelled", "paused"])
        dates = {"startDate": start, "endDate": end, "lessonCompletedDate": completed}
        rows.append(
            schedule(
                number,
                generator.randint(1, count // 8),
                generator.choice([1, 2, 3, 4, None]),
                status="completed" if completed else status,
                **{name: days and timestamp(days) for name, days in dates.items()},
            )
        )
    return rows


def test_training_status_is_that_of_the_deciding_schedule(warehouse: Database) -> None:
    rows = random_schedules(2000)
    load("users", [])
    load("lesson_schedules", rows)
    run(step(views=["training_status"]))
    by_key: dict[tuple[Any, int], list[UserLessonSchedule]] = {}
    for row in map(UserLessonSchedule.model_validate, rows):
        if row.lesson_id is not None:
            by_key.setdefault((row.user_id, row.lesson_id), []).append(row)
    expected = {key: deciding_schedule(of_key) for key, of_key in by_key.items()}
    found = warehouse.execute("SELECT user_id, lesson_id, lesson_schedule_id, status FROM training_status")
    assert len(found) == len(expected) > 500
    assert {(user, lesson): (number, status) for user, lesson, number, status in found} == {
        key: (one.id, cell_of(one).status) for key, one in expected.items()
    }


@pytest.mark.parametrize(
    ("fields", "status", "state"),  # dates as days from now
    [
        ({"status": "due", "endDate": -1}, "overdue", "overdue"),
        ({"status": "scheduled", "startDate": -1}, "due", "open"),
        ({"status": "scheduled", "startDate": 1}, "scheduled", "open"),
        ({"status": "scheduled"}, "scheduled", "open"),
        ({"status": None}, "open", "open"),
        ({"status": "paused", "endDate": -1}, "paused", "open"),
        ({"status": "overdue", "endDate": 1}, "overdue", "overdue"),
        ({"status": "overdue", "lessonCompletedDate": -1}, "completed", "completed"),
        ({"status": "cancelled", "endDate": -1}, "cancelled", "cancelled"),
    ],
    ids=str,
)
def test_training_record_has_the_status_at_the_time_of_the_query(
    fields: dict[str, Any], status: str, state: str, warehouse: Database
) -> None:
    load("users", [])
    dates = {name: timestamp(value) for name, value in fields.items() if isinstance(value, int)}
    load("lesson_schedules", [schedule(1, **{**fields, **dates})])
    run(step(views=["training_record"]))
    assert warehouse.execute("SELECT status, state FROM training_record") == [(status, state)]


def test_training_record_names_person_and_lesson(warehouse: Database) -> None:
    kim = {"id": 1, "employeeNumber": "E1", "firstName": "Kim", "lastName": "Lee", "clientStatusId": 57}
    load("users", [kim])
    dates = {"startDate": "2026-01-01T00:00:00Z", "lessonCompletedDate": "2026-01-02T00:00:00Z"}
    fields = {"version": 3, "lessonVersionId": 30, "userFirstName": "Ann", "userLastName": "Ono", **dates}
    load("lesson_schedules", [schedule(7, user, **fields) | {"id": user + 6} for user in (1, 2)])
    run(step(views=["training_record"]))
    names = "lesson_schedule_id, employee_number, first_name, last_name, active, lesson_name, version"
    found = warehouse.execute(f"SELECT {names} FROM training_record ORDER BY user_id")  # noqa: S608 (our names)
    assert found == [
        (7, "E1", "Kim", "Lee", False, "Lesson 204", 3),
        # A user who was not loaded.
        (8, None, "Ann", "Ono", None, "Lesson 204", 3),
    ]
    [[days]] = warehouse.execute(
        "SELECT count(*) FROM training_record WHERE starts_at >= '2026-01-01T00:00:00.000Z' "
        "AND completed_at <= '2026-01-02T00:00:00.000Z' AND due_at IS NULL AND started_at IS NULL"
    )
    assert days == 2


@pytest.mark.parametrize("members_from", ["group_members", "users"])
def test_current_matrix_equals_training_matrix(
    members_from: str, damstra_emulator: DamstraEmulator, warehouse: Database
) -> None:
    hook = DamstraHook()
    hook.call(InactivateUser(user_id=1014))
    load_from("users", "lesson_schedules", "groups", *{members_from} - {"users"})
    run(step(views=["current_matrix"]))
    names = "user_id, lesson_id, lesson_name, status, lesson_schedule_id IS NULL"
    found = warehouse.execute(f"SELECT {names} FROM current_matrix WHERE group_id = {CREW}")  # noqa: S608
    client, now = hook.get_conn(), datetime.now(UTC)
    matrix = read_training_matrix(
        client,
        TrainingMatrixRequest(group_id=CREW),
        at=now,
        read_schedules=DamstraTrainingMatrixOperator(
            task_id="matrix", group_id=CREW, target_path="unused"
        )._read_schedules,
        create_statuses=lambda: ScheduleStatuses(client, None, completion=CompletionRequirements(), at=now),
    )
    assert len(found) == len(set(found))
    assert {(*row[:4], bool(row[4])) for row in found} == {
        (row.user.id, lesson_id, name, cell.status, lesson_id not in row.cells)
        for row in matrix.rows
        for (lesson_id, name), cell in zip(matrix.lessons.items(), matrix.cells(row), strict=True)
    }
    assert {row[3] for row in found} >= {"completed", "not scheduled"}
    assert warehouse.execute(
        f"SELECT DISTINCT group_name FROM current_matrix WHERE group_id = {CREW}"  # noqa: S608
    ) == [(matrix.group.name,)]


def test_views_leave_out_deleted_rows(warehouse: Database) -> None:
    users: list[dict[str, Any]] = [{"id": 1, "firstName": "Kim"}, {"id": 2}]
    members: list[dict[str, Any]] = [{"id": number, "groupId": 5} for number in (1, 2)]
    schedules = [
        schedule(1, status="due"),
        schedule(2, status="due", lesson=205),
        schedule(3, 2, status="due"),
    ]
    for rows in (slice(None), slice(1)):
        for resource, all_rows in (
            ("users", users),
            ("group_members", members),
            ("lesson_schedules", schedules),
        ):
            load(resource, all_rows[rows], keeps_deleted=True)
    run(step())
    for view in VIEW_NAMES:
        found = warehouse.execute(f"SELECT user_id, lesson_id, status FROM {view}")  # noqa: S608 (our names)
        assert found == [(1, 204, "due")]


def test_views_need_no_optional_column_or_table(warehouse: Database) -> None:
    load("users", [{"id": 1, "employeeNumber": "E1", "groups": [5]}])
    load("lesson_schedules", [schedule(1, status="due")])
    for table, column in [("users", "employee_number"), ("lesson_schedules", "lesson_name")]:
        warehouse.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    run(step())
    found = warehouse.execute("SELECT group_id, group_name, employee_number, lesson_name FROM current_matrix")
    assert found == [(5, None, None, None)]


def test_second_run_replaces_own_views(damstra_emulator: DamstraEmulator, warehouse: Database) -> None:
    load_from(*VIEWED_RESOURCES)
    assert run(step()).value == run(step()).value == list(VIEW_NAMES)
    if warehouse.kind == "postgresql":
        warehouse.execute("CREATE VIEW report AS SELECT * FROM training_status")
        run(step())
        assert warehouse.execute("SELECT count(*) > 0 FROM report") == [(True,)]


def test_names_of_tables_and_views(damstra_emulator: DamstraEmulator, warehouse: Database) -> None:
    schema = {}
    if warehouse.kind == "postgresql":
        warehouse.execute('CREATE SCHEMA "Kim\'s %"')
        schema = {"schema": "Kim's %"}
    tables = {resource: f'a "100%":{resource}' for resource in VIEWED_RESOURCES}
    for resource, table in tables.items():
        load_from(resource, table=table, **schema)
    created = run(step(tables=tables, view_prefix='{{ who }}\'s "100%":', **schema), who="Kim").value
    prefix = "Kim's %." if schema else ""
    assert created == [f'{prefix}Kim\'s "100%":{view}' for view in VIEW_NAMES]
    quoted = '"Kim\'s %".' if schema else ""
    [[count]] = warehouse.execute(f'SELECT count(*) FROM {quoted}"Kim\'s ""100%"":current_matrix"')  # noqa: S608
    assert count > 0


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("CREATE TABLE training_status (user_id BIGINT)", "table"),
        ("CREATE VIEW training_status AS SELECT 1 AS user_id", "view"),
    ],
)
def test_foreign_table_or_view_is_not_replaced(
    statement: str, kind: str, damstra_emulator: DamstraEmulator, warehouse: Database
) -> None:
    load_from("users", "lesson_schedules")
    warehouse.execute(statement)
    assert fail_fast_message(step()) == (
        f"there is already a {kind} training_status that this provider did not create: set view_prefix, so "
        "that the names of the views differ"
    )
    assert warehouse.execute("SELECT count(*) FROM training_status") == [(0 if kind == "table" else 1,)]
    # All views or none.
    name = "sqlite_master" if warehouse.kind == "sqlite" else "pg_class"
    column = "name" if warehouse.kind == "sqlite" else "relname"
    assert warehouse.execute(f"SELECT count(*) FROM {name} WHERE {column} = 'training_record'") == [(0,)]  # noqa: S608
    assert run(step(view_prefix="damstra_")).value[1] == "damstra_training_status"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (
            {},
            "there is no table lesson_schedules with lesson_schedules: load it with ",
        ),
        ({"tables": {"members": "m"}}, "tables is {'members': 'm'}; it is a list that can hold "),
        ({"tables": "users"}, "tables is a str, not names and values"),
        ({"views": ["matrix"]}, "views is ['matrix']; it is a list that can hold training_record and "),
        ({"sql_conn_id": "damstra_default"}, "is a connection of type 'damstra', which is no SQL database"),
    ],
    ids=str,
)
def test_invalid_argument_is_rejected(
    arguments: dict[str, Any], why: str, damstra_emulator: DamstraEmulator, warehouse: Database
) -> None:
    if "views" in arguments:
        with pytest.raises(ValueError, match="views is"):
            step(**arguments)
    else:
        assert why in fail_fast_message(step(**arguments))


def test_too_long_name_of_view_is_rejected(on_postgresql: Database) -> None:
    message = fail_fast_message(step(view_prefix="x" * 50))
    assert message.endswith("is too long: this database allows 63 bytes")


def test_named_table_must_exist_and_have_required_columns(warehouse: Database) -> None:
    load("users", [])
    load("lesson_schedules", [])
    named = step(tables={"groups": "crews"})
    assert "there is no table crews with groups" in fail_fast_message(named)
    warehouse.execute("ALTER TABLE lesson_schedules DROP COLUMN end_date")
    assert (
        fail_fast_message(step()) == "the table lesson_schedules has no column end_date, which the view needs"
    )
