"""Handlers of the API operations, one module per resource; importing this package registers them."""

from __future__ import annotations

from airflow_provider_damstra.emulator.handlers import group, ilt_session, lesson, lesson_schedule, user

__all__ = ["group", "ilt_session", "lesson", "lesson_schedule", "user"]
