"""Lesson schedules: status, scheduling, completion, certificates and embed URLs."""

from __future__ import annotations

import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
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


def statuses(api: ApiClient, user_id: int, status: str) -> set[str]:
    rows = api.get_json(f"/user/{user_id}/lesson_schedule", status=status)["results"]
    return {row["status"] for row in rows}


def test_status_follows_clock(api: ApiClient, emulator: DamstraEmulator) -> None:
    start = f"{emulator.now + timedelta(days=2):%Y-%m-%dT%H:%M:%S+0000}"
    schedule_id = api.schedule(LIAM, HAUL_TRUCK, scheduleDate=start, gracePeriod="3")
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
def test_end_date_is_start_plus_grace_period(
    api: ApiClient, start: str, period: str, unit: str, end: str
) -> None:
    body = {"scheduleDate": start, "gracePeriod": period, "gracePeriodUnit": unit}
    schedule = api.get_json(f"/lesson_schedule/{api.schedule(LIAM, HAUL_TRUCK, **body)}")
    assert datetime.fromisoformat(schedule["startDate"]) == datetime.fromisoformat(start)
    assert schedule["endDate"] == end


def test_schedule_starts_now_by_default(api: ApiClient, emulator: DamstraEmulator) -> None:
    before = emulator.now
    schedule = api.get_json(f"/lesson_schedule/{api.schedule(LIAM, HAUL_TRUCK)}")
    assert before - timedelta(seconds=1) < datetime.fromisoformat(schedule["startDate"]) <= emulator.now


def test_each_version_gets_own_schedule(api: ApiClient, emulator: DamstraEmulator) -> None:
    body = {"lessonVersionIds": [HAUL_TRUCK, CONFINED_SPACE], **GRACE_PERIOD}
    ids = api.send(f"/user/{DATA_IMPORT}/lesson_schedule", **body).json()["ids"]
    assert len(set(ids)) == 2
    rows = [{"table": "lesson_schedules", "id": one, "action": "insert"} for one in ids]
    assert emulator.journal()[-1]["rows"] == rows


def test_second_open_schedule_is_conflict_and_creates_nothing(
    api: ApiClient, emulator: DamstraEmulator
) -> None:
    user_id = TRAINEES[1]  # has a due schedule of Site Induction
    body = {"lessonVersionIds": [HAUL_TRUCK, SITE_INDUCTION], **GRACE_PERIOD}
    error = api.expect_error("POST", f"/user/{user_id}/lesson_schedule", 409, **body)
    assert error == {"error": "Lesson Schedule already exists"}
    assert emulator.journal()[-1]["rows"] == []
    assert api.schedule(user_id, HAUL_TRUCK) > 0


def test_concurrent_equal_schedules_succeed_once(emulator: DamstraEmulator) -> None:
    def schedule(_: int) -> int:
        body = {"lessonVersionIds": [HAUL_TRUCK], **GRACE_PERIOD}
        return ApiClient(emulator.url, emulator.access_key).request("POST", SCHEDULE, json=body).status_code

    with ThreadPoolExecutor(16) as pool:
        assert Counter(pool.map(schedule, range(32))) == {200: 1, 409: 31}
    assert sum(bool(entry["rows"]) for entry in emulator.journal()) == 1


@pytest.mark.parametrize("user_index", [0, 4], ids=["completed", "cancelled"])
def test_completed_or_cancelled_lesson_can_be_rescheduled(api: ApiClient, user_index: int) -> None:
    user_id = TRAINEES[user_index]
    assert api.schedule_status(user_id, api.schedule(user_id, SITE_INDUCTION)) == "due"


@pytest.mark.parametrize(
    ("version_id", "status", "expected"),
    [
        (INACTIVE_VERSION, 400, "2008 (Shotfirer Refresher 2019) is inactive"),
        (UNPUBLISHED_VERSION, 400, "2004 (Working at Heights) is never"),
        (UNKNOWN_ID, 404, "Lesson version with id 999 not found"),
    ],
)
def test_only_active_version_can_be_scheduled(
    api: ApiClient, version_id: int, status: int, expected: str
) -> None:
    body = {"lessonVersionIds": [HAUL_TRUCK, version_id], **GRACE_PERIOD}
    assert expected in api.error_message("POST", SCHEDULE, status, **body)


def test_only_active_user_can_be_scheduled(api: ApiClient) -> None:
    body = {"lessonVersionIds": [HAUL_TRUCK], **GRACE_PERIOD}
    api.expect_error("POST", f"/user/{UNKNOWN_ID}/lesson_schedule", 404, **body)
    assert "not active" in api.error_message("POST", f"/user/{INACTIVE_USER}/lesson_schedule", 400, **body)


@pytest.mark.parametrize("status", ["scheduled", "due", "overdue", "completed", "cancelled"])
def test_listing_filters_schedules_by_status(api: ApiClient, status: str) -> None:
    found: set[str] = set()
    for user_id in TRAINEES[:6]:
        found |= statuses(api, user_id, status)
    assert found == {status}


def test_schedules_are_paginated(api: ApiClient) -> None:
    path = f"/user/{LIAM}/lesson_schedule"
    whole = api.get_json(path)["results"]
    assert api.get_json(path, status="all")["results"] == whole
    assert api.get_json(path, startIndex=1, maxResults=2)["results"] == whole[1:3]
    assert api.get_json(path, startIndex=len(whole))["results"] == []
    api.expect_error("GET", f"/user/{UNKNOWN_ID}/lesson_schedule", 404)


def test_unknown_schedule_is_840(api: ApiClient) -> None:
    for path in ("/lesson_schedule/7", "/lesson_schedule/7/certificate", "/embed_player/version/7"):
        assert api.expect_error("GET", path, 404) == {
            "internalCode": 840,
            "error": "Lesson Schedule does not exist",
        }


