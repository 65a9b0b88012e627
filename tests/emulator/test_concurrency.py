"""Many requests at once."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.emulator.api_client import (
    CONFINED_SPACE,
    GRACE_PERIOD,
    HAUL_TRUCK,
    TRAINEES,
    UPCOMING_SESSION,
    ApiClient,
)

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

LIAM = TRAINEES[0]


def test_of_many_who_schedule_the_same_at_once_one_succeeds(emulator: DamstraEmulator) -> None:
    def schedule(_: int) -> int:
        body = {"lessonVersionIds": [HAUL_TRUCK], **GRACE_PERIOD}
        api = ApiClient(emulator.url, emulator.access_key)
        return api.request("POST", f"/user/{LIAM}/lesson_schedule", json=body).status_code

    with ThreadPoolExecutor(16) as pool:
        assert Counter(pool.map(schedule, range(32))) == {200: 1, 409: 31}
    changed = [entry for entry in emulator.journal() if entry["rows"]]
    assert len(changed) == 1


def test_of_many_who_register_at_once_as_many_succeed_as_there_are_places(
    api: ApiClient, emulator: DamstraEmulator
) -> None:
    users = [user["id"] for user in api.send("/bulkUserImport", users=[{"firstName": "Copy"}] * 12).json()]
    for user_id in users:
        api.schedule(user_id, CONFINED_SPACE)

    def register(user_id: int) -> int:
        body = {"userIds": [user_id]}
        fresh = ApiClient(emulator.url, emulator.access_key)
        return fresh.request("POST", f"/ilt_session/{UPCOMING_SESSION}/bulk_register", json=body).status_code

    with ThreadPoolExecutor(12) as pool:
        assert Counter(pool.map(register, users)) == {200: 6, 409: 6}
    assert api.get_json(f"/ilt_session/{UPCOMING_SESSION}")["numberOfAttendees"] == 8
