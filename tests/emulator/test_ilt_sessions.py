"""ILT (instructor-led training) sessions."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.http import (
    COMING,
    CONFINED_SPACE,
    CONFINED_SPACE_LESSON,
    INSTRUCTOR,
    NOBODY,
    OLD_LESSON,
    OWNER,
    PAST,
    RUNNING,
    TRAINEES,
    UNREGISTERED,
    Api,
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


def found(api: Api, **query: Any) -> list[int]:
    return [session["id"] for session in api.read("/ilt_session", **query)["results"]]


def attendees(api: Api, session_id: int) -> dict[int, dict[str, Any]]:
    """Return a session's attendees by user id."""
    rows = api.read(f"/ilt_session/{session_id}/attendees", maxResults=100)["results"]
    return {row["userId"]: row for row in rows}


def set_places(api: Api, session_id: int, places: int) -> None:
    body = {"instructorId": INSTRUCTOR, "location": "Here", "numberOfPlaces": places}
    api.send(f"/ilt_session/{session_id}", "PATCH", **body)


@pytest.mark.parametrize(
    ("query", "sessions"),
    [
        ({}, [PAST, RUNNING, COMING]),
        ({"state": 1}, [COMING]),
        ({"state": 2}, [RUNNING]),
        ({"state": 3}, [PAST]),
        ({"status": 2}, [PAST]),
        ({"status": 1, "state": 1}, [COMING]),
        ({"instructorId": INSTRUCTOR}, [PAST, COMING]),
        ({"lessonScheduleId": 30005}, [RUNNING]),
        ({"status": 3}, []),
        ({"startIndex": 1, "maxResults": 1}, [RUNNING]),
    ],
)
def test_sessions_are_found(api: Api, query: dict[str, int], sessions: list[int]) -> None:
    assert found(api, **query) == sessions


def test_the_state_follows_the_clock(api: Api, emulator: DamstraEmulator) -> None:
    states = []
    for step in (timedelta(0), timedelta(days=7), timedelta(hours=4)):
        emulator.advance_clock(step)
        states.append(api.read(f"/ilt_session/{COMING}")["state"])
    assert states == ["upcoming", "inprogress", "past"]
    assert found(api, state=3) == [PAST, RUNNING, COMING]


def test_a_session_is_created_in_its_own_zone_with_any_number_of_places(api: Api) -> None:
    created = api.send("/ilt_session", **NEW).json()
    assert {name: created[name] for name in NEW} == NEW
    assert (created["statusId"], created["instructorFirstName"]) == (1, "Bruce")
    assert "numberOfPlaces" not in created
    by_id = api.read(f"/ilt_session/{created['id']}")
    assert (by_id["startDatetime"], by_id["instructorLed"], by_id["state"]) == (
        NEW["startDatetime"],
        True,
        "upcoming",
    )


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        ({"instructorId": OWNER}, 400, "instructorId: user 1001 is not an active instructor"),
        ({"instructorId": NOBODY}, 404, "User with id 999"),
        ({"lessonId": OLD_LESSON}, 400, "lesson 206 is not active"),
        ({"lessonId": NOBODY}, 404, "Lesson with id 999"),
        ({"endDatetime": "2030-05-18T01:00:06.000+0930"}, 400, "before"),
        ({"endDatetime": "2030-05-20T01:00:06.000"}, 400, "endDatetime"),
        ({"numberOfPlaces": 3}, 400, "numberOfPlaces"),
    ],
)
def test_a_session_that_cannot_be_is_refused(
    api: Api, change: dict[str, Any], status: int, says: str
) -> None:
    assert says in api.refused("POST", "/ilt_session", status, **{**NEW, **change})["message"]


def test_an_update_needs_instructor_and_location_and_leaves_the_rest(api: Api) -> None:
    path = f"/ilt_session/{COMING}"
    assert "location" in api.refused("PATCH", path, 400, instructorId=INSTRUCTOR)["message"]
    before = api.read(path)
    answer = api.send(path, "PATCH", instructorId=1009, location="Karratha").json()
    assert answer == api.read(path)
    unchanged = {name: value for name, value in before.items() if name not in ("instructorId", "location")}
    assert {name: answer[name] for name in unchanged if name != "modifiedDate"} == {
        name: value for name, value in unchanged.items() if name != "modifiedDate"
    }
    assert (answer["instructorId"], answer["location"]) == (1009, "Karratha")


