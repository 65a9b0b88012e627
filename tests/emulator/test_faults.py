"""Fault injection: each kind of fault, and which requests a rule applies to."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import requests
from uvicorn.protocols.http.h11_impl import H11Protocol

from airflow_provider_damstra.emulator import server
from airflow_provider_damstra.testing import DamstraEmulator
from tests.emulator.api_client import OWNER, ApiClient, call_control_plane
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", params=["h11", "as installed"])
def running_emulator(request: pytest.FixtureRequest) -> Iterator[DamstraEmulator]:
    """Return an emulator, with each of the two HTTP parsers that the server may use."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "h11":
            protocol = type("H11EmulatorProtocol", (server.TransportInScopeMixin, H11Protocol), {})
            patch.setattr(server, "EmulatorProtocol", protocol)
        with DamstraEmulator() as emulator:
            yield emulator


def statuses(api: ApiClient, count: int, path: str = "/user") -> list[int]:
    return [api.get(path).status_code for _ in range(count)]


def welder_groups(api: ApiClient) -> list[str]:
    return [group["name"] for group in api.get_json("/group", q="Welders")["results"]]


WELDERS = {"name": "Welders", "description": "All of them"}


def test_status_fault_sends_headers_and_body(api: ApiClient, emulator: DamstraEmulator) -> None:
    body = {"internalCode": 831, "error": "You are not authorised to make this request"}
    emulator.add_fault("status", status=403, headers={"Retry-After": "7"}, body=body, count=1)
    response = api.request("POST", "/group", json=WELDERS)
    assert (response.status_code, response.headers["Retry-After"], response.json()) == (403, "7", body)
    assert welder_groups(api) == []


@pytest.mark.parametrize(
    ("body", "text"), [(None, ""), ("Service Unavailable", "Service Unavailable"), ([1], "[1]")]
)
def test_status_fault_accepts_text_json_or_no_body(
    api: ApiClient, emulator: DamstraEmulator, body: Any, text: str
) -> None:
    emulator.add_fault("status", status=503, body=body)
    assert api.get("/user").text == text


def test_delay_fault_delays_response(api: ApiClient, emulator: DamstraEmulator) -> None:
    emulator.add_fault("delay", delay=0.15, count=1)
    started = time.monotonic()
    assert statuses(api, 1) == [200]
    assert 0.15 <= time.monotonic() - started < 5


def test_delays_add_up_before_other_fault(api: ApiClient, emulator: DamstraEmulator) -> None:
    emulator.add_fault("delay", delay=0.1)
    emulator.add_fault("status", status=500, delay=0.1)
    started = time.monotonic()
    assert statuses(api, 1) == [500]
    assert time.monotonic() - started >= 0.2


def test_delay_does_not_block_other_requests(emulator: DamstraEmulator) -> None:
    emulator.add_fault("delay", delay=5, path="/user")
    with (
        closing(ApiClient(emulator.url, emulator.access_key)) as waiting,
        closing(ApiClient(emulator.url, emulator.access_key)) as api,
    ):
        with pytest.raises(requests.exceptions.ReadTimeout):
            waiting.request("GET", "/user", read_timeout=0.1)
        assert statuses(api, 1, "/group") == [200]


def test_reset_drops_delayed_request(emulator: DamstraEmulator) -> None:
    emulator.add_fault("delay", delay=0.5, path="/group")
    with ThreadPoolExecutor(1) as pool, closing(ApiClient(emulator.url, emulator.access_key)) as waiting:
        request = pool.submit(waiting.request, "POST", "/group", json=WELDERS)
        wait_until(
            lambda: call_control_plane(emulator, "GET", "/faults").json()[0]["hits"],
            "the request to be delayed",
        )
        emulator.reset()
        with pytest.raises(requests.exceptions.ConnectionError):
            request.result(timeout=10)
    assert emulator.journal() == []
    with closing(ApiClient(emulator.url, emulator.access_key)) as api:
        assert welder_groups(api) == []


def test_drop_before_changes_nothing(api: ApiClient, emulator: DamstraEmulator) -> None:
    emulator.add_fault("drop_before", method="POST", count=1)
    with pytest.raises(requests.exceptions.ConnectionError):
        api.request("POST", "/group", json=WELDERS)
    assert welder_groups(api) == []
    [entry] = emulator.journal(method="POST")
    assert (entry["status"], entry["rows"], entry["fault"]) == (None, [], "drop_before")


