"""ILT (instructor-led training) sessions: listings, changes, registration, progress and closing."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.api_client import (
    CONFINED_SPACE,
    CONFINED_SPACE_LESSON,
    INACTIVE_LESSON,
    INSTRUCTOR,
    OWNER,
    PAST_SESSION,
    RUNNING_SESSION,
    TRAINEES,
    UNKNOWN_ID,
    UNREGISTERED_TRAINEES,
    UPCOMING_SESSION,
    ApiClient,
)

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

NEW = {
    "lessonId": CONFINED_SPACE_LESSON,
    "startDatetime": "2030-05-19T01:00:06.000+0930",
    "endDatetime": "2030-05-19T05:00:06.000+0930",
    "location": "Broken Hill",
    "instructorId": INSTRUCTOR,
    "notes": "Boots",
}
NO_NOTIFICATIONS = {
    "iltSessionCancellationTraineeNotificationEnabled": False,
    "iltSessionCancellationInstructorNotificationEnabled": False,
}

UNREGISTERED = list(UNREGISTERED_TRAINEES)
UPCOMING = f"/ilt_session/{UPCOMING_SESSION}"
RUNNING = f"/ilt_session/{RUNNING_SESSION}"


def list_ids(api: ApiClient, **query: Any) -> list[int]:
    return [session["id"] for session in api.get_json("/ilt_session", **query)["results"]]


def attendees_by_user(api: ApiClient, session_id: int) -> dict[int, dict[str, Any]]:
    rows = api.get_json(f"/ilt_session/{session_id}/attendees", maxResults=100)["results"]
    return {row["userId"]: row for row in rows}


@pytest.mark.parametrize(
    ("query", "sessions"),
    [
        ({}, [PAST_SESSION, RUNNING_SESSION, UPCOMING_SESSION]),
        ({"state": 1}, [UPCOMING_SESSION]),
        ({"state": 2}, [RUNNING_SESSION]),
        ({"state": 3}, [PAST_SESSION]),
        ({"status": 2}, [PAST_SESSION]),
        ({"status": 1, "state": 1}, [UPCOMING_SESSION]),
        ({"instructorId": INSTRUCTOR}, [PAST_SESSION, UPCOMING_SESSION]),
        ({"lessonScheduleId": 30005}, [RUNNING_SESSION]),
        ({"status": 3}, []),
        ({"startIndex": 1, "maxResults": 1}, [RUNNING_SESSION]),
    ],
)
def test_listing_filters_sessions(api: ApiClient, query: dict[str, int], sessions: list[int]) -> None:
    assert list_ids(api, **query) == sessions


def test_state_follows_clock(api: ApiClient, emulator: DamstraEmulator) -> None:
    states = []
    for step in (timedelta(0), timedelta(days=7), timedelta(hours=4)):
        emulator.advance_clock(step)
        states.append(api.get_json(UPCOMING)["state"])
    assert states == ["upcoming", "inprogress", "past"]
    assert list_ids(api, state=3) == [PAST_SESSION, RUNNING_SESSION, UPCOMING_SESSION]


def test_created_session_keeps_time_zone_and_has_unlimited_places(api: ApiClient) -> None:
    created = api.send("/ilt_session", **NEW).json()
    assert {name: created[name] for name in NEW} == NEW
    assert (created["statusId"], created["instructorFirstName"]) == (1, "Bruce")
    assert "numberOfPlaces" not in created
    session = api.get_json(f"/ilt_session/{created['id']}")
    assert (session["startDatetime"], session["instructorLed"]) == (NEW["startDatetime"], True)
    assert session["state"] == "upcoming"


@pytest.mark.parametrize(
    ("change", "status", "expected"),
    [
        ({"instructorId": OWNER}, 400, "instructorId: user 1001 is not an active instructor"),
        ({"instructorId": UNKNOWN_ID}, 404, "User with id 999"),
        ({"lessonId": INACTIVE_LESSON}, 400, "lesson 206 is not active"),
        ({"lessonId": UNKNOWN_ID}, 404, "Lesson with id 999"),
        ({"endDatetime": "2030-05-18T01:00:06.000+0930"}, 400, "before"),
        ({"endDatetime": "2030-05-20T01:00:06.000"}, 400, "endDatetime"),
        ({"numberOfPlaces": 3}, 400, "numberOfPlaces"),
    ],
)
def test_invalid_session_is_rejected(
    api: ApiClient, change: dict[str, Any], status: int, expected: str
) -> None:
    assert expected in api.error_message("POST", "/ilt_session", status, **{**NEW, **change})


def test_update_requires_instructor_and_location_and_keeps_rest(api: ApiClient) -> None:
    assert "location" in api.error_message("PATCH", UPCOMING, 400, instructorId=INSTRUCTOR)
    before = api.get_json(UPCOMING)
    changes = {"instructorId": 1009, "location": "Karratha"}
    response = api.send(UPCOMING, "PATCH", **changes).json()
    changes["modifiedDate"] = response["modifiedDate"]
    assert response == api.get_json(UPCOMING) == {**before, **changes}


def test_fewer_places_than_attendees_is_conflict(api: ApiClient) -> None:
    body = {"instructorId": INSTRUCTOR, "location": "Here", "numberOfPlaces": 1}
    assert "2 users are registered" in api.error_message("PATCH", UPCOMING, 409, **body)


def test_registration_of_scheduled_users_is_idempotent(api: ApiClient, emulator: DamstraEmulator) -> None:
    path = f"{UPCOMING}/bulk_register"
    for expected in (2, 0):
        api.send(path, userIds=UNREGISTERED)
        assert len(emulator.journal()[-1]["rows"]) == expected
    attendee = attendees_by_user(api, UPCOMING_SESSION)[UNREGISTERED[0]]
    assert (attendee["userName"], attendee["registeringUserId"]) == ("c.dawson", OWNER)
    assert (attendee["attended"], attendee["passed"]) == (False, False)
    assert attendee["sessionId"] == UPCOMING_SESSION
    assert list_ids(api, lessonScheduleId=attendee["lessonScheduleId"]) == [UPCOMING_SESSION]
    assert api.get_json(UPCOMING)["numberOfAttendees"] == 4


@pytest.mark.parametrize(
    ("others", "status", "expected"),
    [
        ([UNKNOWN_ID], 404, "User with id 999"),
        ([OWNER], 400, "without an open schedule for the session's lesson: 1001"),
        ([TRAINEES[0]], 400, "without an open schedule"),
    ],
    ids=["unknown", "not scheduled", "completed already"],
)
def test_registration_is_all_or_nothing(
    api: ApiClient, others: list[int], status: int, expected: str
) -> None:
    body = {"userIds": [UNREGISTERED[0], *others]}
    assert expected in api.error_message("POST", f"{UPCOMING}/bulk_register", status, **body)
    assert UNREGISTERED[0] not in attendees_by_user(api, UPCOMING_SESSION)


def test_registration_beyond_places_is_conflict(api: ApiClient) -> None:
    api.send(UPCOMING, "PATCH", instructorId=INSTRUCTOR, location="Here", numberOfPlaces=3)
    message = api.error_message("POST", f"{UPCOMING}/bulk_register", 409, userIds=UNREGISTERED)
    assert "1 free of 3 places" in message
    assert len(attendees_by_user(api, UPCOMING_SESSION)) == 2
    api.send(f"{UPCOMING}/bulk_register", userIds=[UNREGISTERED[1]])


def test_deregistration_is_idempotent(api: ApiClient, emulator: DamstraEmulator) -> None:
    user_id = TRAINEES[8]
    for expected in (1, 0):
        api.send(f"{UPCOMING}/bulk_deregister", userIds=[user_id, UNREGISTERED[0]])
        assert len(emulator.journal()[-1]["rows"]) == expected
    assert user_id not in attendees_by_user(api, UPCOMING_SESSION)
    api.expect_error("POST", f"{UPCOMING}/bulk_deregister", 404, userIds=[UNKNOWN_ID])


def test_progress_is_saved_by_attendee_id(api: ApiClient) -> None:
    before = attendees_by_user(api, RUNNING_SESSION)
    first, second = list(before.values())[:2]
    rows = [{"id": first["id"], "attended": True, "passed": True}, {"id": second["id"], "attended": True}]
    api.send(f"{RUNNING}/save_progress", attendees=rows)
    after = attendees_by_user(api, RUNNING_SESSION)
    shown = [(after[one["userId"]]["attended"], after[one["userId"]]["passed"]) for one in (first, second)]
    assert shown == [(True, True), (True, False)]
    session = api.get_json(RUNNING)
    assert (session["attendanceRate"], session["passRate"]) == (50, 25)


def test_progress_rejects_user_ids_and_other_sessions_attendees(api: ApiClient) -> None:
    mine, other = (
        next(iter(attendees_by_user(api, one).values())) for one in (RUNNING_SESSION, UPCOMING_SESSION)
    )
    for wrong in (mine["userId"], other["id"]):
        rows = [{"id": mine["id"], "passed": True}, {"id": wrong, "passed": True}]
        api.expect_error("POST", f"{RUNNING}/save_progress", 404, attendees=rows)
    assert not attendees_by_user(api, RUNNING_SESSION)[mine["userId"]]["passed"]


def test_completing_session_completes_schedules_of_passed_attendees(api: ApiClient) -> None:
    passed, failed = list(attendees_by_user(api, RUNNING_SESSION).values())[:2]
    rows = [{"id": passed["id"], "passed": True}, {"id": failed["id"], "passed": False, "attended": True}]
    api.send(f"{RUNNING}/save_progress", attendees=rows)
    api.send(f"{RUNNING}/complete")
    assert api.get_json(RUNNING)["statusId"] == 2
    states = [api.schedule_status(one["userId"], one["lessonScheduleId"]) for one in (passed, failed)]
    assert states == ["completed", "due"]
    assert api.get(f"/lesson_schedule/{passed['lessonScheduleId']}/certificate").status_code == 200


def test_cancelling_session_keeps_schedules_open(api: ApiClient) -> None:
    attendee = next(iter(attendees_by_user(api, RUNNING_SESSION).values()))
    api.send(f"{RUNNING}/cancel_session", **NO_NOTIFICATIONS)
    session = api.get_json(RUNNING)
    assert (session["statusId"], {name: session[name] for name in NO_NOTIFICATIONS}) == (3, NO_NOTIFICATIONS)
    assert api.schedule_status(attendee["userId"], attendee["lessonScheduleId"]) == "due"


@pytest.mark.parametrize("end", ["complete", "cancel_session"])
def test_closed_session_rejects_changes(api: ApiClient, end: str) -> None:
    path = UPCOMING
    api.send(f"{path}/{end}", **(NO_NOTIFICATIONS if end == "cancel_session" else {}))
    calls: dict[str, dict[str, Any]] = {
        "complete": {},
        "cancel_session": NO_NOTIFICATIONS,
        "bulk_register": {"userIds": [UNREGISTERED[0]]},
        "bulk_deregister": {"userIds": [TRAINEES[8]]},
        "save_progress": {"attendees": [{"id": 5009, "passed": True}]},
    }
    for call, body in calls.items():
        assert "already" in api.error_message("POST", f"{path}/{call}", 409, **body)


@pytest.mark.parametrize("status", [2, 3])
def test_update_with_status_closes_session(api: ApiClient, status: int) -> None:
    body = {"instructorId": INSTRUCTOR, "location": "Here"}
    for _ in range(2):
        assert api.send(UPCOMING, "PATCH", **body, statusId=status).json()["statusId"] == status
        api.expect_error("PATCH", UPCOMING, 409, **body, statusId=1)


@pytest.mark.parametrize(
    ("method", "call", "body"),
    [
        ("GET", "", {}),
        ("GET", "/attendees", {}),
        ("PATCH", "", {"instructorId": INSTRUCTOR, "location": "Here"}),
        ("POST", "/complete", {}),
        ("POST", "/cancel_session", NO_NOTIFICATIONS),
        ("POST", "/bulk_register", {"userIds": [OWNER]}),
        ("POST", "/bulk_deregister", {"userIds": [OWNER]}),
        ("POST", "/save_progress", {"attendees": [{"id": 5001}]}),
    ],
)
def test_unknown_session_is_404(api: ApiClient, method: str, call: str, body: dict[str, Any]) -> None:
    message = api.error_message(method, f"/ilt_session/7{call}", 404, **body)
    assert message == "ILT session with id 7 not found"


def test_session_without_lesson_rejects_registration(api: ApiClient) -> None:
    session = api.send("/ilt_session", **{name: NEW[name] for name in NEW if name != "lessonId"}).json()
    api.expect_error("POST", f"/ilt_session/{session['id']}/bulk_register", 400, userIds=[UNREGISTERED[0]])


def test_attendees_are_paginated(api: ApiClient) -> None:
    users = api.send("/bulkUserImport", users=[{"firstName": "Copy"}] * 25).json()
    ids = [user["id"] for user in users]
    for user_id in ids:
        api.schedule(user_id, CONFINED_SPACE)
    api.send(f"{RUNNING}/bulk_register", userIds=ids)
    path = f"{RUNNING}/attendees"
    first, second = api.get_json(path), api.get_json(path, startIndex=20)
    assert (len(first["results"]), len(second["results"])) == (20, 9)
    assert second["meta"] == {"totalResultCount": 29, "startIndex": 20, "endIndex": 29}


def test_concurrent_registrations_never_exceed_places(api: ApiClient, emulator: DamstraEmulator) -> None:
    users = [user["id"] for user in api.send("/bulkUserImport", users=[{"firstName": "Copy"}] * 12).json()]
    for user_id in users:
        api.schedule(user_id, CONFINED_SPACE)

    def register(user_id: int) -> int:
        client = ApiClient(emulator.url, emulator.access_key)
        return client.request("POST", f"{UPCOMING}/bulk_register", json={"userIds": [user_id]}).status_code

    with ThreadPoolExecutor(12) as pool:
        assert Counter(pool.map(register, users)) == {200: 6, 409: 6}
    assert api.get_json(UPCOMING)["numberOfAttendees"] == 8
