"""The shapes and date formats of the answers, the awkward ones included."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.emulator.api_client import (
    GRACE_PERIOD,
    HAUL_TRUCK,
    INSTRUCTOR,
    OWNER,
    PAST_SESSION,
    PIT_CREW_A,
    RUNNING_SESSION,
    TRAINEES,
    ApiClient,
)

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

SECONDS = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000"
MILLISECONDS = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
WITHOUT_ZONE = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
OWN_ZONE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0800"


@pytest.mark.parametrize(
    ("path", "dates", "form"),
    [
        (f"/user/{OWNER}", ("createdDate", "modifiedDate"), SECONDS),
        (f"/group/{PIT_CREW_A}", ("createdDate",), WITHOUT_ZONE),
        (
            "/lesson_schedule/30001",
            ("startDate", "endDate", "lessonCompletedDate", "createdDate"),
            MILLISECONDS,
        ),
        (
            f"/ilt_session/{PAST_SESSION}",
            ("startDatetime", "endDatetime", "createdDate", "modifiedDate"),
            OWN_ZONE,
        ),
    ],
)
def test_one_thing_has_the_date_format_of_its_resource(
    api: ApiClient, path: str, dates: tuple[str, ...], form: str
) -> None:
    answer = api.get_json(path)
    for name in dates:
        assert re.fullmatch(form, answer[name]), answer[name]


@pytest.mark.parametrize(
    ("path", "dates", "form"),
    [
        ("/user", ("createdDate", "modifiedDate"), SECONDS),
        (f"/group/{PIT_CREW_A}/member", ("createdDate",), SECONDS),
        ("/group", ("createdDate",), WITHOUT_ZONE),
        ("/lesson", ("createdDate", "modifiedDate"), SECONDS),
        (f"/user/{TRAINEES[0]}/lesson_schedule", ("startDate", "endDate", "createdDate"), MILLISECONDS),
        ("/ilt_session", ("startDatetime", "endDatetime", "createdDate"), OWN_ZONE),
        (f"/ilt_session/{PAST_SESSION}/attendees", ("createdDate", "modifiedDate"), OWN_ZONE),
    ],
)
def test_a_row_of_a_listing_has_the_date_format_of_its_resource(
    api: ApiClient, path: str, dates: tuple[str, ...], form: str
) -> None:
    row = api.get_json(path)["results"][0]
    for name in dates:
        assert re.fullmatch(form, row[name]), row[name]


def test_creating_a_user_answers_other_dates_than_reading_one(api: ApiClient) -> None:
    created = api.send("/user", firstName="Ann", lastName="Lee").json()
    assert created.keys() == {"id", "createdDate", "modifiedDate"}
    assert re.fullmatch(MILLISECONDS, created["createdDate"])
    assert re.fullmatch(SECONDS, api.get_json(f"/user/{created['id']}")["createdDate"])


@pytest.mark.parametrize("call", ["add_members", "remove_members", "add_supervisors", "remove_supervisors"])
def test_changes_of_a_groups_users_answer_a_status_line_as_text(api: ApiClient, call: str) -> None:
    answer = api.send(f"/group/{PIT_CREW_A}/{call}", userIds=[OWNER])
    assert answer.text == "HTTP/1.1 200 OK"
    assert answer.headers["Content-Type"] == "application/json"


def test_what_answers_nothing_has_an_empty_body(api: ApiClient) -> None:
    notifications = {
        "iltSessionCancellationTraineeNotificationEnabled": True,
        "iltSessionCancellationInstructorNotificationEnabled": False,
    }
    answers = [
        api.send(f"/user/{OWNER}/activate"),
        api.send(f"/user/{TRAINEES[3]}/inactivate"),
        api.send(f"/group/{PIT_CREW_A}/inactivate"),
        api.send(f"/ilt_session/{RUNNING_SESSION}/bulk_register", userIds=[1021]),
        api.send(f"/ilt_session/{RUNNING_SESSION}/bulk_deregister", userIds=[1021]),
        api.send(f"/ilt_session/{RUNNING_SESSION}/save_progress", attendees=[{"id": 5005, "passed": True}]),
        api.send(f"/ilt_session/{RUNNING_SESSION}/cancel_session", **notifications),
    ]
    assert [answer.text for answer in answers] == [""] * len(answers)


def test_the_login_url_is_bare_text_that_is_called_json(api: ApiClient, emulator: DamstraEmulator) -> None:
    answer = api.request("POST", f"/user/{OWNER}/generate_login_url", params={"expiresIn": "day"})
    assert answer.text.startswith(emulator.url + "/")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.text != api.request("POST", f"/user/{OWNER}/generate_login_url").text


def test_a_users_schedules_have_no_meta_and_other_listings_do(api: ApiClient) -> None:
    assert api.get_json(f"/user/{TRAINEES[0]}/lesson_schedule").keys() == {"results"}
    for path in (
        "/user",
        "/group",
        "/lesson",
        "/lessondetails",
        "/ilt_session",
        f"/ilt_session/{PAST_SESSION}/attendees",
    ):
        page = api.get_json(path)
        shown = {name: page["meta"][name] for name in ("totalResultCount", "startIndex", "endIndex")}
        assert shown == {
            "totalResultCount": page["meta"]["totalResultCount"],
            "startIndex": 0,
            "endIndex": len(page["results"]),
        }


def test_lesson_details_have_an_id_that_is_the_text_null(api: ApiClient) -> None:
    page = api.get_json("/lessondetails")
    assert (page["id"], page["meta"]["id"]) == ("null", "null")
    assert re.fullmatch(SECONDS, page["createdDate"])
    assert re.fullmatch(SECONDS, page["meta"]["modifiedDate"])
    assert page["results"][0].keys() == {
        *("lessonVersionId", "lessonId", "name", "published", "duration", "status", "inLibrary", "version"),
        "clientId",
    }


def test_groups_of_a_user_are_objects_and_roles_are_numbers(api: ApiClient) -> None:
    user = api.get_json(f"/user/{TRAINEES[0]}")
    assert user["groups"] == [{"id": 101}, {"id": PIT_CREW_A}]
    assert user["groupsSupervised"] == []
    assert user["roles"] == [6]


def test_a_schedule_by_id_has_no_status_and_one_in_the_users_list_has(api: ApiClient) -> None:
    schedule_id = api.schedule(TRAINEES[0], HAUL_TRUCK)
    by_id = api.get_json(f"/lesson_schedule/{schedule_id}")
    assert not {"status", "statusId", "lessonCompletedDate"} & by_id.keys()
    listed = api.get_json(f"/user/{TRAINEES[0]}/lesson_schedule", status="due")["results"][-1]
    assert (listed["id"], listed["status"], listed["statusId"]) == (schedule_id, "due", 92)


def test_a_session_in_a_listing_names_its_instructor_and_one_by_id_its_state(api: ApiClient) -> None:
    listed, by_id = api.get_json("/ilt_session")["results"][0], api.get_json(f"/ilt_session/{PAST_SESSION}")
    assert listed["instructorFirstName"] == "Bruce"
    assert (by_id["state"], by_id["attendanceRate"], by_id["passRate"]) == ("past", 100, 75)
    assert not {"state", "passRate", "lessonName"} & listed.keys()
    assert not {"instructorFirstName", "instructorLastName"} & by_id.keys()


def test_ids_that_were_created_come_in_an_object(api: ApiClient) -> None:
    order = {"lessonVersionIds": [HAUL_TRUCK], **GRACE_PERIOD}
    answer = api.send(f"/user/{INSTRUCTOR}/lesson_schedule", **order).json()
    assert list(answer) == ["ids"]
    assert isinstance(answer["ids"][0], int)
