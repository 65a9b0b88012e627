"""Fixtures of the tests of exports: a folder on a disk and on object storage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.storage import StoragePath

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=["disk", "object storage"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, lake: str) -> StoragePath:
    return StoragePath(tmp_path.as_uri() if request.param == "disk" else lake) / ".users.checkpoint"
