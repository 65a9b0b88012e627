"""Training matrix operator: file contents, requests sent, invalid input."""

from __future__ import annotations

import csv
import hashlib
import inspect
import io
from typing import TYPE_CHECKING, Any

import pytest
from pyarrow import parquet

from airflow_provider_damstra.errors import DamstraNotFoundError, DamstraServerError
from airflow_provider_damstra.transfers.training_matrix import DamstraTrainingMatrixOperator
from tests.emulator.api_client import HAUL_TRUCK_LESSON, PIT_CREW_A, TRAINEES
from tests.operators.task_runner import error_message, rejection_message, run

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.operators.conftest import ConnectionFactory

MINE, INDUCTION = 101, 201


def step(path: Path | str, **arguments: Any) -> DamstraTrainingMatrixOperator:
    given: dict[str, Any] = {"group_id": PIT_CREW_A, "file_format": "csv", **arguments}
    return DamstraTrainingMatrixOperator(task_id="matrix", target_path=str(path), **given)


def rows(path: Path) -> list[dict[str, str]]:
    text = path.read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def listed(api: ApiClient, user_id: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get_json(f"/user/{user_id}/lesson_schedule", maxResults=100)["results"]
    return found


def test_matrix_shows_schedules_listed_by_api(
    damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    path = tmp_path / "new" / "matrix.csv"
    result = run(step(f"file://{path}")).value
    people = rows(path)
    expected = {user["id"] for user in api.get_json("/group/102/member")["results"] if user["id"] in TRAINEES}
    assert {int(row["user_id"]) for row in people} == expected
    assert len(expected) > 4
    assert [row["name"] for row in people] == sorted((row["name"] for row in people), key=str.casefold)
    cells = 0
    for row in people:
        for schedule in listed(api, int(row["user_id"])):
            column = f"{schedule['lessonName']} [{schedule['lessonId']}]"
            assert row[f"{column} status"] == schedule["status"]
            assert row[f"{column} due"] == schedule["endDate"][:10]
            assert bool(row[f"{column} completed"]) == (schedule["status"] == "completed")
            cells += 1
    statuses = [row[name] for row in people for name in row if name.endswith(" status")]
    assert len(statuses) - statuses.count("not scheduled") == cells
    assert result == {
        "uri": f"file://{path}",
        "people": len(people),
        "lessons": 4,
        "statuses": {status: statuses.count(status) for status in set(statuses)},
        "bytes": path.stat().st_size,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    assert list(path.parent.iterdir()) == [path]


def test_parquet_equals_csv_with_types(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    run(step(tmp_path / "a.csv"))
    run(step(tmp_path / "a.parquet", file_format="parquet"))
    table = parquet.read_table(tmp_path / "a.parquet")
    as_texts = [
        {name: "" if value is None else str(value) for name, value in row.items()}
        for row in table.to_pylist()
    ]
    expected = [{**row, "active": str(row["active"] == "yes")} for row in rows(tmp_path / "a.csv")]
    assert as_texts == expected
    types = {str(field.type) for field in table.schema}
    assert types == {"int64", "string", "bool", "date32[day]"}


def test_matrix_sends_only_get_and_one_listing_per_member(
    damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    people = run(step(tmp_path / "a.csv")).value["people"]
    requested = [(entry["path"], str(entry["query"])) for entry in damstra_emulator.journal()]
    assert len(requested) == len(set(requested))
    assert len({path for path, _ in requested}) == people + 2
    assert {entry["method"] for entry in damstra_emulator.journal()} == {"GET"}


def test_lesson_ids_select_columns(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    result = run(step(tmp_path / "a.csv", lesson_ids=f"{HAUL_TRUCK_LESSON},{INDUCTION}")).value
    header = list(rows(tmp_path / "a.csv")[0])
    assert [name for name in header if name.endswith("status")] == [
        "Haul Truck Pre-start Checks [204] status",
        "Site Induction [201] status",
    ]
    assert result["lessons"] == 2
    assert result["statuses"]["not scheduled"] >= result["people"]


def test_later_schedule_replaces_earlier_one(
    damstra_emulator: DamstraEmulator,
    api: ApiClient,
    tmp_path: Path,
) -> None:
    def induction() -> str:
        run(step(tmp_path / "a.csv", lesson_ids=INDUCTION))
        return next(row for row in rows(tmp_path / "a.csv") if row["user_id"] == "1011")[
            "Site Induction [201] status"
        ]

    assert induction() == "completed"
    again = api.schedule(1011, 2002)
    assert induction() == "due"
    damstra_emulator.advance_clock(20 * 86400)
    assert induction() == "overdue"
    damstra_emulator.complete_lesson_schedule(again)
    assert induction() == "completed"


@pytest.mark.parametrize("file_format", ["csv", "html"])
def test_completions_that_do_not_count_are_marked(
    damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path, file_format: str
) -> None:
    path = tmp_path / "a"
    plain = run(step(path, file_format=file_format)).value["statuses"]
    assert plain.keys().isdisjoint({"not passed", "expired"})
    damstra_emulator.clear_journal()
    requirements = {"require_passed": True, "valid_for": "{{ params.valid_for }}"}
    operator = step(path, file_format=file_format, **requirements)
    statuses = run(operator, params={"valid_for": "22 days"}).value["statuses"]
    requested = damstra_emulator.journal(path="/lesson_schedule/*/certificate")
    assert min(statuses["completed"], statuses["not passed"], statuses["expired"]) > 0
    assert plain["completed"] == statuses["completed"] + statuses["not passed"] + statuses["expired"]
    assert [entry["status"] for entry in requested].count(404) == statuses["not passed"]
    assert (
        len(requested)
        == len({entry["path"] for entry in requested})
        == (statuses["completed"] + statuses["not passed"])
    )
    assert all(status in path.read_text("utf-8-sig") for status in ("not passed", "expired"))


def test_failed_certificate_request_writes_no_file(
    damstra_emulator: DamstraEmulator, connect: ConnectionFactory, tmp_path: Path
) -> None:
    connect(extra={"max_retries": 0})
    damstra_emulator.add_fault("status", path="/lesson_schedule/*/certificate", status=500, count=1)
    message = error_message(step(tmp_path / "a.csv", require_passed=True), DamstraServerError)
    assert "certificate" in message
    assert list(tmp_path.iterdir()) == []


def test_certificates_of_other_lessons_are_not_requested(
    damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    run(step(tmp_path / "a.csv", lesson_ids=HAUL_TRUCK_LESSON, require_passed=True))
    assert damstra_emulator.journal(path="/lesson_schedule/*/certificate") == []


def test_members_of_child_groups_appear_once(
    damstra_emulator: DamstraEmulator,
    api: ApiClient,
    tmp_path: Path,
) -> None:
    top = api.send("/group", name="Whole site", description="").json()["id"]
    for group in (PIT_CREW_A, 103):
        api.send(f"/group/{group}", name=f"Crew {group}", description="", parentId=top)
    below = api.send("/group", name="Apprentices", description="", parentId=103).json()["id"]
    api.send(f"/group/{below}/add_members", userIds=[1011, 1013])
    assert run(step(tmp_path / "alone.csv", group_id=top)).value["people"] == 0
    run(step(tmp_path / "all.csv", group_id=top, include_child_groups=True))
    people = {int(row["user_id"]): row["groups"] for row in rows(tmp_path / "all.csv")}
    members = [api.get_json(f"/group/{one}/member")["results"] for one in (102, 103, below)]
    assert set(people) == {user["id"] for found in members for user in found if user["id"] in TRAINEES}
    assert people[1011] == "Crew 102; Apprentices"
    assert people[1013] == "Apprentices"


def test_inactive_users_are_optional(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    for include_inactive in (False, True):
        path = tmp_path / f"{include_inactive}.csv"
        run(step(path, group_id=MINE, include_inactive=include_inactive))
        active = {row["user_id"]: row["active"] for row in rows(path)}
        assert active.get("1038") == ("no" if include_inactive else None)
        assert active["1011"] == "yes"


def test_markup_and_formulas_in_names_are_escaped(
    damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    formula, script = "=cmd('calc')", "<script>alert(1)</script>"
    group = api.send("/group", name=script, description="").json()["id"]
    user = {"userName": "x", "firstName": formula, "lastName": script, "employeeNumber": "@1"}
    user_id = api.send("/user", **user, emailAddress="x@example.com").json()["id"]
    api.send(f"/group/{group}/add_members", userIds=[user_id])
    api.schedule(user_id, 2002)
    run(step(tmp_path / "a.csv", group_id=group))
    run(step(tmp_path / "a.html", group_id=group, file_format="html"))
    (row,) = rows(tmp_path / "a.csv")
    assert (row["name"], row["employee_number"]) == (f"'{formula} {script}", "'@1")
    text = (tmp_path / "a.html").read_text()
    assert text.count("<script") == 1
    assert "<script>alert" not in text
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 4


def test_group_without_members_gives_empty_matrix(
    damstra_emulator: DamstraEmulator,
    api: ApiClient,
    tmp_path: Path,
) -> None:
    group = api.send("/group", name="Empty group", description="").json()["id"]
    for file_format in ("csv", "html"):
        result = run(step(tmp_path / "a", group_id=group, file_format=file_format)).value
        assert (result["people"], result["lessons"], result["statuses"]) == (0, 0, {})
        assert result["bytes"] == (tmp_path / "a").stat().st_size > 40


@pytest.mark.parametrize(
    ("arguments", "why"),
    [({"group_id": 9999}, "No group|group"), ({"lesson_ids": [INDUCTION, 998, 999]}, "Lesson 998, 999 does")],
)
def test_unknown_group_or_lesson_is_reported(
    arguments: dict[str, Any], why: str, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    message = error_message(step(tmp_path / "a.csv", **arguments), DamstraNotFoundError)
    assert any(one in message for one in why.split("|"))
    assert list(tmp_path.iterdir()) == []


def test_failed_listing_writes_no_file(
    damstra_emulator: DamstraEmulator,
    connect: ConnectionFactory,
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("last month's")
    connect(extra={"max_retries": 0})
    damstra_emulator.add_fault("status", path="/user/1021/lesson_schedule", status=500, count=1)
    assert "/user/1021/lesson_schedule" in error_message(step(path), DamstraServerError)
    assert path.read_text() == "last month's"
    assert list(tmp_path.iterdir()) == [path]
    run(step(path))
    assert "1021" in {row["user_id"] for row in rows(path)}


def test_file_is_independent_of_concurrency(
    damstra_emulator: DamstraEmulator,
    connect: ConnectionFactory,
    tmp_path: Path,
) -> None:
    connect(extra={"max_concurrency": 2})
    one = run(step(tmp_path / "a.csv", group_id=MINE)).value
    connect(extra={"max_concurrency": 16})
    assert run(step(tmp_path / "b.csv", group_id=MINE)).value["sha256"] == one["sha256"]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"file_format": "xlsx"}, "file_format is 'xlsx'; it can be html or csv or parquet"),
    ({"include_child_groups": "yes"}, "include_child_groups is 'yes'"),
    ({"include_inactive": None}, "include_inactive is None"),
    ({"require_passed": "yes"}, "require_passed is 'yes'"),
    ({"valid_for": "a year"}, "valid_for is 'a year'; it is a timedelta, or text such as '12 months'"),
    ({"time_zone": "Perth"}, "time_zone is 'Perth'; it must be an IANA time zone"),
    ({"time_zone": None}, "time_zone is None"),
    ({"time_zone": "../etc/passwd"}, "time_zone is '../etc/passwd'"),
    ({"group_id": "Pit Crew A"}, "group_id: "),
    ({"group_id": True}, "True is not a number"),
    ({"lesson_ids": []}, "lesson_ids: "),
    ({"lesson_ids": "201,201"}, "duplicate values: 201"),
    ({"target_path": ""}, "target_path is ''; it is the path or URL of a file"),
    ({"target_path": "/tmp/folder/"}, "it is the path or URL of a file"),  # noqa: S108
    ({"target_path": "nowhere://bucket/a.csv"}, "target_path 'nowhere://bucket/a.csv' cannot be written"),
    ({"target_path": "FOLDER"}, "but it is a folder"),
    ({"target_path": "FOLDER/file/a.csv"}, "file is not a folder"),
]


@pytest.mark.parametrize(("arguments", "why"), WRONG, ids=str)
def test_invalid_input_is_rejected_before_first_request(
    arguments: dict[str, Any], why: str, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    given = {"group_id": PIT_CREW_A, "target_path": f"{tmp_path}/a.csv", **arguments}
    given["target_path"] = given["target_path"].replace("FOLDER", str(tmp_path))
    assert why in rejection_message(DamstraTrainingMatrixOperator, given)
    assert damstra_emulator.journal() == []
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_ids_and_texts_are_templated(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    options = {
        "file_format",
        "include_child_groups",
        "include_inactive",
        "include_supervisors",
        "require_passed",
        "time_zone",
    }
    arguments = set(inspect.signature(DamstraTrainingMatrixOperator.__init__).parameters) - {"self", "kwargs"}
    assert set(DamstraTrainingMatrixOperator.template_fields) == (arguments - options) | {"damstra_conn_id"}
    params = {"group": str(PIT_CREW_A), "lessons": "201,202", "month": "2026-03"}
    templated = {"group_id": "{{ params.group }}", "lesson_ids": "{{ params.lessons }}"}
    path = f"{tmp_path}/{{{{ params.month }}}}.html"
    operator = step(path, **templated, file_format="html", title="<{{ params.month }}>")
    assert run(operator, params=params).value["lessons"] == 2
    assert "<h1>&lt;2026-03&gt;</h1>" in (tmp_path / "2026-03.html").read_text()


def test_lesson_names_select_columns(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    run(step(tmp_path / "ids.csv", lesson_ids=[HAUL_TRUCK_LESSON, INDUCTION]))
    run(step(tmp_path / "names.csv", lesson_names=["haul truck pre-start checks", "Site Induction"]))
    assert (tmp_path / "names.csv").read_bytes() == (tmp_path / "ids.csv").read_bytes()
    why = error_message(step(tmp_path / "none.csv", lesson_names=["A", "B"]), DamstraNotFoundError)
    assert why == "No lesson is named 'A', 'B'. Nothing was changed."
    assert not (tmp_path / "none.csv").exists()


@pytest.mark.parametrize("file_format", ["csv", "parquet", "html"])
def test_supervisors_are_included(
    file_format: str, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    path = tmp_path / "matrix"
    run(step(path, file_format=file_format, include_supervisors=True))
    if file_format == "html":
        assert b"supervised by Sandra Whitlam" in path.read_bytes()
        return
    people = rows(path) if file_format == "csv" else parquet.read_table(path).to_pylist()
    found = {(row["supervisors"], row["supervisor_email_addresses"]) for row in people}
    assert found == {("Sandra Whitlam", "sandra.whitlam@example.com")}
    assert list(people[0])[4:7] == ["groups", "supervisors", "supervisor_email_addresses"]
