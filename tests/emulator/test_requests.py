"""Validation of requests: access key, path, query and body."""

from __future__ import annotations

import socket
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests

from airflow_provider_damstra import endpoints
from airflow_provider_damstra.emulator import handlers, routing
from tests.emulator.api_client import GRACE_PERIOD, HAUL_TRUCK, OWNER, TRAINEES, ApiClient

if TYPE_CHECKING:
    from airflow_provider_damstra.endpoints.base import Endpoint
    from airflow_provider_damstra.testing import DamstraEmulator

TRAINEE = TRAINEES[0]

INVALID_KEY = {
    "message": "AccessKey does not exist",
    "reason": "Invalid access key",
    "internalCode": 806,
    "error": "Invalid security token",
}
TOKEN_NOT_VALID = {"internalCode": 806, "error": "Token not valid"}
# The operations for which Damstra documents the shorter body.
SHORT_BODY = {
    "ListGroups",
    "GetGroup",
    "ListLessons",
    "ListLessonDetails",
    "ListIltSessions",
    "GetIltSession",
    "ListIltSessionAttendees",
}
ALL = [getattr(endpoints, name) for name in endpoints.__all__]
each_endpoint = pytest.mark.parametrize("endpoint", ALL, ids=lambda endpoint: endpoint.__name__)


def path_of(endpoint: type[Endpoint[Any]]) -> str:
    names = {name for name, location in endpoint.field_locations().items() if location == "path"}
    return endpoint.path.format(**dict.fromkeys(names, 1))


def test_each_operation_has_one_handler() -> None:
    names = [operation.endpoint.__name__ for operation in routing.OPERATIONS]
    assert sorted(names) == sorted(endpoints.__all__)
    modules = {operation.handler.__module__.rpartition(".")[2] for operation in routing.OPERATIONS}
    assert modules == {*handlers.__all__}


@each_endpoint
@pytest.mark.parametrize("key", [None, "", "wrong"])
def test_wrong_key_is_403_with_documented_body(
    emulator: DamstraEmulator, endpoint: type[Endpoint[Any]], key: str | None
) -> None:
    with closing(ApiClient(emulator.url, key)) as api:
        response = api.request(endpoint.method, path_of(endpoint))
    assert response.status_code == 403
    assert response.json() == (TOKEN_NOT_VALID if endpoint.__name__ in SHORT_BODY else INVALID_KEY)


@each_endpoint
def test_unknown_query_parameter_is_named(api: ApiClient, endpoint: type[Endpoint[Any]]) -> None:
    response = api.request(endpoint.method, path_of(endpoint), params={"page_no": 1, "user_id": 2})
    assert response.status_code == 400
    assert response.json()["message"] == "unknown query parameter: page_no, user_id"


