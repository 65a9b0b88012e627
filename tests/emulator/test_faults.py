"""Each kind of fault, and which requests it strikes."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import requests
from uvicorn.protocols.http.h11_impl import H11Protocol

from airflow_provider_damstra.emulator import server
from airflow_provider_damstra.testing import DamstraEmulator
from tests.emulator.api_client import OWNER, ApiClient, call_control_plane

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", params=["h11", "as installed"])
def running_emulator(request: pytest.FixtureRequest) -> Iterator[DamstraEmulator]:
    """Return an emulator on each of the two parsers that the server can have."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "h11":
            protocol = type("H11EmulatorProtocol", (server.TransportInScopeMixin, H11Protocol), {})
            patch.setattr(server, "EmulatorProtocol", protocol)
        with DamstraEmulator() as emulator:
            yield emulator


def statuses(api: ApiClient, count: int, path: str = "/user") -> list[int]:
    return [api.get(path).status_code for _ in range(count)]


def groups(api: ApiClient) -> list[str]:
    return [group["name"] for group in api.get_json("/group", q="Welders")["results"]]


WELDERS = {"name": "Welders", "description": "All of them"}


def test_status_answers_with_headers_and_body(api: ApiClient, emulator: DamstraEmulator) -> None:
    body = {"internalCode": 831, "error": "You are not authorised to make this request"}
    emulator.add_fault("status", status=403, headers={"Retry-After": "7"}, body=body, count=1)
    answer = api.request("POST", "/group", json=WELDERS)
    assert (answer.status_code, answer.headers["Retry-After"], answer.json()) == (403, "7", body)
    assert groups(api) == []


@pytest.mark.parametrize(
    ("body", "text"), [(None, ""), ("Service Unavailable", "Service Unavailable"), ([1], "[1]")]
)
def test_status_may_have_a_text_or_no_body(
    api: ApiClient, emulator: DamstraEmulator, body: Any, text: str
) -> None:
    emulator.add_fault("status", status=503, body=body)
    assert api.get("/user").text == text


def test_delay_waits_and_then_answers(api: ApiClient, emulator: DamstraEmulator) -> None:
    emulator.add_fault("delay", delay=0.15, count=1)
    began = time.monotonic()
    assert statuses(api, 1) == [200]
    assert 0.15 <= time.monotonic() - began < 5


def test_a_delay_comes_before_another_fault(api: ApiClient, emulator: DamstraEmulator) -> None:
    emulator.add_fault("delay", delay=0.1)
    emulator.add_fault("status", status=500, delay=0.1)
    began = time.monotonic()
    assert statuses(api, 1) == [500]
    assert time.monotonic() - began >= 0.2


def test_others_are_answered_during_a_delay(emulator: DamstraEmulator) -> None:
    emulator.add_fault("delay", delay=5, path="/user")
    with (
        closing(ApiClient(emulator.url, emulator.access_key)) as waiting,
        closing(ApiClient(emulator.url, emulator.access_key)) as api,
    ):
        with pytest.raises(requests.exceptions.ReadTimeout):
            waiting.request("GET", "/user", read_timeout=0.1)
        assert statuses(api, 1, "/group") == [200]


def test_drop_before_closes_the_connection_and_does_nothing(
    api: ApiClient, emulator: DamstraEmulator
) -> None:
    emulator.add_fault("drop_before", method="POST", count=1)
    with pytest.raises(requests.exceptions.ConnectionError):
        api.request("POST", "/group", json=WELDERS)
    assert groups(api) == []
    [entry] = emulator.journal(method="POST")
    assert (entry["status"], entry["rows"], entry["fault"]) == (None, [], "drop_before")


def test_drop_after_does_it_and_closes_the_connection(api: ApiClient, emulator: DamstraEmulator) -> None:
    emulator.add_fault("drop_after", method="POST", count=1)
    with pytest.raises(requests.exceptions.ConnectionError):
        api.request("POST", "/group", json=WELDERS)
    assert groups(api) == ["Welders"]
    [entry] = emulator.journal(method="POST")
    assert (entry["status"], entry["fault"]) == (200, "drop_after")
    assert [row["table"] for row in entry["rows"]] == ["groups"]


