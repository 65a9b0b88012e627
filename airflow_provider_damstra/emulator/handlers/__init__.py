"""What the emulator does for each operation, a file a resource; importing this registers them all."""

from __future__ import annotations

from airflow_provider_damstra.emulator.handlers import (
    embed_player,
    group,
    ilt_session,
    lesson,
    lesson_schedule,
    user,
)

__all__ = ["embed_player", "group", "ilt_session", "lesson", "lesson_schedule", "user"]
