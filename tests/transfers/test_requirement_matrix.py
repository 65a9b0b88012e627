"""Training matrix by training rules: statuses, dates and shares against the emulator."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from pyarrow import parquet

from airflow_provider_damstra.errors import DamstraNotFoundError
from airflow_provider_damstra.transfers.training_matrix import DamstraTrainingMatrixOperator
from tests.emulator.api_client import HAUL_TRUCK_LESSON, PIT_CREW_A
from tests.operators.task_runner import error_message, rejection_message, run

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient

INDUCTION, HEIGHTS = 201, 202
INDUCTION_COLUMN = "Site Induction [201]"
YEARLY = {"lessons": ["Site Induction"], "groups": ["Pit Crew A"], "valid_for": "12 months"}


def step(path: Path, **arguments: Any) -> DamstraTrainingMatrixOperator:
    given: dict[str, Any] = {"group_id": PIT_CREW_A, "file_format": "csv", "requirements": [YEARLY]}
    return DamstraTrainingMatrixOperator(task_id="matrix", target_path=str(path), **{**given, **arguments})


def rows(path: Path) -> list[dict[str, str]]:
    text = path.read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def row_of(path: Path, user_id: int) -> dict[str, str]:
    return next(row for row in rows(path) if row["user_id"] == str(user_id))


def test_statuses_follow_from_the_schedules_that_the_api_lists(
    damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    result = run(step(path)).value
    now, zone = datetime.now(UTC), ZoneInfo("Australia/Perth")
    for row in rows(path):
        listed = api.get_json(f"/user/{row['user_id']}/lesson_schedule", maxResults=100)["results"]
        inductions = [one for one in listed if one["lessonId"] == INDUCTION and one["status"] != "cancelled"]
        dates = [one["lessonCompletedDate"] for one in inductions if "lessonCompletedDate" in one]
        completed = max((datetime.fromisoformat(date).astimezone(zone) for date in dates), default=None)
        if completed:
            assert row[f"{INDUCTION_COLUMN} status"] == "current"
            assert row[f"{INDUCTION_COLUMN} completed"] == str(completed.date())
            valid_through = completed.date().replace(year=completed.year + 1)
            assert row[f"{INDUCTION_COLUMN} valid_through"] == str(valid_through)
        elif not inductions:
            assert row[f"{INDUCTION_COLUMN} status"] == "missing"
        else:
            (due,) = (one["endDate"] for one in inductions)
            is_overdue = datetime.fromisoformat(due) <= now
            assert row[f"{INDUCTION_COLUMN} status"] == ("overdue" if is_overdue else "assigned")
            assert row[f"{INDUCTION_COLUMN} valid_through"] == ""
    statuses = [row[f"{INDUCTION_COLUMN} status"] for row in rows(path)]
    assert set(statuses) > {"current"}
    assert result["statuses"] == {status: statuses.count(status) for status in set(statuses)}
    assert (result["required"], result["trained"]) == (len(statuses), statuses.count("current"))


def test_lesson_that_no_rule_requires_of_a_person_is_not_required(
    damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    rules = [{"lessons": ["Working at Heights"], "users": [1011]}, {**YEARLY, "groups": [103]}]
    result = run(step(path, requirements=rules)).value
    people = len(rows(path))
    assert row_of(path, 1011)["Working at Heights [202] status"] != "not required"
    others = [row for row in rows(path) if row["user_id"] != "1011"]
    assert {row["Working at Heights [202] status"] for row in others} == {"not required"}
    assert result["required"] + result["statuses"]["not required"] == 2 * people
    heights = [name for name in rows(path)[0] if "Heights" in name]
    assert [name.rsplit(" ", 1)[1] for name in heights] == ["status", "due", "completed", "valid_through"]


def test_most_urgent_of_several_rules_counts_and_reason_names_it(
    damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    short = {"name": "Monthly", "lessons": [INDUCTION], "users": [1011], "valid_for": "1 day"}
    path = tmp_path / "a.html"
    run(step(path, requirements=[YEARLY, short], file_format="html"))
    reasons = re.findall(r'title="([^"]+)"', path.read_text())
    assert [one for one in reasons if one.startswith("Monthly: completed on")] != []
    assert len([one for one in reasons if one.startswith("Site Induction: ")]) == len(reasons) - 1


def test_days_are_those_of_the_person_or_else_of_the_argument(
    damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    evening = datetime.now(UTC).replace(hour=20, minute=0, second=0, microsecond=0) - timedelta(days=2)
    damstra_emulator.set_clock(evening)
    schedule = api.schedule(1011, 2002)
    damstra_emulator.complete_lesson_schedule(schedule)
    for zone, days in (("Australia/Perth", 1), ("America/Los_Angeles", 0)):
        set_time_zone(api, 1011, zone)
        run(step(tmp_path / "a.csv", time_zone="Asia/Tokyo"))
        completed = row_of(tmp_path / "a.csv", 1011)[f"{INDUCTION_COLUMN} completed"]
        assert completed == str(evening.date() + timedelta(days=days))


def set_time_zone(api: ApiClient, user_id: int, time_zone: str) -> None:
    """Update a user, with all fields that an update has to repeat."""
    names = ("id", "userName", "firstName", "lastName", "emailAddress", "employeeNumber", "roles")
    user = api.get_json(f"/user/{user_id}")
    fields = {**{name: user[name] for name in names}, "phoneNumber": "", "mobileNumber": ""}
    api.send(f"/user/{user_id}", **fields, timeZone=time_zone)


def test_status_at_an_earlier_time_ignores_what_came_later(
    damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    path, before = tmp_path / "a.csv", "2020-01-01T00:00:00+08:00"
    assert run(step(path, at="{{ params.at }}"), params={"at": before}).value["trained"] == 0
    assert {row[f"{INDUCTION_COLUMN} completed"] for row in rows(path)} == {""}
    assert run(step(path), run_after=datetime.fromisoformat(before)).value["trained"] == 0
    assert run(step(path)).value["trained"] > 0


def test_require_passed_requests_the_certificate_of_the_latest_completion(
    damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    trained = run(step(tmp_path / "a.csv")).value["trained"]
    damstra_emulator.clear_journal()
    passed = run(step(tmp_path / "a.csv", requirements=[{**YEARLY, "require_passed": True}])).value["trained"]
    requested = damstra_emulator.journal(path="/lesson_schedule/*/certificate")
    assert len(requested) == len({entry["path"] for entry in requested}) >= trained
    assert [entry["status"] for entry in requested].count(200) == passed
    assert {entry["method"] for entry in damstra_emulator.journal()} == {"GET"}


def test_parquet_has_the_columns_of_csv(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    run(step(tmp_path / "a.csv", include_supervisors=True))
    run(step(tmp_path / "a.parquet", file_format="parquet", include_supervisors=True))
    table = parquet.read_table(tmp_path / "a.parquet")
    as_texts = [
        {name: "" if value is None else str(value) for name, value in row.items()}
        for row in table.to_pylist()
    ]
    assert as_texts == [{**row, "active": str(row["active"] == "yes")} for row in rows(tmp_path / "a.csv")]
    assert str(table.schema.field(f"{INDUCTION_COLUMN} valid_through").type) == "date32[day]"


def test_rules_of_a_file_equal_rules_of_an_argument(
    damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps({"requirements": [YEARLY]}))
    run(step(tmp_path / "a.csv", requirements=None, requirements_path=str(rules)))
    run(step(tmp_path / "b.csv", requirements=json.dumps([YEARLY])))
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_lesson_ids_select_columns_of_the_rules(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    rules = [{"lessons": [INDUCTION, HEIGHTS, HAUL_TRUCK_LESSON], "all": True}]
    path = tmp_path / "a.csv"
    result = run(step(path, requirements=rules, lesson_names=["Working at Heights", "Site Induction"])).value
    assert [name[-12:-8] for name in rows(path)[0] if name.endswith(" status")] == ["[202", "[201"]
    assert result["lessons"] == 2
    why = error_message(
        step(path, requirements=rules, lesson_ids=[INDUCTION, 203, 205]), DamstraNotFoundError
    )
    assert why == "Lesson 203, 205 is in no rule; no matrix was written."


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ({"lessons": ["Site Inducton"]}, "did you mean 'Site Induction'?"),
        ({"groups": ["Pit Crew Z"]}, "no active group is named 'Pit Crew Z'"),
    ],
)
def test_rule_that_names_nothing_is_reported_and_no_file_written(
    rule: dict[str, Any], why: str, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    message = error_message(step(tmp_path / "a.csv", requirements=[{**YEARLY, **rule}]), DamstraNotFoundError)
    assert "requirements[0]" in message
    assert why in message
    assert list(tmp_path.iterdir()) == []


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"requirements_path": "/rules.yaml"}, "give at most one of requirements, requirements_path"),
    ({"requirements": [{"lessons": [201]}]}, "requirements[0]: give exactly one of groups, roles, users"),
    ({"requirements": None, "requirements_path": "/no/rules.yaml"}, "requirements_path"),
    ({"require_passed": True}, "require_passed and valid_for are keys of the rules"),
    ({"valid_for": "1 year"}, "require_passed and valid_for are keys of the rules"),
    ({"requirements": None, "at": "2026-03-01T00:00:00+08:00"}, "at is for requirements"),
    ({"at": "2026-03-01"}, "has no time zone"),
]


@pytest.mark.parametrize(("arguments", "why"), WRONG, ids=str)
def test_invalid_arguments_are_rejected_before_first_request(
    arguments: dict[str, Any], why: str, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    given = {"group_id": PIT_CREW_A, "target_path": f"{tmp_path}/a.csv", "requirements": [YEARLY]}
    assert why in rejection_message(DamstraTrainingMatrixOperator, {**given, **arguments})
    assert damstra_emulator.journal() == []
    assert list(tmp_path.iterdir()) == []
