"""Export and import of the state, the rate limit, the stream of events, and remote control."""

from __future__ import annotations

import copy
import json
import socket
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests
from starlette.testclient import TestClient

from airflow_provider_damstra.emulator.__main__ import main
from airflow_provider_damstra.emulator.broadcaster import MAX_UNREAD, Broadcaster
from airflow_provider_damstra.emulator.rate_limit import RateLimit
from airflow_provider_damstra.emulator.server import create_app
from airflow_provider_damstra.emulator.settings import DEFAULT_ACCESS_KEY, Settings
from tests.emulator.api_client import HAUL_TRUCK, TRAINEES, call_control_plane
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient


def export_state(emulator: DamstraEmulator) -> dict[str, Any]:
    state: dict[str, Any] = call_control_plane(emulator, "GET", "/state").json()
    return state


def import_state(emulator: DamstraEmulator, state: dict[str, Any]) -> str:
    """Import a state and return the error, or an empty string."""
    response = call_control_plane(emulator, "PUT", "/state", state)
    return "" if response.ok else str(response.json()["error"])


def test_imported_state_is_the_exported_one(emulator: DamstraEmulator, api: ApiClient) -> None:
    emulator.advance_clock(timedelta(days=40))
    schedule_id = api.schedule(TRAINEES[0], HAUL_TRUCK)
    emulator.add_webhook("http://127.0.0.1:9/damstra/webhooks/damstra_default/T0ken")
    exported = export_state(emulator)
    assert "T0ken" not in json.dumps(exported)
    emulator.reset(seed="empty")
    assert import_state(emulator, exported) == ""
    again = export_state(emulator)
    assert again.pop("now")[:16] >= exported.pop("now")[:16]
    assert again == exported
    assert api.schedule_status(TRAINEES[0], schedule_id) == "due"
    assert api.schedule(TRAINEES[1], HAUL_TRUCK) == schedule_id + 1


def _without_table(state: dict[str, Any]) -> None:
    state["tables"]["people"] = []


def _with_column(state: dict[str, Any]) -> None:
    state["tables"]["users"][3]["1; DROP TABLE users"] = 1


def _with_unknown_reference(state: dict[str, Any]) -> None:
    state["tables"]["group_members"][0]["user_id"] = 1


def _with_version(state: dict[str, Any]) -> None:
    state["version"] = 99


def _with_clock(state: dict[str, Any]) -> None:
    state["now"] = "9999-12-31T23:59:59Z"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (_without_table, "the emulator has no table people"),
        (_with_column, "tables.users[3]: missing or unknown: 1; DROP TABLE users"),
        (_with_unknown_reference, "the rows of the state cannot be stored: FOREIGN KEY constraint failed"),
        (_with_version, "the state has version 99, and this emulator needs 1"),
        (_with_clock, "it is out of range: times are from the year 1900 to the year 8999"),
    ],
    ids=["table", "column", "reference", "version", "clock"],
)
def test_unfitting_state_is_rejected_and_changes_nothing(
    change: Any, problem: str, emulator: DamstraEmulator
) -> None:
    before = export_state(emulator)
    state = copy.deepcopy(before)
    change(state)
    assert import_state(emulator, state) == problem
    assert export_state(emulator)["tables"] == before["tables"]


def test_command_exports_and_imports_state(
    emulator: DamstraEmulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "state.json")
    assert main(["state", "export", file, "--url", emulator.url]) == 0
    emulator.reset(seed="empty")
    assert main(["state", "import", file, "--url", emulator.url]) == 0
    assert len(export_state(emulator)["tables"]["users"]) == 40
    (tmp_path / "state.json").write_text("{}")
    assert main(["state", "import", file, "--url", emulator.url]) == 2
    assert "version: Field required" in capsys.readouterr().err
    assert main(["state", "export", "-", "--url", "http://127.0.0.1:9"]) == 2
    assert "http://127.0.0.1:9/_emulator/state cannot be reached" in capsys.readouterr().err


def test_requests_above_rate_are_rejected_and_recorded() -> None:
    settings = Settings(seed="empty", rate_limit=2)
    with TestClient(create_app(settings), client=("127.0.0.1", 50000), base_url="http://127.0.0.1") as http:
        headers = {"AccessKey": DEFAULT_ACCESS_KEY}
        responses = [http.get("/api/v2/group", headers=headers) for _ in range(20)]
        journal = http.get("/_emulator/journal").json()
    statuses = [response.status_code for response in responses]
    assert statuses[:2] == [200, 200]
    assert 429 in statuses
    assert [entry["status"] for entry in journal] == statuses
    rejected = next(response for response in responses if response.status_code == 429)
    assert (rejected.headers["Retry-After"], rejected.json()["statusCode"]) == ("1", 429)