@pytest.mark.parametrize("named", [{"lessonId": HAUL_TRUCK_LESSON}, {"lessonVersionId": HAUL_TRUCK}])
def test_completion_closes_open_schedule(api: ApiClient, named: dict[str, int]) -> None:
    schedule_id = api.schedule(LIAM, HAUL_TRUCK)
    assert api.send(COMPLETE, **named, **COMPLETED).json() == {"ids": [schedule_id]}
    schedule = api.get_json(f"/lesson_schedule/{schedule_id}")
    assert schedule["lessonCompletedDate"] == "2026-01-31T01:00:00.000Z"
    assert (schedule["lessonCompletedBy"], schedule["lessonCompletedByName"]) == (DATA_IMPORT, "Data Import")
    assert api.schedule_status(LIAM, schedule_id) == "completed"


def test_completion_without_schedule_creates_completed_one(api: ApiClient, emulator: DamstraEmulator) -> None:
    first, second = (api.send(COMPLETE, lessonId=HAUL_TRUCK_LESSON, **COMPLETED).json()["ids"] for _ in "ab")
    assert first != second
    assert {row["id"] for row in emulator.journal()[-1]["rows"]} == set(second)
    assert api.schedule_status(LIAM, second[0]) == "completed"


@pytest.mark.parametrize(
    ("change", "status", "expected"),
    [
        ({"manuallyCompletedByUserId": INACTIVE_USER}, 400, "ByUserId: user 1038 is not active"),
        ({"manuallyCompletedByUserId": UNKNOWN_ID}, 404, "User with id 999"),
        ({"lessonId": INACTIVE_LESSON}, 400, "no published version"),
        ({"lessonId": UNKNOWN_ID}, 404, "Lesson with id 999"),
        ({"lessonVersionId": UNPUBLISHED_VERSION, "lessonId": 202}, 400, "never published"),
        ({"lessonVersionId": SITE_INDUCTION}, 400, "not a version of lessonId 204"),
        ({"lessonId": None}, 400, "name the lesson"),
    ],
)
def test_invalid_completion_is_rejected(
    api: ApiClient, emulator: DamstraEmulator, change: dict[str, Any], status: int, expected: str
) -> None:
    body = {"lessonId": HAUL_TRUCK_LESSON, **COMPLETED, **change}
    given = {name: value for name, value in body.items() if value is not None}
    assert expected in api.error_message("POST", COMPLETE, status, **given)
    assert emulator.journal()[-1]["rows"] == []


def test_formerly_published_version_can_be_completed(api: ApiClient) -> None:
    assert api.send(COMPLETE, lessonVersionId=INACTIVE_VERSION, **COMPLETED).json()["ids"]


def test_passed_schedule_has_one_page_certificate(api: ApiClient, emulator: DamstraEmulator) -> None:
    schedule_id = api.schedule(LIAM, HAUL_TRUCK)
    emulator.complete_lesson_schedule(schedule_id)
    path = f"/lesson_schedule/{schedule_id}/certificate"
    response = api.get(path)
    assert response.headers["Content-Type"] == "application/pdf"
    assert response.content.startswith(b"%PDF-")
    assert response.content.rstrip().endswith(b"%%EOF")
    assert response.content.count(b"/Type /Page\n") == 1
    assert api.get(path).content == response.content


def test_certificate_replaces_unsupported_characters(api: ApiClient, emulator: DamstraEmulator) -> None:
    user_id = api.send("/user", firstName="Łukasz", lastName="李").json()["id"]
    schedule_id = api.schedule(user_id, HAUL_TRUCK)
    emulator.complete_lesson_schedule(schedule_id)
    assert api.get(f"/lesson_schedule/{schedule_id}/certificate").status_code == 200


def test_certificate_requires_completion_and_pass(api: ApiClient, emulator: DamstraEmulator) -> None:
    schedule_id = api.schedule(LIAM, HAUL_TRUCK)
    path = f"/lesson_schedule/{schedule_id}/certificate"
    assert "not completed and passed" in api.error_message("GET", path, 404)
    emulator.complete_lesson_schedule(schedule_id, passed=False)
    assert "not completed and passed" in api.error_message("GET", path, 404)
    assert api.schedule_status(LIAM, schedule_id) == "completed"


def test_missing_pdf_library_error_names_extra(
    api: ApiClient, emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule_id = api.schedule(LIAM, HAUL_TRUCK)
    emulator.complete_lesson_schedule(schedule_id)
    monkeypatch.setitem(sys.modules, "fpdf", None)
    message = api.error_message("GET", f"/lesson_schedule/{schedule_id}/certificate", 501)
    assert "airflow-provider-damstra[emulator]" in message


@pytest.mark.parametrize("path", ["/embed_player?lessonScheduleId={}", "/embed_player/version/{}"])
def test_embed_url_requires_open_schedule(api: ApiClient, emulator: DamstraEmulator, path: str) -> None:
    first, second = api.schedule(LIAM, HAUL_TRUCK), api.schedule(DATA_IMPORT, HAUL_TRUCK)
    url = api.get_json(path.format(first))["embedUrl"]
    assert url.startswith(f"{emulator.url}/#player/{first}?embed=true&token=")
    emulator.complete_lesson_schedule(first)
    emulator.cancel_lesson_schedule(second)
    completed, cancelled = (api.expect_error("GET", path.format(one), 409) for one in (first, second))
    assert completed == {"internalCode": 837, "error": "This lesson schedule is completed"}
    assert cancelled == {"internalCode": 836, "error": "This lesson schedule is cancelled"}


def test_app_actions_change_schedule_status(api: ApiClient, emulator: DamstraEmulator) -> None:
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
