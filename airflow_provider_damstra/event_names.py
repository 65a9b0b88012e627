"""Damstra's names of its seven events. Imports nothing: DAG files, waits and the receiver use them."""

from __future__ import annotations

SCHEDULE_COMPLETED = "lesson.schedule.completed"
SCHEDULE_CHANGED = "lesson.schedule.changed"
SCHEDULE_CREATED = "lesson.schedule.created"
SCHEDULE_CANCELLED = "lesson.schedule.cancelled"
USER_CREATED = "user.account.created"
USER_UPDATED = "user.settings.updated"
USER_INACTIVATED = "user.account.inactivate"

EVENT_NAMES = (
    SCHEDULE_COMPLETED,
    SCHEDULE_CHANGED,
    SCHEDULE_CREATED,
    SCHEDULE_CANCELLED,
    USER_CREATED,
    USER_UPDATED,
    USER_INACTIVATED,
)

SCHEDULE_EVENTS = (SCHEDULE_CREATED, SCHEDULE_CHANGED, SCHEDULE_COMPLETED, SCHEDULE_CANCELLED)
"""Those that happen to a lesson schedule, in the order in which they happen to one."""

ALL_EVENTS = "all"
"""Stands for every event of a connection, those of unknown names too."""