@each_endpoint
def test_unknown_body_field_is_named(api: ApiClient, endpoint: type[Endpoint[Any]]) -> None:
    response = api.request(endpoint.method, path_of(endpoint), json={"nonsense": 1})
    assert response.status_code == 400
    assert "nonsense" in response.json()["message"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "lessonVersionIds"),
        ({"lessonVersionIds": [HAUL_TRUCK], "gracePeriodUnit": "days"}, "gracePeriod"),
        ({"lessonVersionIds": [], **GRACE_PERIOD}, "lessonVersionIds"),
        (
            {"lessonVersionIds": [HAUL_TRUCK], **GRACE_PERIOD, "gracePeriod": 14},
            "gracePeriod: must be a string",
        ),
        ({"lessonVersionIds": [HAUL_TRUCK], **GRACE_PERIOD, "gracePeriod": "9" * 12}, "gracePeriod"),
        ({"lessonVersionIds": [HAUL_TRUCK], **GRACE_PERIOD, "gracePeriodUnit": "weeks"}, "gracePeriodUnit"),
        ({"lessonVersionIds": [str(HAUL_TRUCK)], **GRACE_PERIOD}, "lessonVersionIds.0: must be a number"),
        ({"lessonVersionIds": [True], **GRACE_PERIOD}, "lessonVersionIds.0: True is not a number"),
        ({"lesson_version_ids": [HAUL_TRUCK], **GRACE_PERIOD}, "lesson_version_ids"),
        (
            {"lessonVersionIds": [HAUL_TRUCK], **GRACE_PERIOD, "scheduleDate": None},
            "scheduleDate: must not be null",
        ),
        (
            {"lessonVersionIds": [HAUL_TRUCK], **GRACE_PERIOD, "scheduleDate": "2026-01-31T09:00:00"},
            "time zone",
        ),
        ({"lessonVersionIds": [HAUL_TRUCK], **GRACE_PERIOD, "userId": TRAINEE}, "userId"),
        ({"lessonVersionIds": [HAUL_TRUCK, HAUL_TRUCK], **GRACE_PERIOD}, "duplicate values: 2006"),
        ({"lessonVersionIds": [2**70], **GRACE_PERIOD}, "out of range"),
    ],
)
def test_invalid_body_field_is_named(
    api: ApiClient, emulator: DamstraEmulator, body: dict[str, Any], named: str
) -> None:
    response = api.request("POST", f"/user/{TRAINEE}/lesson_schedule", json=body)
    assert response.status_code == 400
    assert named in response.json()["message"]
    assert emulator.journal()[-1]["rows"] == []


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/user?roleId=x", "roleId"),
        ("/user?roleId=1", "roleId"),
        ("/user?activeValue=sleeping", "activeValue"),
        ("/user?startIndex=-1", "startIndex"),
        ("/user?maxResults=many", "maxResults"),
        (f"/user?maxResults={'9' * 5000}", "maxResults"),
        ("/user?q=a&q=b", "query parameter given more than once: q"),
        ("/user/abc", "userId"),
        ("/user/0", "userId"),
        ("/lesson?lessonIds=1,x", "lessonIds"),
        ("/lesson?publishedStates=active,unknown", "publishedStates"),
        ("/ilt_session?state=4", "state"),
        ("/embed_player", "lessonScheduleId"),
        (f"/user/{2**70}", "out of range"),
    ],
)
def test_invalid_parameter_is_named(api: ApiClient, path: str, named: str) -> None:
    assert named in api.error_message("GET", path, 400)


@pytest.mark.parametrize("raw", [b"{", b"[1]", b'"x"', b"\xff", b"NaN", b"[" * 100_000])
def test_body_must_be_json_object(api: ApiClient, emulator: DamstraEmulator, raw: bytes) -> None:
    response = api.request("POST", "/group", data=raw, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert "JSON" in response.json()["message"]
    assert len(emulator.journal()) == 1


def test_body_must_be_declared_as_json(api: ApiClient) -> None:
    response = api.request(
        "POST", "/group", data="name=x", headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert response.status_code == 415


def test_unknown_path_or_method_has_no_api_error_body(api: ApiClient) -> None:
    unknown, wrong = api.get("/users"), api.request("DELETE", "/user")
    assert (unknown.status_code, wrong.status_code) == (404, 405)
    assert "error" not in unknown.text + wrong.text


def test_trailing_slash_is_ignored(api: ApiClient) -> None:
    assert api.get_json("/user/", roleId=7) == api.get_json("/user", roleId=7)


def test_login_url_is_served(api: ApiClient) -> None:
    url = api.send(f"/user/{OWNER}/generate_login_url").text
    assert requests.get(url, timeout=10).status_code == 200


def test_incomplete_request_is_not_handled(api: ApiClient, emulator: DamstraEmulator) -> None:
    address = urlsplit(emulator.url)
    head = f"POST /api/v2/user/{TRAINEE}/inactivate HTTP/1.1\r\nHost: localhost\r\n"
    head += f"AccessKey: {emulator.access_key}\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(f"{head}Content-Length: 10\r\n\r\n{{}}".encode())
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""
    assert api.get_json(f"/user/{TRAINEE}")["clientStatusId"] == 56
    assert len(emulator.journal()) == 1
