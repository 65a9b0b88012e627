"""Lesson schedules: their statuses, scheduling, completing, certificates and the player."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.api_client import (
    CONFINED_SPACE,
    DATA_IMPORT,
    GRACE_PERIOD,
    HAUL_TRUCK,
    HAUL_TRUCK_LESSON,
    INACTIVE_LESSON,
    INACTIVE_USER,
    INACTIVE_VERSION,
    SITE_INDUCTION,
    TRAINEES,
    UNKNOWN_ID,
    UNPUBLISHED_VERSION,
    ApiClient,
)

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

LIAM = TRAINEES[0]
DAY = 86_400
SCHEDULE = f"/user/{LIAM}/lesson_schedule"
COMPLETE = f"/lesson_schedule/{LIAM}/complete_lesson"
COMPLETED = {"completedDate": "2026-01-31T09:00:00+0800", "manuallyCompletedByUserId": DATA_IMPORT}


def in_days(emulator: DamstraEmulator, days: float) -> str:
    return f"{emulator.now + timedelta(days=days):%Y-%m-%dT%H:%M:%S+0000}"


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def statuses(api: ApiClient, user_id: int, status: str) -> set[str]:
    rows = api.get_json(f"/user/{user_id}/lesson_schedule", status=status)["results"]
    return {row["status"] for row in rows}


def test_the_status_follows_the_clock(api: ApiClient, emulator: DamstraEmulator) -> None:
    schedule_id = api.schedule(LIAM, HAUL_TRUCK, scheduleDate=in_days(emulator, 2), gracePeriod="3")
    assert api.schedule_status(LIAM, schedule_id) == "scheduled"
    emulator.advance_clock(2 * DAY + 60)
    assert api.schedule_status(LIAM, schedule_id) == "due"
    emulator.advance_clock(timedelta(days=3))
    assert api.schedule_status(LIAM, schedule_id) == "overdue"


@pytest.mark.parametrize(
    ("start", "period", "unit", "end"),
    [
        ("2026-01-31T09:00:00+0000", "14", "days", "2026-02-14T09:00:00.000Z"),
        ("2026-01-31T09:00:00+0800", "0", "days", "2026-01-31T01:00:00.000Z"),
        ("2026-01-31T09:00:00+0000", "1", "months", "2026-02-28T09:00:00.000Z"),
        ("2026-01-31T09:00:00+0000", "25", "months", "2028-02-29T09:00:00.000Z"),
    ],
)
def test_the_end_is_the_start_plus_the_grace_period(
    api: ApiClient, start: str, period: str, unit: str, end: str
) -> None:
    order = {"scheduleDate": start, "gracePeriod": period, "gracePeriodUnit": unit}
    schedule = api.get_json(f"/lesson_schedule/{api.schedule(LIAM, HAUL_TRUCK, **order)}")
    assert (instant(schedule["startDate"]), schedule["endDate"]) == (instant(start), end)


def test_a_schedule_starts_now_unless_told_otherwise(api: ApiClient, emulator: DamstraEmulator) -> None:
    before = emulator.now
    schedule = api.get_json(f"/lesson_schedule/{api.schedule(LIAM, HAUL_TRUCK)}")
    assert before - timedelta(seconds=1) < instant(schedule["startDate"]) <= emulator.now


def test_each_version_is_a_schedule_of_its_own(api: ApiClient, emulator: DamstraEmulator) -> None:
    order = {"lessonVersionIds": [HAUL_TRUCK, CONFINED_SPACE], **GRACE_PERIOD}
    ids = api.send(f"/user/{DATA_IMPORT}/lesson_schedule", **order).json()["ids"]
    assert len(set(ids)) == 2
    rows = [{"table": "lesson_schedules", "id": one, "action": "insert"} for one in ids]
    assert emulator.journal()[-1]["rows"] == rows


def test_a_second_open_schedule_is_a_conflict_and_nothing_is_created(
    api: ApiClient, emulator: DamstraEmulator
) -> None:
    user_id = TRAINEES[1]  # Site Induction is due there.
    body = {"lessonVersionIds": [HAUL_TRUCK, SITE_INDUCTION], **GRACE_PERIOD}
    refusal = api.expect_error("POST", f"/user/{user_id}/lesson_schedule", 409, **body)
    assert refusal == {"error": "Lesson Schedule already exists"}
    assert emulator.journal()[-1]["rows"] == []
    assert api.schedule(user_id, HAUL_TRUCK) > 0


@pytest.mark.parametrize("user_index", [0, 4], ids=["completed", "cancelled"])
def test_what_is_completed_or_cancelled_can_be_scheduled_again(api: ApiClient, user_index: int) -> None:
    user_id = TRAINEES[user_index]
    assert api.schedule_status(user_id, api.schedule(user_id, SITE_INDUCTION)) == "due"


@pytest.mark.parametrize(
    ("version_id", "status", "says"),
    [
        (INACTIVE_VERSION, 400, "2008 (Shotfirer Refresher 2019) is inactive"),
        (UNPUBLISHED_VERSION, 400, "2004 (Working at Heights) is never"),
        (UNKNOWN_ID, 404, "Lesson version with id 999 not found"),
    ],
)
def test_only_an_active_version_can_be_scheduled(
    api: ApiClient, version_id: int, status: int, says: str
) -> None:
    body = {"lessonVersionIds": [HAUL_TRUCK, version_id], **GRACE_PERIOD}
    assert says in api.expect_error("POST", SCHEDULE, status, **body)["message"]


def test_only_an_active_user_can_be_scheduled(api: ApiClient) -> None:
    body = {"lessonVersionIds": [HAUL_TRUCK], **GRACE_PERIOD}
    api.expect_error("POST", f"/user/{UNKNOWN_ID}/lesson_schedule", 404, **body)
    assert (
        "not active"
        in api.expect_error("POST", f"/user/{INACTIVE_USER}/lesson_schedule", 400, **body)["message"]
    )


@pytest.mark.parametrize("status", ["scheduled", "due", "overdue", "completed", "cancelled"])
def test_a_users_schedules_are_listed_by_status(api: ApiClient, status: str) -> None:
    found: set[str] = set()
    for user_id in TRAINEES[:6]:
        found |= statuses(api, user_id, status)
    assert found == {status}


def test_all_schedules_of_a_user_are_listed_page_by_page(api: ApiClient) -> None:
    path = f"/user/{LIAM}/lesson_schedule"
    whole = api.get_json(path)["results"]
    assert api.get_json(path, status="all")["results"] == whole
    assert api.get_json(path, startIndex=1, maxResults=2)["results"] == whole[1:3]
    assert api.get_json(path, startIndex=len(whole))["results"] == []
    api.expect_error("GET", f"/user/{UNKNOWN_ID}/lesson_schedule", 404)


def test_an_unknown_schedule_is_840(api: ApiClient) -> None:
    for path in ("/lesson_schedule/7", "/lesson_schedule/7/certificate", "/embed_player/version/7"):
        assert api.expect_error("GET", path, 404) == {
            "internalCode": 840,
            "error": "Lesson Schedule does not exist",
        }


@pytest.mark.parametrize("named", [{"lessonId": HAUL_TRUCK_LESSON}, {"lessonVersionId": HAUL_TRUCK}])
def test_completing_a_lesson_closes_the_open_schedule(api: ApiClient, named: dict[str, int]) -> None:
    schedule_id = api.schedule(LIAM, HAUL_TRUCK)
    assert api.send(COMPLETE, **named, **COMPLETED).json() == {"ids": [schedule_id]}
    schedule = api.get_json(f"/lesson_schedule/{schedule_id}")
    assert schedule["lessonCompletedDate"] == "2026-01-31T01:00:00.000Z"
    assert (schedule["lessonCompletedBy"], schedule["lessonCompletedByName"]) == (DATA_IMPORT, "Data Import")
    assert api.schedule_status(LIAM, schedule_id) == "completed"


def test_completing_a_lesson_without_a_schedule_records_a_completed_one(
    api: ApiClient, emulator: DamstraEmulator
) -> None:
    first, second = (api.send(COMPLETE, lessonId=HAUL_TRUCK_LESSON, **COMPLETED).json()["ids"] for _ in "ab")
    assert first != second
    assert {row["id"] for row in emulator.journal()[-1]["rows"]} == set(second)
    assert api.schedule_status(LIAM, second[0]) == "completed"


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        (
            {"manuallyCompletedByUserId": INACTIVE_USER},
            400,
            "manuallyCompletedByUserId: user 1038 is not active",
        ),
        ({"manuallyCompletedByUserId": UNKNOWN_ID}, 404, "User with id 999"),
        ({"lessonId": INACTIVE_LESSON}, 400, "no published version"),
        ({"lessonId": UNKNOWN_ID}, 404, "Lesson with id 999"),
        ({"lessonVersionId": UNPUBLISHED_VERSION, "lessonId": 202}, 400, "never published"),
        ({"lessonVersionId": SITE_INDUCTION}, 400, "no version of lessonId 204"),
        ({"lessonId": None}, 400, "name the lesson"),
    ],
)
def test_a_completion_that_cannot_be_is_refused(
    api: ApiClient, emulator: DamstraEmulator, change: dict[str, Any], status: int, says: str
) -> None:
    body = {"lessonId": HAUL_TRUCK_LESSON, **COMPLETED, **change}
    given = {name: value for name, value in body.items() if value is not None}
    assert says in api.expect_error("POST", COMPLETE, status, **given)["message"]
    assert emulator.journal()[-1]["rows"] == []


def test_a_version_that_was_published_once_can_be_completed(api: ApiClient) -> None:
    assert api.send(COMPLETE, lessonVersionId=INACTIVE_VERSION, **COMPLETED).json()["ids"]


def test_a_passed_schedule_has_a_certificate_of_one_page(api: ApiClient, emulator: DamstraEmulator) -> None:
    schedule_id = api.schedule(LIAM, HAUL_TRUCK)
    emulator.complete_lesson_schedule(schedule_id)
    path = f"/lesson_schedule/{schedule_id}/certificate"
    answer = api.get(path)
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-")
    assert answer.content.rstrip().endswith(b"%%EOF")
    assert answer.content.count(b"/Type /Page\n") == 1
    assert api.get(path).content == answer.content


def test_a_name_that_the_certificates_font_lacks_does_no_harm(
    api: ApiClient, emulator: DamstraEmulator
) -> None:
    user_id = api.send("/user", firstName="Łukasz", lastName="李").json()["id"]
    schedule_id = api.schedule(user_id, HAUL_TRUCK)
    emulator.complete_lesson_schedule(schedule_id)
    assert api.get(f"/lesson_schedule/{schedule_id}/certificate").status_code == 200


def test_no_certificate_without_completion_or_without_passing(
    api: ApiClient, emulator: DamstraEmulator
) -> None:
    schedule_id = api.schedule(LIAM, HAUL_TRUCK)
    path = f"/lesson_schedule/{schedule_id}/certificate"
    assert "not completed and passed" in api.expect_error("GET", path, 404)["message"]
    emulator.complete_lesson_schedule(schedule_id, passed=False)
    assert "not completed and passed" in api.expect_error("GET", path, 404)["message"]
    assert api.schedule_status(LIAM, schedule_id) == "completed"


def test_without_the_pdf_library_the_refusal_names_the_extra(
    api: ApiClient, emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule_id = api.schedule(LIAM, HAUL_TRUCK)
    emulator.complete_lesson_schedule(schedule_id)
    monkeypatch.setitem(sys.modules, "fpdf", None)
    message = api.expect_error("GET", f"/lesson_schedule/{schedule_id}/certificate", 501)["message"]
    assert "airflow-provider-damstra[emulator]" in message


@pytest.mark.parametrize("path", ["/embed_player?lessonScheduleId={}", "/embed_player/version/{}"])
def test_the_player_is_there_for_open_schedules_only(
    api: ApiClient, emulator: DamstraEmulator, path: str
) -> None:
    first, second = api.schedule(LIAM, HAUL_TRUCK), api.schedule(DATA_IMPORT, HAUL_TRUCK)
    url = api.get_json(path.format(first))["embedUrl"]
    assert url.startswith(f"{emulator.url}/#player/{first}?embed=true&token=")
    emulator.complete_lesson_schedule(first)
    emulator.cancel_lesson_schedule(second)
    completed, cancelled = (api.expect_error("GET", path.format(one), 409) for one in (first, second))
    assert completed == {"internalCode": 837, "error": "This lesson schedule is completed"}
    assert cancelled == {"internalCode": 836, "error": "This lesson schedule is cancelled"}


def test_what_a_trainee_or_an_administrator_does_in_the_app(
    api: ApiClient, emulator: DamstraEmulator
) -> None:
    schedule_id = api.schedule(LIAM, HAUL_TRUCK)
    emulator.start_lesson_schedule(schedule_id)
    assert "lessonStartedDate" in api.get_json(f"/lesson_schedule/{schedule_id}")
    emulator.move_lesson_schedule(schedule_id, emulator.now + timedelta(days=2))
    assert api.schedule_status(LIAM, schedule_id) == "scheduled"
    with pytest.raises(ValueError, match="409"):
        emulator.start_lesson_schedule(schedule_id)
    emulator.cancel_lesson_schedule(schedule_id)
    assert api.schedule_status(LIAM, schedule_id) == "cancelled"
    with pytest.raises(ValueError, match="836"):
        emulator.complete_lesson_schedule(schedule_id)
    with pytest.raises(ValueError, match="840"):
        emulator.cancel_lesson_schedule(7)
