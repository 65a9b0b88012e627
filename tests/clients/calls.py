"""One call for each method, valid for the emulator's demo data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.endpoints import (
    GetUser,
    ListUsers,
    ScheduleUser,
    UpdateIltSession,
    UpdateUser,
)
from tests.endpoints.users import USER

if TYPE_CHECKING:
    from airflow_provider_damstra.endpoints.base import Endpoint

TRAINEE = 1011
GET = GetUser(user_id=TRAINEE)
LIST = ListUsers()
POST = ScheduleUser(user_id=TRAINEE, lesson_version_ids=[2006], grace_period=14, grace_period_unit="days")
PUT = UpdateUser.model_validate({**USER, "user_id": TRAINEE, "last_name": "Murphy-Jones"})
PATCH = UpdateIltSession(ilt_session_id=403, instructor_id=1008, location="Perth")
CALLS: dict[str, Endpoint[Any]] = {call.method: call for call in (GET, POST, PUT, PATCH)}
