"""Airflow's metadata database for a test, and the receiver on a real server."""

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
from airflow_provider_damstra.webhooks import auth, inbox, outcomes, processor
from airflow_provider_damstra.webhooks.db import manager as database
from tests.webhooks.receiver_server import ReceiverServer, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Engine

    from airflow_provider_damstra.testing import DamstraEmulator


def _engine_of(path: Path) -> Engine:
    """Return an engine that keeps no connection open: the receiver's threads may outlast a test."""
    return create_engine(f"sqlite:///{path}", poolclass=NullPool)


@pytest.fixture(scope="session")
def _empty_metadata(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("metadata") / "empty.db"
    engine = _engine_of(path)
    import_all_models()  # type: ignore[no-untyped-call]
    Base.metadata.create_all(engine)
    database.metadata.create_all(engine)
    return path


@pytest.fixture
def metadata_database(_empty_metadata: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a new SQLite file Airflow's metadata database, with the inbox in it."""
    path = tmp_path / "airflow.db"
    shutil.copy(_empty_metadata, path)
    engine = _engine_of(path)
    make_session = sessionmaker(engine, autoflush=False, expire_on_commit=False)
    monkeypatch.setattr(settings, "engine", engine)
    monkeypatch.setattr(settings, "Session", make_session)
    monkeypatch.setattr(settings, "NonScopedSession", make_session)
    return path


@pytest.fixture(scope="module")
def _running_receiver(
    _empty_metadata: Path, _running_damstra_emulator: DamstraEmulator
) -> Iterator[ReceiverServer]:
    # Airflow's models are imported by now: threads that do it at the same time would wait for each other.
    # Between two tests, the worker looks at a database in which nothing waits.
    connection = json.loads(_running_damstra_emulator.connection_json)
    with quickly() as patch:
        patch.setattr(settings, "engine", _engine_of(_empty_metadata))
        with running(patch, connection=connection, verify_patience="0.2") as served:
            yield served


@pytest.fixture
def receiver(
    _running_receiver: ReceiverServer, metadata_database: Path, damstra_emulator: DamstraEmulator
) -> ReceiverServer:
    """Return a receiver with one connection, to the emulator. One serves all tests of a file."""
    return _running_receiver


@pytest.fixture
def refused_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no delivery reopen what was refused: on a slow machine an event may be, before it comes again."""
    monkeypatch.setattr(inbox, "MAX_REDELIVERIES", 0)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Return how often what was counted by the receiver."""
    counts: Counter[str] = Counter()
    monkeypatch.setattr(
        metrics.server_stats(), "incr", lambda name, **_: counts.update([name.split(".")[-1]])
    )
    return counts


@contextmanager
def quickly() -> Iterator[pytest.MonkeyPatch]:
    """Let the worker look often, and not be patient."""
    with pytest.MonkeyPatch.context() as patch:
        # Tests change what the environment says of the connection; the token is known from the start.
        patch.setattr(auth, "REFRESH_INTERVAL", timedelta(hours=1))
        patch.setattr(processor, "POLL_INTERVAL", timedelta(milliseconds=50))
        patch.setattr(processor, "INITIAL_OPEN_SECONDS", 0.02)
        patch.setattr(outcomes, "MIN_RETRY_DELAY", timedelta(milliseconds=20))
        patch.setattr(outcomes, "MAX_RETRY_DELAY", timedelta(milliseconds=50))
        yield patch
