"""ILT (instructor-led training) sessions."""

from __future__ import annotations

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
QUIETLY = {
    "iltSessionCancellationTraineeNotificationEnabled": False,
    "iltSessionCancellationInstructorNotificationEnabled": False,
}


def found(api: ApiClient, **query: Any) -> list[int]:
    return [session["id"] for session in api.get_json("/ilt_session", **query)["results"]]


def attendees(api: ApiClient, session_id: int) -> dict[int, dict[str, Any]]:
    """Return a session's attendees by user id."""
    rows = api.get_json(f"/ilt_session/{session_id}/attendees", maxResults=100)["results"]
    return {row["userId"]: row for row in rows}


def set_places(api: ApiClient, session_id: int, places: int) -> None:
    body = {"instructorId": INSTRUCTOR, "location": "Here", "numberOfPlaces": places}
    api.send(f"/ilt_session/{session_id}", "PATCH", **body)


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
def test_sessions_are_found(api: ApiClient, query: dict[str, int], sessions: list[int]) -> None:
    assert found(api, **query) == sessions


def test_the_state_follows_the_clock(api: ApiClient, emulator: DamstraEmulator) -> None:
    states = []
    for step in (timedelta(0), timedelta(days=7), timedelta(hours=4)):
        emulator.advance_clock(step)
        states.append(api.get_json(f"/ilt_session/{UPCOMING_SESSION}")["state"])
    assert states == ["upcoming", "inprogress", "past"]
    assert found(api, state=3) == [PAST_SESSION, RUNNING_SESSION, UPCOMING_SESSION]


def test_a_session_is_created_in_its_own_zone_with_any_number_of_places(api: ApiClient) -> None:
    created = api.send("/ilt_session", **NEW).json()
    assert {name: created[name] for name in NEW} == NEW
    assert (created["statusId"], created["instructorFirstName"]) == (1, "Bruce")
    assert "numberOfPlaces" not in created
    by_id = api.get_json(f"/ilt_session/{created['id']}")
    assert (by_id["startDatetime"], by_id["instructorLed"], by_id["state"]) == (
        NEW["startDatetime"],
        True,
        "upcoming",
    )


