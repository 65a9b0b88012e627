"""Documented shapes and date formats of responses, including inconsistent ones."""

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
def test_resource_has_its_date_format(api: ApiClient, path: str, dates: tuple[str, ...], form: str) -> None:
    response = api.get_json(path)
    for name in dates:
        assert re.fullmatch(form, response[name]), response[name]


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
def test_listed_row_has_its_date_format(api: ApiClient, path: str, dates: tuple[str, ...], form: str) -> None:
    row = api.get_json(path)["results"][0]
    for name in dates:
        assert re.fullmatch(form, row[name]), row[name]


def test_created_and_read_user_have_different_date_formats(api: ApiClient) -> None:
    created = api.send("/user", firstName="Ann", lastName="Lee").json()
    assert created.keys() == {"id", "createdDate", "modifiedDate"}
    assert re.fullmatch(MILLISECONDS, created["createdDate"])
    assert re.fullmatch(SECONDS, api.get_json(f"/user/{created['id']}")["createdDate"])


@pytest.mark.parametrize("call", ["add_members", "remove_members", "add_supervisors", "remove_supervisors"])
def test_group_changes_return_status_line(api: ApiClient, call: str) -> None:
    response = api.send(f"/group/{PIT_CREW_A}/{call}", userIds=[OWNER])
    assert response.text == "HTTP/1.1 200 OK"
    assert response.headers["Content-Type"] == "application/json"


def test_operations_without_result_return_empty_body(api: ApiClient) -> None:
    notifications = {
        "iltSessionCancellationTraineeNotificationEnabled": True,
        "iltSessionCancellationInstructorNotificationEnabled": False,
    }
    responses = [
        api.send(f"/user/{OWNER}/activate"),
        api.send(f"/user/{TRAINEES[3]}/inactivate"),
        api.send(f"/group/{PIT_CREW_A}/inactivate"),
        api.send(f"/ilt_session/{RUNNING_SESSION}/bulk_register", userIds=[1021]),
        api.send(f"/ilt_session/{RUNNING_SESSION}/bulk_deregister", userIds=[1021]),
        api.send(f"/ilt_session/{RUNNING_SESSION}/save_progress", attendees=[{"id": 5005, "passed": True}]),
        api.send(f"/ilt_session/{RUNNING_SESSION}/cancel_session", **notifications),
    ]
    assert [response.text for response in responses] == [""] * len(responses)


def test_login_url_is_unquoted_text_declared_as_json(api: ApiClient, emulator: DamstraEmulator) -> None:
    response = api.request("POST", f"/user/{OWNER}/generate_login_url", params={"expiresIn": "day"})
    assert response.text.startswith(emulator.url + "/")
    assert response.headers["Content-Type"] == "application/json"
    assert response.text != api.request("POST", f"/user/{OWNER}/generate_login_url").text


def test_only_schedule_listing_has_no_meta(api: ApiClient) -> None:
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


def test_lesson_details_have_text_null_as_id(api: ApiClient) -> None:
    page = api.get_json("/lessondetails")
    assert (page["id"], page["meta"]["id"]) == ("null", "null")
    assert re.fullmatch(SECONDS, page["createdDate"])
    assert re.fullmatch(SECONDS, page["meta"]["modifiedDate"])
    assert page["results"][0].keys() == {
        *("lessonVersionId", "lessonId", "name", "published", "duration", "status", "inLibrary", "version"),
        "clientId",
    }


def test_user_groups_are_objects_and_roles_numbers(api: ApiClient) -> None:
    user = api.get_json(f"/user/{TRAINEES[0]}")
    assert user["groups"] == [{"id": 101}, {"id": PIT_CREW_A}]
    assert user["groupsSupervised"] == []
    assert user["roles"] == [6]


def test_only_listed_schedule_has_status(api: ApiClient) -> None:
    schedule_id = api.schedule(TRAINEES[0], HAUL_TRUCK)
    by_id = api.get_json(f"/lesson_schedule/{schedule_id}")
    assert not {"status", "statusId", "lessonCompletedDate"} & by_id.keys()
    listed = api.get_json(f"/user/{TRAINEES[0]}/lesson_schedule", status="due")["results"][-1]
    assert (listed["id"], listed["status"], listed["statusId"]) == (schedule_id, "due", 92)


def test_listed_session_has_instructor_name_and_single_session_state(api: ApiClient) -> None:
    listed, by_id = api.get_json("/ilt_session")["results"][0], api.get_json(f"/ilt_session/{PAST_SESSION}")
    assert listed["instructorFirstName"] == "Bruce"
    assert (by_id["state"], by_id["attendanceRate"], by_id["passRate"]) == ("past", 100, 75)
    assert not {"state", "passRate", "lessonName"} & listed.keys()
    assert not {"instructorFirstName", "instructorLastName"} & by_id.keys()


def test_created_ids_are_wrapped_in_object(api: ApiClient) -> None:
    order = {"lessonVersionIds": [HAUL_TRUCK], **GRACE_PERIOD}
    response = api.send(f"/user/{INSTRUCTOR}/lesson_schedule", **order).json()
    assert list(response) == ["ids"]
    assert isinstance(response["ids"][0], int)
