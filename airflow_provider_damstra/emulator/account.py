"""The organisation whose account the emulator is."""

from __future__ import annotations

CLIENT_ID = 1
CLIENT_NAME = "Emulated Mining & Construction Pty Ltd"
