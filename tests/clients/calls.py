"""Calls that the emulator's demo can answer, one for each method; several at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
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
    from airflow_provider_damstra.clients.client import Client
    from airflow_provider_damstra.endpoints.base import Endpoint
    from airflow_provider_damstra.testing import DamstraEmulator

TRAINEE = 1011
GET = GetUser(user_id=TRAINEE)
LIST = ListUsers()
POST = ScheduleUser(user_id=TRAINEE, lesson_version_ids=[2006], grace_period=14, grace_period_unit="days")
PUT = UpdateUser.model_validate({**USER, "user_id": TRAINEE, "last_name": "Murphy-Jones"})
PATCH = UpdateIltSession(ilt_session_id=403, instructor_id=1008, location="Perth")
CALLS: dict[str, Endpoint[Any]] = {call.method: call for call in (GET, POST, PUT, PATCH)}


def open_connections(client: Client, emulator: DamstraEmulator, count: int) -> None:
    """Make so many calls at once that this many connections are open afterwards."""
    emulator.add_fault("delay", delay=0.1, count=count)
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(client.call, [GET] * count))
