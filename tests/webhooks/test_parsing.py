"""What a body says once must be what is kept of it."""

from __future__ import annotations

import json

import pytest

from airflow_provider_damstra.webhooks.parsing import parse_body

COMPLETED = {
    "name": "lesson.schedule.completed",
    "timeStamp": "2026-03-01T12:00:00.000Z",
    "lessonScheduleId": "5",
    "userId": "7",
}


@pytest.mark.parametrize("spelling", ["userID", "user_id"])
def test_an_id_given_twice_must_be_the_same(spelling: str) -> None:
    with pytest.raises(ValueError, match="two different values"):
        parse_body(json.dumps({**COMPLETED, spelling: 9}).encode())
    _, payload = parse_body(json.dumps({**COMPLETED, spelling: 7}).encode())
    assert payload["user_id"] == 7
