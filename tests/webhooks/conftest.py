"""Fixtures: Airflow's metadata database, and the receiver on a real server."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from airflow import settings
from airflow.models import import_all_models
from airflow.models.base import Base
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker
from sqlalchemy.pool import NullPool

from airflow_provider_damstra.hooks import metrics
from airflow_provider_damstra.webhooks import auth, circuit_breaker, database, inbox, outcomes, processor
from tests.webhooks.receiver_server import ReceiverServer, run_receiver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Engine

    from airflow_provider_damstra.testing import DamstraEmulator


def _create_engine(path: Path) -> Engine:
    """Return an engine without a connection pool: the receiver's threads may outlive a test."""
    return create_engine(f"sqlite:///{path}", poolclass=NullPool)


@pytest.fixture(scope="session")
def _empty_metadata(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("metadata") / "empty.db"
    engine = _create_engine(path)
    import_all_models()  # type: ignore[no-untyped-call]
    Base.metadata.create_all(engine)
    database.metadata.create_all(engine)
    return path


@pytest.fixture
def metadata_database(_empty_metadata: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use a new SQLite file with Airflow's tables and the inbox as the metadata database."""
    path = tmp_path / "airflow.db"
    shutil.copy(_empty_metadata, path)
    engine = _create_engine(path)
    make_session = sessionmaker(engine, autoflush=False, expire_on_commit=False)
    monkeypatch.setattr(settings, "engine", engine)
    monkeypatch.setattr(settings, "Session", make_session)
    monkeypatch.setattr(settings, "NonScopedSession", make_session)
    return path


@pytest.fixture(scope="module")
def _running_receiver(
    _empty_metadata: Path, _running_damstra_emulator: DamstraEmulator
) -> Iterator[ReceiverServer]:
    # _empty_metadata has imported Airflow's models: threads that import them at the same time can deadlock.
    # Between tests the worker polls an empty database.
    connection = json.loads(_running_damstra_emulator.connection_json)
    with short_intervals() as patch:
        patch.setattr(settings, "engine", _create_engine(_empty_metadata))
        options = {"verify_patience": "0.2", "allow_unknown_events": "True"}
        with run_receiver(patch, connection=connection, **options) as server:
            yield server


@pytest.fixture
def receiver(
    _running_receiver: ReceiverServer, metadata_database: Path, damstra_emulator: DamstraEmulator
) -> ReceiverServer:
    """Return a receiver whose connection leads to the emulator; one serves all tests of a module."""
    return _running_receiver


@pytest.fixture
def no_reopening(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reopen no refused event: on a slow machine an event may be refused before its redelivery."""
    monkeypatch.setattr(inbox, "MAX_REDELIVERIES", 0)


@pytest.fixture
def metric_counts(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Return the counters of the receiver's metrics, by the last part of their names."""
    counts: Counter[str] = Counter()
    monkeypatch.setattr(
        metrics.server_stats(), "incr", lambda name, **_: counts.update([name.split(".")[-1]])
    )
    return counts


@contextmanager
def short_intervals() -> Iterator[pytest.MonkeyPatch]:
    """Shorten the intervals and delays of the worker."""
    with pytest.MonkeyPatch.context() as patch:
        # Tests change the connection in the environment; the receiver keeps the token of its start.
        patch.setattr(auth, "REFRESH_INTERVAL", timedelta(hours=1))
        patch.setattr(processor, "POLL_INTERVAL", timedelta(milliseconds=50))
        patch.setattr(circuit_breaker, "INITIAL_OPEN_SECONDS", 0.02)
        patch.setattr(outcomes, "MIN_RETRY_DELAY", timedelta(milliseconds=20))
        patch.setattr(outcomes, "MAX_RETRY_DELAY", timedelta(milliseconds=50))
        yield patch
