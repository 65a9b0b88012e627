"""Training statuses of the emulator's users: rows, counts, people, time, and users who cannot be read."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pyarrow import parquet

from airflow_provider_damstra.errors import DamstraError
from tests.operators.task_runner import error_message, fail_fast_message, run
from tests.transfers.training_statuses import (
    HANDLING,
    HEIGHTS,
    INDUCTION,
    INDUCTION_RULE,
    read_rows,
    record_completion,
    states,
    status_operator,
)

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient

CREW = (1011, 1016, 1021, 1026, 1031, 1036)
"""The active members of Pit Crew A."""

NOT_FOUND = {"message": "User not found", "reason": "User not found", "statusCode": 404}
INACTIVE, UNKNOWN = 1038, 9999


def listed_users(emulator: DamstraEmulator) -> list[int]:
    """Return the users whose lesson schedules were listed, each once."""
    paths = {entry["path"] for entry in emulator.journal("GET", "/user/*/lesson_schedule")}
    return sorted(int(path.split("/")[-2]) for path in paths)


def test_row_has_dates_rule_and_reason(
    damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    # Morning in UTC is the same day in Australia.
    completed = (damstra_emulator.now - timedelta(days=2)).replace(hour=4, minute=0, second=0, microsecond=0)
    schedule_id = record_completion(api, 1004, HEIGHTS, completed)
    rule = {"name": "Heights", "lessons": [HEIGHTS], "users": [1004], "valid_for": "12 months"}
    at = damstra_emulator.now + timedelta(seconds=1)
    result = run(status_operator(tmp_path / "rows.jsonl", rule), run_after=at).value
    row = read_rows(tmp_path / "rows.jsonl")[1004, HEIGHTS]
    expires = datetime.fromisoformat(row.pop("expires_at"))
    assert timedelta(days=362) < expires - at < timedelta(days=366)
    assert row.pop("reason").startswith(f"completed on {completed.date()}, valid through ")
    assert datetime.fromisoformat(row.pop("evaluated_at")) == at
    assert datetime.fromisoformat(row.pop("completed_at")) == completed
    assert row == {
        "user_id": 1004,
        "employee_number": "E1004",
        "name": "Tom Gallagher",
        "email_address": "tom.gallagher@example.com",
        "lesson_id": HEIGHTS,
        "lesson_name": "Working at Heights",
        "rule": "Heights",
        "state": "current",
        "due_at": None,
        "lesson_schedule_id": schedule_id,
    }
    assert (result["people"], result["rows"], result["states"]["current"]) == (1, 1, 1)


def test_each_person_and_lesson_has_one_row_by_the_most_urgent_rule(
    damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    strict = {"name": "Strict", "lessons": [INDUCTION], "users": list(CREW), "require_passed": True}
    operator = status_operator(tmp_path / "rows.jsonl", {**INDUCTION_RULE, "name": "Lenient"}, strict)
    outcome = run(operator, run_after=damstra_emulator.now)
    rows = read_rows(tmp_path / "rows.jsonl")
    assert sorted(rows) == [(user_id, INDUCTION) for user_id in CREW]
    # 1016 completed the lesson with a failed test.
    assert (rows[1016, INDUCTION]["rule"], rows[1016, INDUCTION]["state"]) == ("Strict", "missing")
    assert rows[1016, INDUCTION]["reason"] == "completed, but with a failed test; not scheduled"
    assert rows[1011, INDUCTION]["state"] == "current"
    assert outcome.xcoms["rows"] == 6
    assert sum(outcome.xcoms["states"].values()) == 6
    assert outcome.xcoms["lessons"] == [
        {"lesson_id": INDUCTION, "lesson_name": "Site Induction", "states": outcome.xcoms["states"]}
    ]


def test_people_without_a_rule_are_not_read(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    run(status_operator(tmp_path / "rows.jsonl"), run_after=damstra_emulator.now)
    assert listed_users(damstra_emulator) == list(CREW)


@pytest.mark.parametrize(
    "people",
    [{"user_ids": "[1011, 1004]"}, {"employee_numbers": ["E1011", "e1004"]}],
    ids=["ids", "employee numbers"],
)
def test_people_can_be_restricted(damstra_emulator: DamstraEmulator, tmp_path: Path, people: Any) -> None:
    rule = {"lessons": [INDUCTION, HANDLING], "all": True}
    run(status_operator(tmp_path / "rows.jsonl", rule, **people), run_after=damstra_emulator.now)
    expected = [(user_id, lesson_id) for user_id in (1004, 1011) for lesson_id in (INDUCTION, HANDLING)]
    assert sorted(read_rows(tmp_path / "rows.jsonl")) == expected


def test_status_is_that_of_the_time_at(
    damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    now = damstra_emulator.now
    record_completion(api, 1004, INDUCTION, now - timedelta(days=1))
    rule = {"lessons": [INDUCTION], "users": [1004], "valid_for": "12 months", "warn_before": "30 days"}
    found: list[str] = []
    for days in (-10, 0, 340, 400):
        path = tmp_path / f"{days}.jsonl"
        at = now + timedelta(days=days, minutes=1)
        run(status_operator(path, rule, at=at.isoformat()), run_after=now)
        found += states(path).values()
    assert found == ["missing", "current", "expiring", "expired"]


def test_day_is_that_of_the_persons_time_zone_or_the_default(
    damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    completed = datetime(2026, 3, 15, 10, tzinfo=UTC)
    damstra_emulator.set_clock(completed)
    record_completion(api, 1004, INDUCTION, completed)
    read_only = {"clientStatusId", "createdDate", "modifiedDate"}
    user = {name: value for name, value in api.get_json("/user/1004").items() if name not in read_only}
    rule = {"lessons": [INDUCTION], "users": [1004], "valid_for": "12 months"}
    # 15 March 2027, which is the last valid day, ends at 13:00 UTC in Auckland and at 16:00 UTC in Perth.
    at = "2027-03-15T14:00:00Z"
    found = {}
    for zone in ("Pacific/Auckland", "Australia/Perth", "Mars/Olympus"):
        api.send("/user/1004", "PUT", **{**user, "timeZone": zone})
        path = tmp_path / f"{zone.replace('/', ' ')}.jsonl"
        run(status_operator(path, rule, at=at, time_zone="Pacific/Auckland"))
        found[zone] = next(iter(states(path).values()))
    assert found == {"Pacific/Auckland": "expired", "Australia/Perth": "current", "Mars/Olympus": "expired"}


def test_csv_has_a_column_for_each_member_and_is_safe_for_spreadsheets(
    damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    arguments = {"file_format": "csv", "safe_for_spreadsheets": True}
    rule = {"name": "=1+1", "lessons": [INDUCTION], "groups": ["Pit Crew A"]}
    run(status_operator(tmp_path / "rows.csv", rule, **arguments), run_after=damstra_emulator.now)
    run(status_operator(tmp_path / "rows.jsonl", rule), run_after=damstra_emulator.now)
    with (tmp_path / "rows.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(read_rows(tmp_path / "rows.jsonl")[1011, INDUCTION])
    assert len(rows) == 6
    assert {row["rule"] for row in rows} == {"'=1+1"}
    assert rows[0]["evaluated_at"].endswith("Z")


def test_parquet_has_typed_columns(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    run(status_operator(path, file_format="parquet"), run_after=damstra_emulator.now)
    table = parquet.read_table(path)
    run(status_operator(tmp_path / "rows.jsonl"), run_after=damstra_emulator.now)
    assert table.column_names == list(read_rows(tmp_path / "rows.jsonl")[1011, INDUCTION])
    types = {field.name: str(field.type) for field in table.schema if not field.nullable}
    assert types == {"user_id": "int64", "lesson_id": "int64"}
    assert str(table.schema.field("expires_at").type) == "timestamp[ms, tz=UTC]"
    assert table.num_rows == len(CREW)


def test_bad_rule_fails_before_the_first_request(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("requirements:\n- lessons: [Site Induction]\n  all: true\n  valid_for: soon\n")
    message = fail_fast_message(status_operator(None, requirements_path=str(path)))
    assert "requirements[0].valid_for (line 4)" in message
    assert damstra_emulator.journal() == []


def test_unknown_lesson_fails_before_people_are_read(damstra_emulator: DamstraEmulator) -> None:
    message = fail_fast_message(status_operator(None, {"lessons": ["Sight Induction"], "all": True}))
    assert "did you mean 'Site Induction'?" in message
    assert listed_users(damstra_emulator) == []


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 404, "body": NOT_FOUND},
        {"status": 500},
        {"status": 200, "body": {"results": [{"id": "x"}]}},
    ],
    ids=["404", "500", "unreadable row"],
)
def test_failed_user_fails_the_task_or_is_left_out_and_named(
    damstra_emulator: DamstraEmulator, tmp_path: Path, fault: dict[str, Any]
) -> None:
    damstra_emulator.add_fault("status", path="/user/1016/lesson_schedule", **fault)
    path = tmp_path / "rows.jsonl"
    with pytest.raises(Exception, match="1016"):
        run(status_operator(path), run_after=damstra_emulator.now)
    assert not path.exists()
    result = run(status_operator(path, on_failed_user="skip"), run_after=damstra_emulator.now).value
    assert (result["failed_user_count"], list(result["failed_users"])) == (1, ["1016"])
    assert sorted(user_id for user_id, _ in read_rows(path)) == [one for one in CREW if one != 1016]
    assert sum(result["states"].values()) == 5


def test_users_who_are_inactive_or_do_not_exist_are_failed_users(
    damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    arguments: dict[str, Any] = {"user_ids": [1011, INACTIVE, UNKNOWN]}
    assert f"no active user {INACTIVE}" in error_message(status_operator(None, **arguments))
    operator = status_operator(tmp_path / "rows.jsonl", on_failed_user="skip", **arguments)
    result = run(operator, run_after=damstra_emulator.now).value
    assert list(result["failed_users"]) == [str(INACTIVE), str(UNKNOWN)]
    assert list(read_rows(tmp_path / "rows.jsonl")) == [(1011, INDUCTION)]


def test_task_fails_if_all_users_fail(damstra_emulator: DamstraEmulator) -> None:
    damstra_emulator.add_fault("status", path="/user/*/lesson_schedule", status=404, body=NOT_FOUND)
    with pytest.raises(DamstraError):
        run(status_operator(None, on_failed_user="skip"), run_after=damstra_emulator.now)


def test_task_fails_if_the_server_is_down(damstra_emulator: DamstraEmulator) -> None:
    damstra_emulator.add_fault("status", path="/user/1016/lesson_schedule", status=503)
    with pytest.raises(DamstraError):
        run(status_operator(None, on_failed_user="skip"), run_after=damstra_emulator.now)


def test_failed_certificate_leaves_out_its_user(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    rule = {"lessons": [INDUCTION], "users": [1004, 1011], "require_passed": True}
    damstra_emulator.add_fault("status", path="/lesson_schedule/*/certificate", status=500)
    operator = status_operator(tmp_path / "rows.jsonl", rule, on_failed_user="skip")
    result = run(operator, run_after=damstra_emulator.now).value
    assert list(result["failed_users"]) == ["1011"]
    assert states(tmp_path / "rows.jsonl") == {(1004, INDUCTION): "missing"}


def test_unreadable_user_is_a_failed_user(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    good = {"id": 1011, "firstName": "Liam", "groups": [{"id": 102}], "clientStatusId": 56}
    page = {"results": [good, {**good, "id": 1016, "groups": "none"}], "meta": {"totalResultCount": 2}}
    damstra_emulator.add_fault("status", path="/user", status=200, body=page)
    operator = status_operator(tmp_path / "rows.jsonl", on_failed_user="skip")
    result = run(operator, run_after=damstra_emulator.now).value
    assert list(result["failed_users"]) == ["1016"]
    assert list(read_rows(tmp_path / "rows.jsonl")) == [(1011, INDUCTION)]
    assert "a row of users cannot be read: groups" in error_message(status_operator(None))


def test_counts_are_xcoms_without_a_file(damstra_emulator: DamstraEmulator) -> None:
    outcome = run(status_operator(None), run_after=damstra_emulator.now)
    assert outcome.xcoms.keys() == {"rows", "states", "lessons"}
    assert json.dumps(outcome.value)