@pytest.mark.parametrize(
    ("change", "status", "says"),
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
def test_a_session_that_cannot_be_is_refused(
    api: ApiClient, change: dict[str, Any], status: int, says: str
) -> None:
    assert says in api.expect_error("POST", "/ilt_session", status, **{**NEW, **change})["message"]


def test_an_update_needs_instructor_and_location_and_leaves_the_rest(api: ApiClient) -> None:
    path = f"/ilt_session/{UPCOMING_SESSION}"
    assert "location" in api.expect_error("PATCH", path, 400, instructorId=INSTRUCTOR)["message"]
    before = api.get_json(path)
    answer = api.send(path, "PATCH", instructorId=1009, location="Karratha").json()
    assert answer == api.get_json(path)
    unchanged = {name: value for name, value in before.items() if name not in ("instructorId", "location")}
    assert {name: answer[name] for name in unchanged if name != "modifiedDate"} == {
        name: value for name, value in unchanged.items() if name != "modifiedDate"
    }
    assert (answer["instructorId"], answer["location"]) == (1009, "Karratha")


def test_there_cannot_be_fewer_places_than_attendees(api: ApiClient) -> None:
    body = {"instructorId": INSTRUCTOR, "location": "Here", "numberOfPlaces": 1}
    assert (
        "2 users are registered"
        in api.expect_error("PATCH", f"/ilt_session/{UPCOMING_SESSION}", 409, **body)["message"]
    )


def test_users_with_an_open_schedule_are_registered_once(api: ApiClient, emulator: DamstraEmulator) -> None:
    path = f"/ilt_session/{UPCOMING_SESSION}/bulk_register"
    for expected in (2, 0):
        api.send(path, userIds=list(UNREGISTERED_TRAINEES))
        assert len(emulator.journal()[-1]["rows"]) == expected
    attendee = attendees(api, UPCOMING_SESSION)[UNREGISTERED_TRAINEES[0]]
    assert (attendee["userName"], attendee["registeringUserId"]) == ("c.dawson", OWNER)
    assert (attendee["attended"], attendee["passed"], attendee["sessionId"]) == (
        False,
        False,
        UPCOMING_SESSION,
    )
    assert found(api, lessonScheduleId=attendee["lessonScheduleId"]) == [UPCOMING_SESSION]
    assert api.get_json(f"/ilt_session/{UPCOMING_SESSION}")["numberOfAttendees"] == 4


@pytest.mark.parametrize(
    ("others", "status", "says"),
    [
        ([UNKNOWN_ID], 404, "User with id 999"),
        ([OWNER], 400, "without an open schedule for the session's lesson: 1001"),
        ([TRAINEES[0]], 400, "without an open schedule"),
    ],
    ids=["unknown", "not scheduled", "completed already"],
)
def test_users_are_registered_all_or_none(api: ApiClient, others: list[int], status: int, says: str) -> None:
    body = {"userIds": [UNREGISTERED_TRAINEES[0], *others]}
    assert (
        says
        in api.expect_error("POST", f"/ilt_session/{UPCOMING_SESSION}/bulk_register", status, **body)[
            "message"
        ]
    )
    assert UNREGISTERED_TRAINEES[0] not in attendees(api, UPCOMING_SESSION)


def test_a_session_is_full_when_its_places_are_taken(api: ApiClient) -> None:
    set_places(api, UPCOMING_SESSION, 3)
    refusal = api.expect_error(
        "POST", f"/ilt_session/{UPCOMING_SESSION}/bulk_register", 409, userIds=list(UNREGISTERED_TRAINEES)
    )
    assert "1 free of 3 places" in refusal["message"]
    assert len(attendees(api, UPCOMING_SESSION)) == 2
    api.send(f"/ilt_session/{UPCOMING_SESSION}/bulk_register", userIds=[UNREGISTERED_TRAINEES[1]])


def test_deregistering_frees_the_place(api: ApiClient, emulator: DamstraEmulator) -> None:
    user_id = TRAINEES[8]
    for expected in (1, 0):
        api.send(
            f"/ilt_session/{UPCOMING_SESSION}/bulk_deregister", userIds=[user_id, UNREGISTERED_TRAINEES[0]]
        )
        assert len(emulator.journal()[-1]["rows"]) == expected
    assert user_id not in attendees(api, UPCOMING_SESSION)
    api.expect_error("POST", f"/ilt_session/{UPCOMING_SESSION}/bulk_deregister", 404, userIds=[UNKNOWN_ID])


def test_progress_is_saved_by_the_attendees_id(api: ApiClient) -> None:
    before = attendees(api, RUNNING_SESSION)
    first, second = list(before.values())[:2]
    rows = [{"id": first["id"], "attended": True, "passed": True}, {"id": second["id"], "attended": True}]
    api.send(f"/ilt_session/{RUNNING_SESSION}/save_progress", attendees=rows)
    after = attendees(api, RUNNING_SESSION)
    shown = [(after[one["userId"]]["attended"], after[one["userId"]]["passed"]) for one in (first, second)]
    assert shown == [(True, True), (True, False)]
    session = api.get_json(f"/ilt_session/{RUNNING_SESSION}")
    assert (session["attendanceRate"], session["passRate"]) == (50, 25)


def test_progress_of_users_or_of_another_sessions_attendees_is_refused(api: ApiClient) -> None:
    mine, other = (next(iter(attendees(api, one).values())) for one in (RUNNING_SESSION, UPCOMING_SESSION))
    for wrong in (mine["userId"], other["id"]):
        rows = [{"id": mine["id"], "passed": True}, {"id": wrong, "passed": True}]
        api.expect_error("POST", f"/ilt_session/{RUNNING_SESSION}/save_progress", 404, attendees=rows)
    assert not attendees(api, RUNNING_SESSION)[mine["userId"]]["passed"]


def test_completing_a_session_completes_the_schedules_of_those_who_passed(api: ApiClient) -> None:
    passed, failed = list(attendees(api, RUNNING_SESSION).values())[:2]
    rows = [{"id": passed["id"], "passed": True}, {"id": failed["id"], "passed": False, "attended": True}]
    api.send(f"/ilt_session/{RUNNING_SESSION}/save_progress", attendees=rows)
    api.send(f"/ilt_session/{RUNNING_SESSION}/complete")
    assert api.get_json(f"/ilt_session/{RUNNING_SESSION}")["statusId"] == 2
    states = [api.schedule_status(one["userId"], one["lessonScheduleId"]) for one in (passed, failed)]
    assert states == ["completed", "due"]
    assert api.get(f"/lesson_schedule/{passed['lessonScheduleId']}/certificate").status_code == 200


def test_cancelling_a_session_leaves_the_schedules_open(api: ApiClient) -> None:
    attendee = next(iter(attendees(api, RUNNING_SESSION).values()))
    api.send(f"/ilt_session/{RUNNING_SESSION}/cancel_session", **QUIETLY)
    session = api.get_json(f"/ilt_session/{RUNNING_SESSION}")
    assert (session["statusId"], {name: session[name] for name in QUIETLY}) == (3, QUIETLY)
    assert api.schedule_status(attendee["userId"], attendee["lessonScheduleId"]) == "due"


@pytest.mark.parametrize("end", ["complete", "cancel_session"])
def test_a_session_ends_once(api: ApiClient, end: str) -> None:
    path = f"/ilt_session/{UPCOMING_SESSION}"
    api.send(f"{path}/{end}", **(QUIETLY if end == "cancel_session" else {}))
    calls: dict[str, dict[str, Any]] = {
        "complete": {},
        "cancel_session": QUIETLY,
        "bulk_register": {"userIds": [UNREGISTERED_TRAINEES[0]]},
        "bulk_deregister": {"userIds": [TRAINEES[8]]},
        "save_progress": {"attendees": [{"id": 5009, "passed": True}]},
    }
    for call, body in calls.items():
        assert "already" in api.expect_error("POST", f"{path}/{call}", 409, **body)["message"]


@pytest.mark.parametrize("status", [2, 3])
def test_an_update_can_end_a_session_too(api: ApiClient, status: int) -> None:
    body = {"instructorId": INSTRUCTOR, "location": "Here"}
    assert (
        api.send(f"/ilt_session/{UPCOMING_SESSION}", "PATCH", **body, statusId=status).json()["statusId"]
        == status
    )
    api.expect_error("PATCH", f"/ilt_session/{UPCOMING_SESSION}", 409, **body, statusId=1)
    assert (
        api.send(f"/ilt_session/{UPCOMING_SESSION}", "PATCH", **body, statusId=status).json()["statusId"]
        == status
    )


@pytest.mark.parametrize(
    ("method", "call", "body"),
    [
        ("GET", "", {}),
        ("GET", "/attendees", {}),
        ("PATCH", "", {"instructorId": INSTRUCTOR, "location": "Here"}),
        ("POST", "/complete", {}),
        ("POST", "/cancel_session", QUIETLY),
        ("POST", "/bulk_register", {"userIds": [OWNER]}),
        ("POST", "/bulk_deregister", {"userIds": [OWNER]}),
        ("POST", "/save_progress", {"attendees": [{"id": 5001}]}),
    ],
)
def test_an_unknown_session_is_404(api: ApiClient, method: str, call: str, body: dict[str, Any]) -> None:
    assert (
        api.expect_error(method, f"/ilt_session/7{call}", 404, **body)["message"]
        == "ILT session with id 7 not found"
    )


def test_a_session_without_a_lesson_registers_nobody(api: ApiClient) -> None:
    session = api.send("/ilt_session", **{name: NEW[name] for name in NEW if name != "lessonId"}).json()
    api.expect_error(
        "POST", f"/ilt_session/{session['id']}/bulk_register", 400, userIds=[UNREGISTERED_TRAINEES[0]]
    )


def test_attendees_come_in_pages(api: ApiClient) -> None:
    users = api.send("/bulkUserImport", users=[{"firstName": "Copy"}] * 25).json()
    ids = [user["id"] for user in users]
    for user_id in ids:
        api.schedule(user_id, CONFINED_SPACE)
    api.send(f"/ilt_session/{RUNNING_SESSION}/bulk_register", userIds=ids)
    path = f"/ilt_session/{RUNNING_SESSION}/attendees"
    first, second = api.get_json(path), api.get_json(path, startIndex=20)
    assert (len(first["results"]), len(second["results"])) == (20, 9)
    assert second["meta"] == {"totalResultCount": 29, "startIndex": 20, "endIndex": 29}
