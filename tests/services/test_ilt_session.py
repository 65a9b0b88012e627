"""The lookup of an ILT session, before its creation and after a creation without a response."""

from __future__ import annotations

import pytest

from airflow_provider_damstra.endpoints import CreateIltSession
from airflow_provider_damstra.models import IltSession
from airflow_provider_damstra.services.ilt_session import find_ilt_session
from tests.services.fakes import FakeClient


@pytest.mark.parametrize(("location", "stored_location"), [("", None), ("room 4 ", "Room 4")])
def test_session_is_found_although_times_and_location_are_stored_differently(
    location: str, stored_location: str | None
) -> None:
    request = CreateIltSession(
        lesson_id=7,
        start_datetime="2030-03-01T09:00:00.250+08:00",
        end_datetime="2030-03-01T11:00:00.250+08:00",
        location=location,
        instructor_id=1008,
    )
    times = {"startDatetime": "2030-03-01T01:00:00Z", "endDatetime": "2030-03-01T03:00:00Z"}
    stored = {"lessonId": 7, "location": stored_location, **times}
    later = {**stored, "startDatetime": "2030-03-01T01:00:01Z"}
    sessions = [IltSession.model_validate({"id": id_, **one}) for id_, one in ((1, later), (2, stored))]
    found = find_ilt_session(FakeClient(sessions), request)
    assert found is not None
    assert found.id == 2