def test_drop_after_changes_data_without_response(api: ApiClient, emulator: DamstraEmulator) -> None:
    emulator.add_fault("drop_after", method="POST", count=1)
    with pytest.raises(requests.exceptions.ConnectionError):
        api.request("POST", "/group", json=WELDERS)
    assert welder_groups(api) == ["Welders"]
    [entry] = emulator.journal(method="POST")
    assert (entry["status"], entry["fault"]) == (200, "drop_after")
    assert [row["table"] for row in entry["rows"]] == ["groups"]


def test_truncate_sends_half_of_body(api: ApiClient, emulator: DamstraEmulator) -> None:
    whole = api.get("/user").content
    emulator.add_fault("truncate", count=1)
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        api.get("/user")
    emulator.add_fault("truncate", count=1)
    response = api.request("GET", "/user", stream=True)
    assert (response.status_code, int(response.headers["Content-Length"])) == (200, len(whole))
    assert response.raw.read(len(whole) // 2) == whole[: len(whole) // 2]
    response.close()


def test_truncate_applies_to_empty_body(api: ApiClient, emulator: DamstraEmulator) -> None:
    emulator.add_fault("truncate", count=1)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        api.request("POST", f"/user/{OWNER}/activate")


@pytest.mark.parametrize(("given", "status"), [(None, 502), (200, 200)])
def test_html_fault_sends_page_and_changes_nothing(
    api: ApiClient, emulator: DamstraEmulator, given: int | None, status: int
) -> None:
    emulator.add_fault("html", method="POST", headers={"Via": "proxy"}, status=given)
    response = api.request("POST", "/group", json=WELDERS)
    assert (response.status_code, response.headers["Via"], response.text[:6]) == (status, "proxy", "<html>")
    assert response.headers["Content-Type"].startswith("text/html")
    assert welder_groups(api) == []


def test_faults_cause_no_server_log(
    api: ApiClient, emulator: DamstraEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    for kind in ("drop_before", "drop_after", "truncate"):
        emulator.add_fault(kind, count=1)
        with pytest.raises(requests.exceptions.RequestException):
            api.get("/user")
    assert statuses(api, 1) == [200]
    assert caplog.records == []


@pytest.mark.parametrize(
    ("rule", "expected"),
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
def test_rule_applies_to_matching_requests(
    api: ApiClient, emulator: DamstraEmulator, rule: dict[str, str], expected: set[str]
) -> None:
    emulator.add_fault("status", status=500, **rule)  # type: ignore[arg-type]
    calls = ["GET /user", "GET /user/1001", "POST /user/1001/activate", "GET /group"]
    found = {call for call in calls if api.request(*call.split(" ")).status_code == 500}
    assert found == expected


def test_rule_applies_count_times(api: ApiClient, emulator: DamstraEmulator) -> None:
    emulator.add_fault("status", status=500, count=2)
    emulator.add_fault("status", status=501, count=1)
    assert statuses(api, 5) == [500, 500, 501, 200, 200]
    assert [rule["hits"] for rule in call_control_plane(emulator, "GET", "/faults").json()] == [2, 1]
    emulator.add_fault("status", status=500)
    emulator.clear_faults()
    assert statuses(api, 1) == [200]


def test_seeded_probability_is_repeatable(api: ApiClient, emulator: DamstraEmulator) -> None:
    runs = []
    for seed in (1, 1, 2):
        emulator.clear_faults()
        emulator.add_fault("status", status=500, probability=0.5, seed=seed)
        runs.append(statuses(api, 30))
    assert runs[0] == runs[1] != runs[2]
    assert 5 < runs[0].count(500) < 25


def test_probability_0_never_and_1_always_applies(api: ApiClient, emulator: DamstraEmulator) -> None:
    emulator.add_fault("status", status=500, probability=0)
    assert statuses(api, 10) == [200] * 10
    emulator.add_fault("status", status=501, probability=1, count=3)
    assert statuses(api, 4) == [501, 501, 501, 200]


def test_faults_exclude_control_plane(emulator: DamstraEmulator) -> None:
    emulator.add_fault("drop_before")
    assert emulator.now.tzinfo is not None
