"""Control plane: reset, seeds and clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.api_client import HAUL_TRUCK, TRAINEES, ApiClient, call_control_plane
from tests.waiting import wait_until

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

PAST_TIME = datetime(2020, 2, 29, 12, tzinfo=UTC)


def clock_error(emulator: DamstraEmulator, expected: datetime) -> float:
    return abs((emulator.now - expected).total_seconds())


def test_clock_follows_real_time(emulator: DamstraEmulator) -> None:
    assert clock_error(emulator, datetime.now(UTC)) < 2


def test_clock_continues_from_set_time(emulator: DamstraEmulator) -> None:
    emulator.set_clock(PAST_TIME)
    first = emulator.now
    assert clock_error(emulator, PAST_TIME) < 2
    wait_until(lambda: emulator.now > first, "the clock continues")
    emulator.advance_clock(3600)
    assert clock_error(emulator, PAST_TIME + timedelta(hours=1)) < 2


def test_rows_and_journal_have_emulated_time(api: ApiClient, emulator: DamstraEmulator) -> None:
    emulator.set_clock(PAST_TIME)
    created = api.send("/user", firstName="Ann").json()
    assert created["createdDate"].startswith("2020-02-29T12:00:0")
    assert emulator.journal()[-1]["time"].startswith("2020-02-29T12:00:0")


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("PUT", "/clock", {"now": "2026-01-31T09:00:00"}, "now"),
        ("PUT", "/clock", {"now": "noon"}, "now"),
        ("PUT", "/clock", {}, "now"),
        ("POST", "/clock/advance", {"seconds": -1}, "seconds"),
        ("POST", "/clock/advance", {"seconds": 1e300}, "seconds"),
        ("POST", "/clock/advance", {"seconds": 1, "hours": 1}, "hours"),
        (
            "PUT",
            "/clock",
            {"now": "9999-12-31T23:59:59Z"},
            "it is out of range: times are from the year 1900",
        ),
        ("PUT", "/clock", {"now": "0001-01-01T00:00:00+14:00"}, "it is out of range"),
        (
            "POST",
            "/lesson_schedules/30006/reschedule",
            {"scheduleDate": "9999-12-31T23:59:59-12:00"},
            "a number or a date is out of range",
        ),
        ("POST", f"/lesson_schedules/{10**20}/cancel", None, "a number or a date is out of range"),
        ("POST", "/seed", {"name": "nonsense"}, "no seed 'nonsense'"),
        ("POST", "/seed", {"name": "large:0"}, "no seed"),
        ("POST", "/reset", {"seed": "large:x"}, "no seed"),
        ("POST", "/reset", {"seed": "large:100001"}, "large:N with N up to 100000"),
        ("POST", "/seed", {"name": "large:100001"}, "large:N with N up to 100000"),
        ("POST", "/lesson_schedules/30002/complete", {"passed": "maybe"}, "passed"),
        ("POST", "/faults", {"kind": "earthquake"}, "kind"),
        ("POST", "/faults", {"kind": "status"}, "needs a status"),
        ("POST", "/faults", {"kind": "delay"}, "needs a delay"),
        ("POST", "/faults", {"kind": "html", "probability": 2}, "probability"),
        ("POST", "/webhooks", {"url": "nowhere"}, "url"),
        ("POST", "/webhooks", {"url": "http://x", "event": "user.deleted"}, "no such event"),
    ],
)
def test_invalid_control_request_is_400_with_field_name(
    emulator: DamstraEmulator, method: str, path: str, body: dict[str, Any] | None, expected: str
) -> None:
    response = call_control_plane(emulator, method, path, body)
    assert response.status_code == 400
    assert expected in response.json()["error"]


def test_clock_is_not_moved_out_of_range(emulator: DamstraEmulator) -> None:
    last = datetime(8999, 12, 31, tzinfo=UTC)
    emulator.set_clock(last)
    with pytest.raises(ValueError, match="times are from the year 1900 to the year 8999"):
        emulator.advance_clock(timedelta(days=2))
    assert clock_error(emulator, last) < 5


def test_reset_restores_initial_state(api: ApiClient, emulator: DamstraEmulator) -> None:
    before = api.get_json("/user", activeValue="all", maxResults=100)["results"]
    first = api.schedule(TRAINEES[0], HAUL_TRUCK)
    api.send("/user", firstName="Ann")
    emulator.set_clock(PAST_TIME)
    emulator.add_webhook("http://127.0.0.1:9/")
    emulator.add_fault("status", status=500)
    emulator.reset()
    assert clock_error(emulator, datetime.now(UTC)) < 2
    assert emulator.journal() == []
    for path in ("/webhooks", "/faults", "/webhooks/deliveries"):
        assert call_control_plane(emulator, "GET", path).json() == []
    after = api.get_json("/user", activeValue="all", maxResults=100)["results"]
    assert [user["userName"] for user in after] == [user["userName"] for user in before]
    assert api.schedule(TRAINEES[0], HAUL_TRUCK) == first


def test_reset_with_other_seed_lasts_until_next_reset(api: ApiClient, emulator: DamstraEmulator) -> None:
    emulator.reset(seed="empty")
    assert api.get_json("/user", activeValue="all")["meta"]["totalResultCount"] == 1
    emulator.reset()
    assert api.get_json("/user", activeValue="all")["meta"]["totalResultCount"] == 40


def test_seed_replaces_data_only(api: ApiClient, emulator: DamstraEmulator) -> None:
    emulator.set_clock(PAST_TIME)
    emulator.add_webhook("http://127.0.0.1:9/")
    body = {"name": "large:1200"}
    assert call_control_plane(emulator, "POST", "/seed", body).json() == body
    assert api.get_json("/user", activeValue="all")["meta"]["totalResultCount"] == 1200
    assert clock_error(emulator, PAST_TIME) < 5
    assert len(call_control_plane(emulator, "GET", "/webhooks").json()) == 1
    assert len(emulator.journal()) == 1


def test_schedule_actions_return_new_status(emulator: DamstraEmulator) -> None:
    path = "/lesson_schedules/30005/complete"
    assert call_control_plane(emulator, "POST", path, {"passed": False}).json() == {
        "id": 30005,
        "userId": TRAINEES[4],
        "lessonName": "Confined Space Entry (instructor-led)",
        "status": "completed",
        "passed": False,
    }
    for action, status in (("start", "due"), ("cancel", "cancelled")):
        response = call_control_plane(emulator, "POST", f"/lesson_schedules/30006/{action}")
        assert response.json()["status"] == status
