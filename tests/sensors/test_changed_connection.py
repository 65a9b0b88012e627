"""A sensor on a worker reads a changed connection, such as a rotated key, again after a failed poll."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.sensors.lesson_schedule import DamstraLessonScheduleSensor
from airflow_provider_damstra.testing import DamstraEmulator
from tests.sensors.cases import SCHEDULE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sensors.conftest import Connect

CONNECTION = "AIRFLOW_CONN_DAMSTRA_DEFAULT"


@pytest.fixture(scope="module")
def rotated_emulator() -> Iterator[DamstraEmulator]:
    """Return an emulator with another access key."""
    with DamstraEmulator(access_key="the-new-key") as emulator:
        yield emulator


def sensor() -> DamstraLessonScheduleSensor:
    return DamstraLessonScheduleSensor(task_id="wait", lesson_schedule_ids=[SCHEDULE], deferrable=False)


def test_next_poll_uses_new_key(
    damstra_emulator: DamstraEmulator,
    rotated_emulator: DamstraEmulator,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = sensor()
    assert not task.poke({}).is_done
    damstra_emulator.add_fault("status", status=401)
    monkeypatch.setenv(CONNECTION, rotated_emulator.connection_json)
    rotated_emulator.complete_lesson_schedule(SCHEDULE)
    assert task.poke({}).xcom_value == [SCHEDULE]


def test_unchanged_or_deleted_connection_is_not_reloaded(
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