def test_there_cannot_be_fewer_places_than_attendees(api: Api) -> None:
    body = {"instructorId": INSTRUCTOR, "location": "Here", "numberOfPlaces": 1}
    assert "2 users are registered" in api.refused("PATCH", f"/ilt_session/{COMING}", 409, **body)["message"]


def test_users_with_an_open_schedule_are_registered_once(api: Api, emulator: DamstraEmulator) -> None:
    path = f"/ilt_session/{COMING}/bulk_register"
    for expected in (2, 0):
        api.send(path, userIds=list(UNREGISTERED))
        assert len(emulator.journal()[-1]["rows"]) == expected
    attendee = attendees(api, COMING)[UNREGISTERED[0]]
    assert (attendee["userName"], attendee["registeringUserId"]) == ("c.dawson", OWNER)
    assert (attendee["attended"], attendee["passed"], attendee["sessionId"]) == (False, False, COMING)
    assert found(api, lessonScheduleId=attendee["lessonScheduleId"]) == [COMING]
    assert api.read(f"/ilt_session/{COMING}")["numberOfAttendees"] == 4


@pytest.mark.parametrize(
    ("others", "status", "says"),
    [
        ([NOBODY], 404, "User with id 999"),
        ([OWNER], 400, "without an open schedule for the session's lesson: 1001"),
        ([TRAINEES[0]], 400, "without an open schedule"),
    ],
    ids=["unknown", "not scheduled", "completed already"],
)
def test_users_are_registered_all_or_none(api: Api, others: list[int], status: int, says: str) -> None:
    body = {"userIds": [UNREGISTERED[0], *others]}
    assert says in api.refused("POST", f"/ilt_session/{COMING}/bulk_register", status, **body)["message"]
    assert UNREGISTERED[0] not in attendees(api, COMING)


def test_a_session_is_full_when_its_places_are_taken(api: Api) -> None:
    set_places(api, COMING, 3)
    refusal = api.refused("POST", f"/ilt_session/{COMING}/bulk_register", 409, userIds=list(UNREGISTERED))
    assert "1 free of 3 places" in refusal["message"]
    assert len(attendees(api, COMING)) == 2
    api.send(f"/ilt_session/{COMING}/bulk_register", userIds=[UNREGISTERED[1]])


def test_deregistering_frees_the_place(api: Api, emulator: DamstraEmulator) -> None:
    user_id = TRAINEES[8]
    for expected in (1, 0):
        api.send(f"/ilt_session/{COMING}/bulk_deregister", userIds=[user_id, UNREGISTERED[0]])
        assert len(emulator.journal()[-1]["rows"]) == expected
    assert user_id not in attendees(api, COMING)
    api.refused("POST", f"/ilt_session/{COMING}/bulk_deregister", 404, userIds=[NOBODY])


def test_progress_is_saved_by_the_attendees_id(api: Api) -> None:
    before = attendees(api, RUNNING)
    first, second = list(before.values())[:2]
    rows = [{"id": first["id"], "attended": True, "passed": True}, {"id": second["id"], "attended": True}]
    api.send(f"/ilt_session/{RUNNING}/save_progress", attendees=rows)
    after = attendees(api, RUNNING)
    shown = [(after[one["userId"]]["attended"], after[one["userId"]]["passed"]) for one in (first, second)]
    assert shown == [(True, True), (True, False)]
    session = api.read(f"/ilt_session/{RUNNING}")
    assert (session["attendanceRate"], session["passRate"]) == (50, 25)


def test_progress_of_users_or_of_another_sessions_attendees_is_refused(api: Api) -> None:
    mine, other = (next(iter(attendees(api, one).values())) for one in (RUNNING, COMING))
    for wrong in (mine["userId"], other["id"]):
        rows = [{"id": mine["id"], "passed": True}, {"id": wrong, "passed": True}]
        api.refused("POST", f"/ilt_session/{RUNNING}/save_progress", 404, attendees=rows)
    assert not attendees(api, RUNNING)[mine["userId"]]["passed"]


