"""Fixtures shared with the tests of the poller."""

from __future__ import annotations

from tests.polling.conftest import connect, emulator, sessions

__all__ = ["connect", "emulator", "sessions"]
