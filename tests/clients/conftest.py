"""What tests of both faces share."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from tests.clients.faces import FACES, Face, settings_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_damstra.testing import DamstraEmulator


class OpenFace(Protocol):
    """Opens a face of the client for the API below an address."""

    def __call__(self, url: str, **changes: Any) -> Face: ...


@pytest.fixture(params=list(FACES))
def open_face(request: pytest.FixtureRequest) -> Iterator[OpenFace]:
    """Return what opens faces, either of the client's; they are closed after the test."""
    with ExitStack() as stack:

        def open_face(url: str, **changes: Any) -> Face:
            return stack.enter_context(FACES[request.param](settings_for(url, **changes)))

        yield open_face


@pytest.fixture
def face(open_face: OpenFace, damstra_emulator: DamstraEmulator) -> Face:
    """Return a face of the client for the emulator."""
    return open_face(damstra_emulator.url)
