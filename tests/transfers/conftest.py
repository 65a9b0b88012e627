"""What tests of transfers share: that of operators."""

from __future__ import annotations

from tests.operators.conftest import _no_waiting_between_attempts, api, connect

__all__ = ["_no_waiting_between_attempts", "api", "connect"]
