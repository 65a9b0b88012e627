"""A key that is rotated while a sensor waits on a worker: it goes on with the new one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.sensors.lesson_schedule import DamstraLessonScheduleSensor
from airflow_provider_damstra.testing import DamstraEmulator
from tests.sensors.subjects import SCHEDULE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sensors.conftest import Connect

CONNECTION = "AIRFLOW_CONN_DAMSTRA_DEFAULT"


@pytest.fixture(scope="module")
def rotated() -> Iterator[DamstraEmulator]:
    """Return an emulator that knows another key."""
    with DamstraEmulator(access_key="the-new-key") as emulator:
        yield emulator


def sensor() -> DamstraLessonScheduleSensor:
    return DamstraLessonScheduleSensor(task_id="wait", lesson_schedule_ids=[SCHEDULE], deferrable=False)


def test_the_next_look_uses_the_new_key(
    damstra_emulator: DamstraEmulator,
    rotated: DamstraEmulator,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waiting = sensor()
    assert not waiting.poke({}).is_done
    damstra_emulator.add_fault("status", status=401)
    monkeypatch.setenv(CONNECTION, rotated.connection_json)
    rotated.complete_lesson_schedule(SCHEDULE)
    assert waiting.poke({}).xcom_value == [SCHEDULE]


def test_a_connection_that_says_the_same_or_is_gone_changes_nothing(
    damstra_emulator: DamstraEmulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = sensor().hook
    assert hook.settings.base_url.startswith(damstra_emulator.url)
    assert not hook.reload_connection()
    monkeypatch.delenv(CONNECTION)
    assert not hook.reload_connection()
    monkeypatch.setenv(CONNECTION, json.dumps({"conn_type": "damstra", "password": "x"}))
    assert hook.reload_connection()
    assert hook.settings.access_key.get_secret_value() == "x"
