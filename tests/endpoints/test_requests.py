"""Requests of calls: path, query, body and URL encoding."""

from __future__ import annotations

import pytest

from airflow_provider_damstra.endpoints import (
    AddGroupMembers,
    GetUser,
    ListIltSessionAttendees,
    ListLessons,
    ListUsers,
    ScheduleUser,
    UpdateIltSession,
)
from airflow_provider_damstra.endpoints.base import Endpoint
from airflow_provider_damstra.models import Page, User


def test_fields_are_sent_in_path_query_and_body() -> None:
    request = UpdateIltSession(ilt_session_id=5, instructor_id=6, location="Perth", notes=None).request()
    assert (request.method, request.path, request.query) == ("PATCH", "/ilt_session/5", ())
    assert request.body == {"instructorId": 6, "location": "Perth"}
    assert request.operation == "UpdateIltSession"


def test_get_has_no_body() -> None:
    assert ListUsers(q="smith").request().content is None


@pytest.mark.parametrize(
    ("q", "text"),
    [
        ("smith", "q=smith"),
        ("o'brien & sons", "q=o%27brien%20%26%20sons"),
        ("a+b=c?#/%", "q=a%2Bb%3Dc%3F%23%2F%25"),
        ("Zoë", "q=Zo%C3%AB"),
        ("", "q="),
    ],
)
def test_query_text_is_url_encoded(q: str, text: str) -> None:
    assert ListUsers(q=q).request().target == f"/user?{text}"


def test_commas_in_query_are_not_encoded() -> None:
    call = ListLessons(q="Site", lesson_ids=[1, 2], published_states=["active", "never"])
    assert call.request().target == "/lesson?q=Site&lessonIds=1,2&publishedStates=active,never"


def test_grace_period_is_sent_as_text() -> None:
    for given in (14, "14", "014"):
        call = ScheduleUser(
            user_id=1, lesson_version_ids="4,5", grace_period=given, grace_period_unit="months"
        )
        assert call.request().body == {
            "lessonVersionIds": [4, 5],
            "gracePeriod": "14",
            "gracePeriodUnit": "months",
        }


def test_request_text_has_operation_and_ids_but_no_data() -> None:
    request = ListUsers(email_address="john@smith.com").request()
    assert str(request) == "ListUsers (GET /user)"
    assert "john" not in str(request)
    added = AddGroupMembers(group_id=3, user_ids=[1]).request()
    assert str(added) == "AddGroupMembers (POST /group/3/add_members)"


@pytest.mark.parametrize(
    ("call", "is_write", "is_idempotent"),
    [
        (GetUser(user_id=1), False, True),
        (AddGroupMembers(group_id=1, user_ids=[1]), True, False),
        (UpdateIltSession(ilt_session_id=1, instructor_id=1, location="x"), True, False),
    ],
)
def test_is_write_and_is_idempotent_by_method(
    call: Endpoint[object], is_write: bool, is_idempotent: bool
) -> None:
    assert call.request().is_write is is_write
    assert call.request().is_idempotent is is_idempotent


def test_page_request_has_start_and_size() -> None:
    request = ListUsers(q="smith").page_request(start=20, size=10)
    assert request.target == "/user?q=smith&startIndex=20&maxResults=10"
    assert ListUsers().page_request(start=0, size=10).target == "/user?startIndex=0&maxResults=10"


def test_first_page_of_attendees_has_no_paging_parameters() -> None:
    attendees = ListIltSessionAttendees(ilt_session_id=3)
    assert attendees.page_request(start=0, size=10).query == ()
    assert attendees.page_request(start=10, size=10).query == (("startIndex", "10"), ("maxResults", "10"))


def test_result_type_of_endpoint() -> None:
    assert GetUser.result_type() is User
    assert ListUsers.result_type() == Page[User]

    class Nameless(Endpoint, path="/nothing"):  # type: ignore[type-arg]
        pass

    with pytest.raises(TypeError, match="Nameless does not name the type of its result"):
        Nameless.result_type()
