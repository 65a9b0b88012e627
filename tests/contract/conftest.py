"""The emulator's API over plain HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.api import Api

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_damstra.testing import DamstraEmulator


@pytest.fixture
def api(damstra_emulator: DamstraEmulator) -> Iterator[Api]:
    """Return the emulator's API, with its default data."""
    api = Api(damstra_emulator.url, damstra_emulator.access_key)
    yield api
    api.close()