def test_truncate_breaks_off_the_body(api: ApiClient, emulator: DamstraEmulator) -> None:
    whole = api.get("/user").content
    emulator.add_fault("truncate", count=1)
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        api.get("/user")
    emulator.add_fault("truncate", count=1)
    answer = api.request("GET", "/user", stream=True)
    assert (answer.status_code, int(answer.headers["Content-Length"])) == (200, len(whole))
    assert answer.raw.read(len(whole) // 2) == whole[: len(whole) // 2]
    answer.close()


def test_truncate_breaks_off_an_empty_body_too(api: ApiClient, emulator: DamstraEmulator) -> None:
    emulator.add_fault("truncate", count=1)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        api.request("POST", f"/user/{OWNER}/activate")


@pytest.mark.parametrize(("given", "status"), [(None, 502), (200, 200)])
def test_html_answers_a_web_page_and_does_nothing(
    api: ApiClient, emulator: DamstraEmulator, given: int | None, status: int
) -> None:
    emulator.add_fault("html", method="POST", headers={"Via": "proxy"}, status=given)
    answer = api.request("POST", "/group", json=WELDERS)
    assert (answer.status_code, answer.headers["Via"], answer.text[:6]) == (status, "proxy", "<html>")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert groups(api) == []


def test_no_fault_makes_the_server_complain(
    api: ApiClient, emulator: DamstraEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    for kind in ("drop_before", "drop_after", "truncate"):
        emulator.add_fault(kind, count=1)
        with pytest.raises(requests.exceptions.RequestException):
            api.get("/user")
    assert statuses(api, 1) == [200]
    assert caplog.records == []


@pytest.mark.parametrize(
    ("rule", "struck"),
    [
        ({}, {"GET /user", "GET /user/1001", "POST /user/1001/activate", "GET /group"}),
        ({"path": "/user"}, {"GET /user"}),
        ({"path": "/user/*"}, {"GET /user/1001"}),
        ({"path": "/user/{user_id}"}, {"GET /user/1001"}),
        ({"path": "/user/**"}, {"GET /user/1001", "POST /user/1001/activate"}),
        ({"path": "/api/v2/user/*/activate"}, {"POST /user/1001/activate"}),
        ({"path": "/us.r"}, set()),
        ({"method": "post"}, {"POST /user/1001/activate"}),
        ({"method": "GET", "path": "/gr*"}, {"GET /group"}),
    ],
)
def test_a_rule_strikes_what_fits_method_and_path(
    api: ApiClient, emulator: DamstraEmulator, rule: dict[str, str], struck: set[str]
) -> None:
    emulator.add_fault("status", status=500, **rule)  # type: ignore[arg-type]
    calls = ["GET /user", "GET /user/1001", "POST /user/1001/activate", "GET /group"]
    found = {call for call in calls if api.request(*call.split(" ")).status_code == 500}
    assert found == struck


def test_a_rule_strikes_as_often_as_it_says(api: ApiClient, emulator: DamstraEmulator) -> None:
    emulator.add_fault("status", status=500, count=2)
    emulator.add_fault("status", status=501, count=1)
    assert statuses(api, 5) == [500, 500, 501, 200, 200]
    assert [rule["hits"] for rule in call_control_plane(emulator, "GET", "/faults").json()] == [2, 1]
    emulator.add_fault("status", status=500)
    emulator.clear_faults()
    assert statuses(api, 1) == [200]


def test_a_probability_with_a_seed_strikes_the_same_requests_each_time(
    api: ApiClient, emulator: DamstraEmulator
) -> None:
    runs = []
    for seed in (1, 1, 2):
        emulator.clear_faults()
        emulator.add_fault("status", status=500, probability=0.5, seed=seed)
        runs.append(statuses(api, 30))
    assert runs[0] == runs[1] != runs[2]
    assert 5 < runs[0].count(500) < 25


def test_probability_0_never_strikes_and_1_always(api: ApiClient, emulator: DamstraEmulator) -> None:
    emulator.add_fault("status", status=500, probability=0)
    assert statuses(api, 10) == [200] * 10
    emulator.add_fault("status", status=501, probability=1, count=3)
    assert statuses(api, 4) == [501, 501, 501, 200]


def test_the_control_plane_is_never_struck(emulator: DamstraEmulator) -> None:
    emulator.add_fault("drop_before")
    assert emulator.now.tzinfo is not None
