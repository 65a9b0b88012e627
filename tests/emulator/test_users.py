"""Users: searching, creating, changing, importing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.api_client import (
    DATA_IMPORT,
    INACTIVE_USER,
    INSTRUCTOR,
    OWNER,
    PIT_CREW_A,
    TRAINEES,
    UNKNOWN_ID,
    ApiClient,
)

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

LIAM = TRAINEES[0]


def names(page: dict[str, Any]) -> list[str]:
    return [user["userName"] for user in page["results"]]


def update_body(api: ApiClient, user_id: int, **changes: Any) -> dict[str, Any]:
    """Return the complete body that an update requires."""
    wanted = ("id", "firstName", "lastName", "emailAddress", "phoneNumber", "mobileNumber", "employeeNumber")
    user = api.get_json(f"/user/{user_id}")
    return {**{name: user[name] for name in (*wanted, "roles", "timeZone")}, **changes}


def changed_rows(emulator: DamstraEmulator) -> list[dict[str, Any]]:
    """Return the rows changed by the latest request."""
    rows: list[dict[str, Any]] = emulator.journal()[-1]["rows"]
    return rows


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "MURPH"}, ["l.murphy"]),
        ({"q": "d.imp"}, ["d.import"]),
        ({"q": "lachl"}, ["l.byrne"]),
        ({"q": "%"}, []),
        ({"q": "_"}, []),
        ({"empId": "E1011"}, ["l.murphy"]),
        ({"empId": "e1011"}, []),
        ({"emailAddress": "liam.murphy@example.com"}, ["l.murphy"]),
        ({"emailAddress": "liam.murphy"}, []),
        ({"roleId": 8}, ["b.hartigan", "k.walker", "s.novak"]),
        ({"roleId": 8, "q": "kirra"}, ["k.walker"]),
        ({"activeValue": "inactive"}, ["w.birch", "d.mott", "k.tully"]),
        ({"q": "birch"}, []),
        ({"q": "birch", "activeValue": "all"}, ["w.birch"]),
        ({"empId": "E1038", "activeValue": "inactive"}, ["w.birch"]),
    ],
)
def test_search_combines_parameters(api: ApiClient, query: dict[str, Any], found: list[str]) -> None:
    page = api.get_json("/user", **query)
    assert names(page) == found
    assert page["meta"]["totalResultCount"] == len(found)


def test_page_size_defaults_to_20_and_is_capped(api: ApiClient) -> None:
    api.send("/bulkUserImport", users=[{"firstName": "Copy"}] * 100)
    assert len(api.get_json("/user")["results"]) == 20
    assert len(api.get_json("/user", maxResults=0)["results"]) == 20
    assert len(api.get_json("/user", maxResults=1000)["results"]) == 100


def test_pages_are_ordered_by_id(api: ApiClient) -> None:
    ids: list[int] = []
    while page := api.get_json("/user", startIndex=len(ids), maxResults=15)["results"]:
        ids += [user["id"] for user in page]
    assert ids == sorted(set(ids))
    assert len(ids) == api.get_json("/user", startIndex=10_000)["meta"]["totalResultCount"] == 37


def test_active_and_inactive_users_are_readable(api: ApiClient) -> None:
    assert api.get_json(f"/user/{OWNER}")["clientStatusId"] == 56
    assert api.get_json(f"/user/{INACTIVE_USER}")["clientStatusId"] == 57
    assert api.error_message("GET", f"/user/{UNKNOWN_ID}", 404) == f"User with id {UNKNOWN_ID} not found"


def test_new_user_defaults_to_trainee_with_generated_user_name(api: ApiClient) -> None:
    first, second = (api.send("/user", firstName="Zoë", lastName="O'Hara").json()["id"] for _ in "ab")
    user = api.get_json(f"/user/{first}")
    assert (user["userName"], api.get_json(f"/user/{second}")["userName"]) == ("z.ohara", "z.ohara2")
    assert (user["roles"], user["clientStatusId"], user["timeZone"]) == ([6], 56, "Australia/Perth")


def test_new_user_has_given_fields(api: ApiClient) -> None:
    given = {
        "userName": "tz",
        "firstName": "Tess",
        "lastName": "Zimmer",
        "emailAddress": "tess@example.com",
        "phoneNumber": "0811112222",
        "mobileNumber": "0411222333",
        "employeeNumber": "E7",
        "roles": [5, 6],
        "groups": [{"id": PIT_CREW_A}],
        "groupsSupervised": [{"id": PIT_CREW_A}],
        "timeZone": "Australia/Sydney",
    }
    user_id = api.send("/user", **given, password="x", sendWelcomeEmail=False).json()["id"]
    user = api.get_json(f"/user/{user_id}")
    assert {name: user[name] for name in given} == given


@pytest.mark.parametrize("name", ["m.kelly", "M.Kelly"])
def test_duplicate_user_name_is_conflict(api: ApiClient, emulator: DamstraEmulator, name: str) -> None:
    assert "already exists" in api.error_message("POST", "/user", 409, userName=name)
    assert changed_rows(emulator) == []
    body = update_body(api, LIAM, userName=name)
    assert "already exists" in api.error_message("PUT", f"/user/{LIAM}", 409, **body)


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_update_supports_put_and_post(api: ApiClient, method: str) -> None:
    change = {"firstName": "William", "roles": [5], "employeeNumber": None, "groups": [{"id": 103}]}
    response = api.send(f"/user/{LIAM}", method, **update_body(api, LIAM, **change)).json()
    assert (response["firstName"], response["roles"], response["groups"]) == ("William", [5], [{"id": 103}])
    assert "employeeNumber" not in response
    assert response == api.get_json(f"/user/{LIAM}")


def test_update_keeps_omitted_optional_fields(api: ApiClient) -> None:
    before = api.get_json(f"/user/{LIAM}")
    after = api.send(f"/user/{LIAM}", "PUT", **update_body(api, LIAM, lastName="Maher")).json()
    assert (after["groups"], after["userName"], after["lastName"]) == (before["groups"], "l.murphy", "Maher")


def test_update_requires_matching_id_in_body(api: ApiClient) -> None:
    assert "two users" in api.error_message("PUT", f"/user/{LIAM}", 400, **update_body(api, OWNER))
    body = update_body(api, LIAM)
    del body["id"]
    assert api.error_message("PUT", f"/user/{LIAM}", 400, **body) == "id: Field required"


def test_unknown_group_of_user_is_842_and_changes_nothing(api: ApiClient, emulator: DamstraEmulator) -> None:
    body = update_body(api, LIAM, firstName="Other", groups=[{"id": UNKNOWN_ID}])
    assert api.expect_error("PUT", f"/user/{LIAM}", 404, **body)["internalCode"] == 842
    assert api.expect_error("POST", "/user", 404, groups=[{"id": UNKNOWN_ID}])["internalCode"] == 842
    assert changed_rows(emulator) == []
    assert api.get_json(f"/user/{LIAM}")["firstName"] == "Liam"
    assert api.get_json("/user", activeValue="all")["meta"]["totalResultCount"] == 40


def test_user_is_inactivated_and_activated(api: ApiClient, emulator: DamstraEmulator) -> None:
    api.send(f"/user/{LIAM}/inactivate")
    assert changed_rows(emulator) == [{"table": "users", "id": LIAM, "action": "update"}]
    assert api.get_json(f"/user/{LIAM}")["clientStatusId"] == 57
    assert names(api.get_json("/user", q="murphy")) == []
    api.send(f"/user/{LIAM}/inactivate")
    assert changed_rows(emulator) == []
    api.send(f"/user/{LIAM}/activate")
    assert api.get_json(f"/user/{LIAM}")["clientStatusId"] == 56
    for call in ("activate", "inactivate", "generate_login_url"):
        api.expect_error("POST", f"/user/{UNKNOWN_ID}/{call}", 404)


@pytest.mark.parametrize(
    ("merge_type", "recognised"),
    [
        ("email", {"emailAddress": "liam.murphy@example.com"}),
        ("empNo", {"employeeNumber": "E1011"}),
        ("userName", {"userName": "l.murphy"}),
    ],
)
def test_import_merges_by_merge_type(api: ApiClient, merge_type: str, recognised: dict[str, str]) -> None:
    row = {**recognised, "lastName": "Merged", "roles": [5]}
    [user] = api.send("/bulkUserImport", users=[row], mergeType=merge_type).json()
    assert (user["id"], user["lastName"], user["firstName"], user["roles"]) == (LIAM, "Merged", "Liam", [5])


def test_imported_user_without_roles_becomes_trainee(api: ApiClient) -> None:
    users = [{"employeeNumber": f"E{INSTRUCTOR}"}, {"employeeNumber": "NEW"}]
    merged, created = api.send("/bulkUserImport", users=users, mergeType="empNo").json()
    assert (merged["id"], merged["roles"], merged["firstName"]) == (INSTRUCTOR, [6], "Bruce")
    assert created["roles"] == [6]


@pytest.mark.parametrize("given", [{}, {"mergeType": "none"}])
def test_import_creates_users_by_default(api: ApiClient, given: dict[str, str]) -> None:
    row = {"firstName": "Liam", "lastName": "Murphy", "employeeNumber": "E1011"}
    [user] = api.send("/bulkUserImport", users=[row], **given).json()
    assert (user["id"] > INACTIVE_USER, user["userName"]) == (True, "l.murphy2")


def test_import_is_all_or_nothing(api: ApiClient, emulator: DamstraEmulator) -> None:
    users = [{"firstName": "New"}, {"userName": "m.kelly"}]
    api.expect_error("POST", "/bulkUserImport", 409, users=users)
    assert changed_rows(emulator) == []
    assert api.get_json("/user", q="New")["results"] == []
    invalid = [{"firstName": "New"}, {"firstName": "New", "groups": [{"id": PIT_CREW_A}]}]
    message = api.error_message("POST", "/bulkUserImport", 400, users=invalid)
    assert message.startswith("users.1.groups: ")


def test_import_merges_rows_of_same_user_in_order(api: ApiClient) -> None:
    rows = [{"employeeNumber": "N1", "firstName": "Ann"}, {"employeeNumber": "N1", "lastName": "Lee"}]
    first, second = api.send("/bulkUserImport", users=rows, mergeType="empNo").json()
    assert first == second
    assert (first["firstName"], first["lastName"]) == ("Ann", "Lee")


def test_import_returns_users_in_given_order(api: ApiClient) -> None:
    users = [{"userName": "d.import"}, {"userName": "fresh"}, {"userName": "m.kelly"}]
    response = api.send("/bulkUserImport", users=users, mergeType="userName").json()
    assert [user["id"] for user in response] == [DATA_IMPORT, 1041, OWNER]
