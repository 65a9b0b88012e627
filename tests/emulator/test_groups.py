"""Groups, their members and their supervisors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.emulator.api_client import (
    INACTIVE_GROUP,
    OWNER,
    PIT_CREW_A,
    SUPERVISOR,
    TRAINEES,
    UNKNOWN_ID,
    ApiClient,
)

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

MINE = 101
LISTS = (("member", "members"), ("supervisor", "supervisors"))
each_list = pytest.mark.parametrize(("listing", "change"), LISTS)


def ids(api: ApiClient, path: str) -> list[int]:
    return [row["id"] for row in api.get_json(path, maxResults=100)["results"]]


@each_list
def test_adding_and_removing_users_is_idempotent(
    api: ApiClient, emulator: DamstraEmulator, listing: str, change: str
) -> None:
    path = f"/group/{PIT_CREW_A}"
    before = ids(api, f"{path}/{listing}")
    for expected in (2, 0):
        api.send(f"{path}/add_{change}", userIds=[OWNER, TRAINEES[1]])
        assert len(emulator.journal()[-1]["rows"]) == expected
        assert ids(api, f"{path}/{listing}") == sorted({*before, OWNER, TRAINEES[1]})
    for expected in (2, 0):
        api.send(f"{path}/remove_{change}", userIds=[OWNER, TRAINEES[1]])
        assert len(emulator.journal()[-1]["rows"]) == expected
        assert ids(api, f"{path}/{listing}") == before


@each_list
@pytest.mark.parametrize("verb", ["add", "remove"])
def test_unknown_users_are_404_and_change_nothing(
    api: ApiClient, listing: str, change: str, verb: str
) -> None:
    path = f"/group/{PIT_CREW_A}"
    before = ids(api, f"{path}/{listing}")
    body = api.expect_error("POST", f"{path}/{verb}_{change}", 404, userIds=[*before, OWNER, UNKNOWN_ID, 998])
    assert body["message"] == "User with id 999, 998 not found"
    assert ids(api, f"{path}/{listing}") == before


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "", {"name": "x", "description": "y"}),
        ("GET", "/member", {}),
        ("GET", "/supervisor", {}),
        ("POST", "/add_members", {"userIds": [OWNER]}),
        ("POST", "/remove_members", {"userIds": [OWNER]}),
        ("POST", "/add_supervisors", {"userIds": [OWNER]}),
        ("POST", "/remove_supervisors", {"userIds": [OWNER]}),
        ("POST", "/inactivate", {}),
    ],
)
def test_unknown_group_is_842(api: ApiClient, method: str, path: str, body: dict[str, object]) -> None:
    assert api.expect_error(method, f"/group/7{path}", 404, **body) == {
        "message": "Group with id 7 not found",
        "reason": "Group not found",
        "internalCode": 842,
        "statusCode": 404,
    }


def test_get_unknown_group_has_boolean_error(api: ApiClient) -> None:
    assert api.expect_error("GET", "/group/7", 404) == {
        "message": "No group found for that Id",
        "reason": "No Group found",
        "error": True,
        "statusCode": 404,
    }


def test_groups_are_searched_by_part_of_name(api: ApiClient) -> None:
    assert ids(api, "/group?q=pit") == [102, 103]
    assert ids(api, "/group?q=pi_") == []
    assert len(ids(api, "/group")) == 7


def test_group_is_created_and_updated(api: ApiClient) -> None:
    created = api.send("/group", name="Welders", description="All of them", parentId=MINE).json()
    assert created == api.get_json(f"/group/{created['id']}")
    assert (created["memberCount"], created["parentId"], created["clientId"]) == (0, MINE, 1)
    changed = api.send(f"/group/{created['id']}", name="Fitters", description="Some").json()
    assert (changed["name"], changed["description"], changed["parentId"]) == ("Fitters", "Some", MINE)


def test_parent_must_exist_and_be_no_descendant(api: ApiClient) -> None:
    body = {"name": "x", "description": "y"}
    assert api.expect_error("POST", "/group", 404, **body, parentId=7)["internalCode"] == 842
    for parent in (MINE, PIT_CREW_A):
        assert "below it" in api.error_message("POST", f"/group/{MINE}", 400, **body, parentId=parent)


def test_inactive_group_is_not_listed_but_readable(api: ApiClient) -> None:
    assert INACTIVE_GROUP not in ids(api, "/group")
    api.send(f"/group/{PIT_CREW_A}/inactivate")
    assert PIT_CREW_A not in ids(api, "/group")
    assert api.get_json(f"/group/{PIT_CREW_A}")["memberCount"] == len(ids(api, f"/group/{PIT_CREW_A}/member"))


def test_user_contains_its_groups(api: ApiClient) -> None:
    api.send(f"/group/{PIT_CREW_A}/add_members", userIds=[OWNER])
    api.send(f"/group/{PIT_CREW_A}/add_supervisors", userIds=[OWNER])
    user = api.get_json(f"/user/{OWNER}")
    assert (user["groups"], user["groupsSupervised"]) == ([{"id": PIT_CREW_A}], [{"id": PIT_CREW_A}])
    assert {"id": PIT_CREW_A} in api.get_json(f"/user/{SUPERVISOR}")["groupsSupervised"]


def test_members_are_paginated(api: ApiClient) -> None:
    page = api.get_json(f"/group/{MINE}/member", startIndex=2, maxResults=3)
    assert [user["id"] for user in page["results"]] == ids(api, f"/group/{MINE}/member")[2:5]
    assert page["meta"] == {"totalResultCount": 18, "startIndex": 2, "endIndex": 5}