def test_rate_limit_is_a_token_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("airflow_provider_damstra.emulator.rate_limit.time.monotonic", lambda: now)
    limit = RateLimit(0.1)
    assert limit.reject() is None
    rejected = limit.reject()
    assert rejected is not None
    assert rejected.headers["Retry-After"] == "10"
    now += 10
    assert limit.reject() is None


@pytest.mark.parametrize("text", ["0", "-1", "many", "inf", "nan"])
def test_invalid_rate_is_named(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--rate-limit", text])
    assert f"{text!r} is not a number above 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    "path",
    ["/", "/api/v2/", "/docs", "/openapi.json", "/page/page.js", "/_emulator/clock", "/_emulator/state"],
)
@pytest.mark.parametrize(("is_allowed", "status"), [(False, 403), (True, 200)])
def test_other_machines_need_remote_control(is_allowed: bool, status: int, path: str) -> None:
    app = create_app(Settings(seed="empty", allow_remote_control=is_allowed))
    with TestClient(app, client=("10.0.0.7", 50000), base_url="http://127.0.0.1") as http:
        assert http.get(path).status_code == status
        assert http.get(path, headers={"Host": "rebound.example"}).status_code == 421


@pytest.mark.parametrize(
    "name", ["unknown.js", "index.html", "..%2Fserver.py", "%2e%2e/server.py", "page.css.bak"]
)
def test_only_assets_of_page_are_served(name: str, emulator: DamstraEmulator) -> None:
    assert requests.get(f"{emulator.url}/page/{name}", timeout=10).status_code == 404


def test_page_forbids_foreign_scripts_and_frames(emulator: DamstraEmulator) -> None:
    headers = requests.get(emulator.url, timeout=10).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_stream_has_latest_and_new_requests_and_changes(emulator: DamstraEmulator, api: ApiClient) -> None:
    api.get("/group", q="before")
    with requests.get(f"{emulator.url}/_emulator/events", stream=True, timeout=10) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        lines = response.iter_lines(chunk_size=1, decode_unicode=True)
        events = (line.removeprefix("event: ") for line in lines if line.startswith("event: "))
        assert next(events) == "journal"
        api.get("/group", q="after")
        assert next(events) == "journal"
        emulator.advance_clock(1)
        assert next(events) == "change"
        emulator.reset()
        assert next(events) == "reset"


async def test_slow_subscriber_is_disconnected() -> None:
    broadcaster = Broadcaster()
    stream = broadcaster.subscribe(lambda: [("journal", 1)])
    assert await anext(stream) == b"event: journal\ndata: 1\n\n"
    for _ in range(MAX_UNREAD + 1):
        broadcaster.publish("change")
    assert [message async for message in stream] == []


async def test_stream_that_is_not_read_is_not_subscribed() -> None:
    """A client may disconnect before the server reads from the stream."""
    broadcaster = Broadcaster()
    stream = broadcaster.subscribe(lambda: [])
    broadcaster.publish("change", lambda: pytest.fail("there is no subscriber"))
    await anext(stream)
    await stream.aclose()
    broadcaster.publish("change", lambda: pytest.fail("there is no subscriber"))


def test_client_that_reads_nothing_is_unsubscribed_when_it_is_gone(emulator: DamstraEmulator) -> None:
    assert emulator._server is not None
    broadcaster = emulator._server.config.app.state.emulator.broadcaster  # type: ignore[union-attr]
    host = emulator.url.removeprefix("http://")
    with socket.create_connection(("127.0.0.1", int(host.rpartition(":")[2])), timeout=10) as connection:
        connection.sendall(f"GET /_emulator/events HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        wait_until(lambda: broadcaster._queues, "the subscription")
    wait_until(lambda: not broadcaster._queues, "the end of the subscription")


async def test_data_is_built_for_subscribers_only() -> None:
    broadcaster = Broadcaster()
    broadcaster.publish("journal", lambda: pytest.fail("there is no subscriber"))
    stream = broadcaster.subscribe(lambda: [])
    assert await anext(stream) == b": still connected\n\n"
    broadcaster.publish("journal", lambda: 2)
    assert await anext(stream) == b"event: journal\ndata: 2\n\n"
    broadcaster.close()
    assert [message async for message in stream] == []
