"""A call's request: what goes to path, query and body, and how a text becomes part of an address."""

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


def test_path_query_and_body_get_their_own() -> None:
    request = UpdateIltSession(ilt_session_id=5, instructor_id=6, location="Perth", notes=None).request()
    assert (request.method, request.path, request.query) == ("PATCH", "/ilt_session/5", ())
    assert request.body == {"instructorId": 6, "location": "Perth"}
    assert request.operation == "UpdateIltSession"


def test_a_get_has_no_body() -> None:
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
def test_a_text_keeps_its_meaning_in_an_address(q: str, text: str) -> None:
    assert ListUsers(q=q).request().target == f"/user?{text}"


def test_a_list_stays_readable_in_an_address() -> None:
    call = ListLessons(q="Site", lesson_ids=[1, 2], published_states=["active", "never"])
    assert call.request().target == "/lesson?q=Site&lessonIds=1,2&publishedStates=active,never"


def test_the_grace_period_is_a_text_of_digits() -> None:
    for given in (14, "14", "014"):
        call = ScheduleUser(
            user_id=1, lesson_version_ids="4,5", grace_period=given, grace_period_unit="months"
        )
        assert call.request().body == {
            "lessonVersionIds": [4, 5],
            "gracePeriod": "14",
            "gracePeriodUnit": "months",
        }


def test_a_request_says_what_on_whom_but_not_with_which_data() -> None:
    request = ListUsers(email_address="john@smith.com").request()
    assert str(request) == "ListUsers (GET /user)"
    assert "john" not in str(request)
    added = AddGroupMembers(group_id=3, user_ids=[1]).request()
    assert str(added) == "AddGroupMembers (POST /group/3/add_members)"


@pytest.mark.parametrize(
    ("call", "changes", "idempotent"),
    [
        (GetUser(user_id=1), False, True),
        (AddGroupMembers(group_id=1, user_ids=[1]), True, False),
        (UpdateIltSession(ilt_session_id=1, instructor_id=1, location="x"), True, False),
    ],
)
def test_the_method_tells_whether_it_changes_something_and_may_be_repeated(
    call: Endpoint[object], changes: bool, idempotent: bool
) -> None:
    assert call.request().is_write is changes
    assert call.request().is_idempotent is idempotent


def test_a_page_is_asked_for_by_start_and_size() -> None:
    request = ListUsers(q="smith").page_request(start=20, size=10)
    assert request.target == "/user?q=smith&startIndex=20&maxResults=10"
    assert ListUsers().page_request(start=0, size=10).target == "/user?startIndex=0&maxResults=10"


def test_attendees_are_first_asked_for_as_the_page_shows_it() -> None:
    attendees = ListIltSessionAttendees(ilt_session_id=3)
    assert attendees.page_request(start=0, size=10).query == ()
    assert attendees.page_request(start=10, size=10).query == (("startIndex", "10"), ("maxResults", "10"))


def test_a_call_names_its_answer() -> None:
    assert GetUser.result_type() is User
    assert ListUsers.result_type() == Page[User]

    class Nameless(Endpoint, path="/nothing"):  # type: ignore[type-arg]
        pass

    with pytest.raises(TypeError, match="Nameless does not name the type of its result"):
        Nameless.result_type()