def test_completing_a_session_completes_the_schedules_of_those_who_passed(api: Api) -> None:
    passed, failed = list(attendees(api, RUNNING).values())[:2]
    rows = [{"id": passed["id"], "passed": True}, {"id": failed["id"], "passed": False, "attended": True}]
    api.send(f"/ilt_session/{RUNNING}/save_progress", attendees=rows)
    api.send(f"/ilt_session/{RUNNING}/complete")
    assert api.read(f"/ilt_session/{RUNNING}")["statusId"] == 2
    states = [api.status_of(one["userId"], one["lessonScheduleId"]) for one in (passed, failed)]
    assert states == ["completed", "due"]
    assert api.get(f"/lesson_schedule/{passed['lessonScheduleId']}/certificate").status_code == 200


def test_cancelling_a_session_leaves_the_schedules_open(api: Api) -> None:
    attendee = next(iter(attendees(api, RUNNING).values()))
    api.send(f"/ilt_session/{RUNNING}/cancel_session", **QUIETLY)
    session = api.read(f"/ilt_session/{RUNNING}")
    assert (session["statusId"], {name: session[name] for name in QUIETLY}) == (3, QUIETLY)
    assert api.status_of(attendee["userId"], attendee["lessonScheduleId"]) == "due"


@pytest.mark.parametrize("end", ["complete", "cancel_session"])
def test_a_session_ends_once(api: Api, end: str) -> None:
    path = f"/ilt_session/{COMING}"
    api.send(f"{path}/{end}", **(QUIETLY if end == "cancel_session" else {}))
    calls: dict[str, dict[str, Any]] = {
        "complete": {},
        "cancel_session": QUIETLY,
        "bulk_register": {"userIds": [UNREGISTERED[0]]},
        "bulk_deregister": {"userIds": [TRAINEES[8]]},
        "save_progress": {"attendees": [{"id": 5009, "passed": True}]},
    }
    for call, body in calls.items():
        assert "already" in api.refused("POST", f"{path}/{call}", 409, **body)["message"]


@pytest.mark.parametrize("status", [2, 3])
def test_an_update_can_end_a_session_too(api: Api, status: int) -> None:
    body = {"instructorId": INSTRUCTOR, "location": "Here"}
    assert api.send(f"/ilt_session/{COMING}", "PATCH", **body, statusId=status).json()["statusId"] == status
    api.refused("PATCH", f"/ilt_session/{COMING}", 409, **body, statusId=1)
    assert api.send(f"/ilt_session/{COMING}", "PATCH", **body, statusId=status).json()["statusId"] == status


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
def test_an_unknown_session_is_404(api: Api, method: str, call: str, body: dict[str, Any]) -> None:
    assert (
        api.refused(method, f"/ilt_session/7{call}", 404, **body)["message"]
        == "ILT session with id 7 not found"
    )


def test_a_session_without_a_lesson_registers_nobody(api: Api) -> None:
    session = api.send("/ilt_session", **{name: NEW[name] for name in NEW if name != "lessonId"}).json()
    api.refused("POST", f"/ilt_session/{session['id']}/bulk_register", 400, userIds=[UNREGISTERED[0]])


def test_attendees_come_in_pages(api: Api) -> None:
    users = api.send("/bulkUserImport", users=[{"firstName": "Copy"}] * 25).json()
    ids = [user["id"] for user in users]
    for user_id in ids:
        api.schedule(user_id, CONFINED_SPACE)
    api.send(f"/ilt_session/{RUNNING}/bulk_register", userIds=ids)
    path = f"/ilt_session/{RUNNING}/attendees"
    first, second = api.read(path), api.read(path, startIndex=20)
    assert (len(first["results"]), len(second["results"])) == (20, 9)
    assert second["meta"] == {"totalResultCount": 29, "startIndex": 20, "endIndex": 29}
