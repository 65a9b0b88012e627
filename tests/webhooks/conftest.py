"""Fixtures: Airflow's metadata database, and the receiver on a real server."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from airflow import settings
from airflow.models import import_all_models
from airflow.models.asset import AssetDagRunQueue, AssetEvent, AssetModel, DagScheduleAssetReference
from airflow.models.base import Base
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from sqlalchemy import create_engine, delete
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import NullPool

from airflow_provider_damstra.hooks import metrics
from airflow_provider_damstra.webhooks import auth, circuit_breaker, database, inbox, outcomes, processor
from tests.operators.conftest import api
from tests.postgresql import HOST, USER
from tests.webhooks.receiver_server import ReceiverServer, run_receiver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Engine

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.postgresql import PostgreSQL

__all__ = ["api"]

DATABASES = ("sqlite", "postgresql")


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


@pytest.fixture(scope="module", params=DATABASES)
def _module_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """Create a database with Airflow's tables and the provider's."""
    import_all_models()  # type: ignore[no-untyped-call]
    with ExitStack() as stack:
        name = None
        if request.param == "postgresql":
            name = stack.enter_context(request.getfixturevalue("postgresql").new_database())
        engine = create_engine(database_url(request, tmp_path_factory.mktemp("database"), name))
        stack.callback(engine.dispose)
        Base.metadata.create_all(engine)
        database.metadata.create_all(engine)
        with Session(engine) as session:
            session.add(DagBundleModel(name="dags"))
            session.commit()
        yield engine


@pytest.fixture
def airflow_database(_module_database: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """Use a database with Airflow's tables and the provider's, without events, assets and DAGs."""
    with _module_database.begin() as connection:
        for table in database.metadata.tables.values():
            connection.execute(table.delete())
        for model in (AssetDagRunQueue, AssetEvent, DagScheduleAssetReference, AssetModel, DagModel):
            connection.execute(delete(model))
    yield from use_engine(_module_database, monkeypatch)


def database_url(request: pytest.FixtureRequest, folder: Path, name: str | None) -> str:
    """Return the URL of a PostgreSQL database, or of an SQLite file in a folder if there is no name."""
    if name is None:
        return f"sqlite:///{folder / 'airflow.db'}"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return f"postgresql+psycopg2://{USER}:{server.password}@{HOST}:{server.port}/{name}"


def use_engine(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """Use an engine as that of the metadata database, and dispose of it."""
    monkeypatch.setattr(settings, "engine", engine)
    yield engine
    engine.dispose()


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
