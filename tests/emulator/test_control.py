"""The control plane: reset, seeds, clock, and who may use it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.emulator.app import create_app
from airflow_provider_damstra.emulator.settings import Settings
from tests.clients.clock import until
from tests.emulator.api_client import HAUL_TRUCK, TRAINEES, ApiClient, call_control_plane

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

LONG_AGO = datetime(2020, 2, 29, 12, tzinfo=UTC)


def seconds_off(emulator: DamstraEmulator, moment: datetime) -> float:
    return abs((emulator.now - moment).total_seconds())


def test_the_clock_follows_the_real_time(emulator: DamstraEmulator) -> None:
    assert seconds_off(emulator, datetime.now(UTC)) < 2


def test_the_clock_can_be_set_and_goes_on_from_there(emulator: DamstraEmulator) -> None:
    emulator.set_clock(LONG_AGO)
    first = emulator.now
    assert seconds_off(emulator, LONG_AGO) < 2
    until(lambda: emulator.now > first, "the clock goes on")
    emulator.advance_clock(3600)
    assert seconds_off(emulator, LONG_AGO + timedelta(hours=1)) < 2


def test_what_is_written_bears_the_emulators_time(api: ApiClient, emulator: DamstraEmulator) -> None:
    emulator.set_clock(LONG_AGO)
    created = api.send("/user", firstName="Ann").json()
    assert created["createdDate"].startswith("2020-02-29T12:00:0")
    assert emulator.journal()[-1]["time"].startswith("2020-02-29T12:00:0")


@pytest.mark.parametrize(
    ("method", "path", "body", "says"),
    [
        ("PUT", "/clock", {"now": "2026-01-31T09:00:00"}, "now"),
        ("PUT", "/clock", {"now": "noon"}, "now"),
        ("PUT", "/clock", {}, "now"),
        ("POST", "/clock/advance", {"seconds": -1}, "seconds"),
        ("POST", "/clock/advance", {"seconds": 1e300}, "seconds"),
        ("POST", "/clock/advance", {"seconds": 1, "hours": 1}, "hours"),
        ("POST", "/seed", {"name": "nonsense"}, "no seed 'nonsense'"),
        ("POST", "/seed", {"name": "large:0"}, "no seed"),
        ("POST", "/reset", {"seed": "large:x"}, "no seed"),
        ("POST", "/lesson_schedules/30002/complete", {"passed": "maybe"}, "passed"),
        ("POST", "/faults", {"kind": "earthquake"}, "kind"),
        ("POST", "/faults", {"kind": "status"}, "needs a status"),
        ("POST", "/faults", {"kind": "delay"}, "needs a delay"),
        ("POST", "/faults", {"kind": "html", "probability": 2}, "probability"),
        ("POST", "/webhooks", {"url": "nowhere"}, "url"),
        ("POST", "/webhooks", {"url": "http://x", "event": "user.deleted"}, "no such event"),
    ],
)
def test_a_wrong_order_is_refused_by_name(
    emulator: DamstraEmulator, method: str, path: str, body: dict[str, Any], says: str
) -> None:
    answer = call_control_plane(emulator, method, path, body)
    assert answer.status_code == 400
    assert says in answer.json()["error"]


def test_a_reset_starts_everything_again(api: ApiClient, emulator: DamstraEmulator) -> None:
    before = api.get_json("/user", activeValue="all", maxResults=100)["results"]
    first = api.schedule(TRAINEES[0], HAUL_TRUCK)
    api.send("/user", firstName="Ann")
    emulator.set_clock(LONG_AGO)
    emulator.add_webhook("http://127.0.0.1:9/")
    emulator.add_fault("status", status=500)
    emulator.reset()
    assert seconds_off(emulator, datetime.now(UTC)) < 2
    assert emulator.journal() == []
    for path in ("/webhooks", "/faults", "/webhooks/deliveries"):
        assert call_control_plane(emulator, "GET", path).json() == []
    after = api.get_json("/user", activeValue="all", maxResults=100)["results"]
    assert [user["userName"] for user in after] == [user["userName"] for user in before]
    assert api.schedule(TRAINEES[0], HAUL_TRUCK) == first


def test_a_reset_can_name_another_seed_for_once(api: ApiClient, emulator: DamstraEmulator) -> None:
    emulator.reset(seed="empty")
    assert api.get_json("/user", activeValue="all")["meta"]["totalResultCount"] == 1
    emulator.reset()
    assert api.get_json("/user", activeValue="all")["meta"]["totalResultCount"] == 40


def test_seeding_replaces_the_data_only(api: ApiClient, emulator: DamstraEmulator) -> None:
    emulator.set_clock(LONG_AGO)
    emulator.add_webhook("http://127.0.0.1:9/")
    assert call_control_plane(emulator, "POST", "/seed", {"name": "large:1200"}).json() == {
        "name": "large:1200"
    }
    assert api.get_json("/user", activeValue="all")["meta"]["totalResultCount"] == 1200
    assert seconds_off(emulator, LONG_AGO) < 5
    assert len(call_control_plane(emulator, "GET", "/webhooks").json()) == 1
    assert len(emulator.journal()) == 1


def test_a_schedules_new_state_is_answered(emulator: DamstraEmulator) -> None:
    answer = call_control_plane(
        emulator, "POST", "/lesson_schedules/30005/complete", {"passed": False}
    ).json()
    assert answer == {
        "id": 30005,
        "userId": TRAINEES[4],
        "lessonName": "Confined Space Entry (instructor-led)",
        "status": "completed",
        "passed": False,
    }
    assert call_control_plane(emulator, "POST", "/lesson_schedules/30006/start").json()["status"] == "due"
    assert (
        call_control_plane(emulator, "POST", "/lesson_schedules/30006/cancel").json()["status"] == "cancelled"
    )


@pytest.mark.parametrize(
    ("host", "status"), [("127.0.0.1", 200), ("::1", 200), ("10.0.0.7", 403), ("::ffff:10.0.0.7", 403)]
)
def test_the_control_plane_answers_this_machine_only(host: str, status: int) -> None:
    assert asyncio.run(status_for(host, "/_emulator/clock")) == status


async def status_for(host: str, path: str) -> int:
    """Return the status of what a new emulator answers to a request from an address."""
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
        "client": (host, 50000),
        "server": ("127.0.0.1", 8090),
        "root_path": "",
        "state": {},
    }
    app = create_app(Settings(seed="empty"))
    async with app.router.lifespan_context(app):
        await app(scope, receive, send)
    return statuses[0]
