"""Fixtures: the receiver's server, and a metadata database per test."""

from __future__ import annotations

from tests.webhooks.conftest import (
    _empty_metadata,
    _running_receiver,
    metadata_database,
    receiver,
)

__all__ = ["_empty_metadata", "_running_receiver", "metadata_database", "receiver"]
