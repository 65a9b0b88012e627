"""Airflow's metadata database for a test, and the receiver on a real server."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from airflow import settings
from airflow.models import import_all_models
from airflow.models.base import Base
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

from airflow_provider_damstra.webhooks import database
from tests.webhooks.serving import Served, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def _empty_metadata(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("metadata") / "empty.db"
    engine = create_engine(f"sqlite:///{path}")
    import_all_models()  # type: ignore[no-untyped-call]
    Base.metadata.create_all(engine)
    database.metadata.create_all(engine)
    engine.dispose()
    return path


@pytest.fixture
def metadata_database(
    _empty_metadata: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Make a new SQLite file Airflow's metadata database, with the inbox in it."""
    path = tmp_path / "airflow.db"
    shutil.copy(_empty_metadata, path)
    engine = create_engine(f"sqlite:///{path}")
    make_session = sessionmaker(engine, autoflush=False, expire_on_commit=False)
    monkeypatch.setattr(settings, "engine", engine)
    monkeypatch.setattr(settings, "Session", make_session)
    monkeypatch.setattr(settings, "NonScopedSession", make_session)
    yield path
    engine.dispose()


@pytest.fixture
def receiver(metadata_database: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """Run the receiver with one connection, on a free port."""
    with running(monkeypatch, metadata_database) as served:
        yield served
