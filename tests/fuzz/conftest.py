"""Fixtures of the fuzz targets."""

from __future__ import annotations

# The receiver's metadata database.
from tests.webhooks.conftest import _empty_metadata  # noqa: F401
