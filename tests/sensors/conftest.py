"""The emulator, who works with it, and the connection to it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from airflow_provider_damstra.clients.sync import Client
from tests.clients.faces import settings_for
from tests.sensors.subjects import SUBJECTS, Office, Subject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_damstra.testing import DamstraEmulator


class Connect(Protocol):
    """Makes the connection anew with other fields and extras."""

    def __call__(self, *, extra: dict[str, Any] | None = None, **fields: Any) -> None: ...


@pytest.fixture
def connect(damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Return what makes the connection; clients do not try again, so that every failure is the sensor's."""

    def connect(*, extra: dict[str, Any] | None = None, **fields: Any) -> None:
        connection = json.loads(damstra_emulator.connection_json)
        connection |= {**fields, "extra": {"timeout": 10, "max_retries": 0, "verify": False, **(extra or {})}}
        monkeypatch.setenv("AIRFLOW_CONN_DAMSTRA_DEFAULT", json.dumps(connection))

    connect()
    return connect


@pytest.fixture
def office(damstra_emulator: DamstraEmulator, connect: Connect) -> Iterator[Office]:
    """Return who works with the emulator."""
    with Client(settings_for(damstra_emulator.url)) as client:
        yield Office(damstra_emulator, client)


@pytest.fixture(params=SUBJECTS, ids=str)
def subject(request: pytest.FixtureRequest, office: Office) -> Subject:
    """Return what is waited for, one after the other; what has to be there is there."""
    return _prepared(request.param, office)


@pytest.fixture(params={subject.sensor: subject for subject in SUBJECTS}.values(), ids=str)
def sensors_subject(request: pytest.FixtureRequest, office: Office) -> Subject:
    """Return one thing that is waited for of each sensor."""
    return _prepared(request.param, office)


def _prepared(subject: Subject, office: Office) -> Subject:
    subject.prepare(office)
    office.emulator.clear_journal()
    return subject
