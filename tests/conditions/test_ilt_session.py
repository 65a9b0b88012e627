"""The condition that an ILT session has reached a state or a status."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from airflow_provider_damstra.conditions.ilt_session import IltSessionCondition
from airflow_provider_damstra.endpoints.ilt_session import GetIltSession
from airflow_provider_damstra.models.ilt_session import IltSession
from tests.conditions.factories import NOT_FOUND

ACTIVE, COMPLETED, CANCELLED = 1, 2, 3
MET, NOT_YET, FAILED = (True, False), (False, False), (True, True)


def condition_for(session_state: str | None, status_id: int | None, **expected: Any) -> IltSessionCondition:
    """Return a condition updated with a session of this state and status."""
    condition = IltSessionCondition(ilt_session_id=4, **expected)
    session = {"id": 4, "state": session_state, "statusId": status_id}
    condition.update(GetIltSession(ilt_session_id=4), IltSession.model_validate(session))
    return condition


STATES = [
    *(("upcoming", ACTIVE, "upcoming", MET), ("upcoming", ACTIVE, "inprogress", NOT_YET)),
    *(("upcoming", ACTIVE, "past", NOT_YET), ("inprogress", ACTIVE, "upcoming", MET)),
    *(("inprogress", ACTIVE, "inprogress", MET), ("inprogress", ACTIVE, "past", NOT_YET)),
    *(("past", ACTIVE, "upcoming", MET), ("past", ACTIVE, "inprogress", MET)),
    ("past", ACTIVE, "past", MET),
    # Completed ahead of its end date: it becomes past nevertheless.
    *(("inprogress", COMPLETED, "past", NOT_YET), ("past", COMPLETED, "past", MET)),
    *(("upcoming", CANCELLED, "inprogress", FAILED), ("past", CANCELLED, "past", FAILED)),
    *(("unheard of", ACTIVE, "past", NOT_YET), (None, ACTIVE, "past", NOT_YET)),
]
STATUSES = [
    *(("upcoming", ACTIVE, "active", MET), ("past", ACTIVE, "completed", NOT_YET)),
    *(("past", COMPLETED, "completed", MET), ("past", COMPLETED, "active", FAILED)),
    *(("past", COMPLETED, "cancelled", FAILED), ("upcoming", ACTIVE, "cancelled", NOT_YET)),
    *(("upcoming", CANCELLED, "cancelled", MET), ("upcoming", CANCELLED, "completed", FAILED)),
    *(("upcoming", CANCELLED, "active", FAILED), ("past", 99, "completed", NOT_YET)),
    ("past", None, "completed", NOT_YET),
]


def outcome(condition: IltSessionCondition) -> tuple[bool, bool]:
    """Return whether a condition is done, and whether it has failed."""
    return condition.evaluate().is_done, condition.evaluate().failure is not None


@pytest.mark.parametrize(("actual", "status", "expected", "result"), STATES)
def test_outcome_of_waiting_for_state(
    actual: str | None, status: int, expected: str, result: tuple[bool, bool]
) -> None:
    assert outcome(condition_for(actual, status, state=expected)) == result


@pytest.mark.parametrize(("actual", "status", "expected", "result"), STATUSES)
def test_outcome_of_waiting_for_status(
    actual: str, status: int | None, expected: str, result: tuple[bool, bool]
) -> None:
    assert outcome(condition_for(actual, status, status=expected)) == result


def test_result_is_session_id_and_progress_names_state() -> None:
    result = condition_for("inprogress", ACTIVE, state="inprogress").evaluate()
    assert (result.result, result.progress) == ([4], "ILT session 4 is inprogress, active")


def test_control_characters_of_the_server_are_escaped_in_progress() -> None:
    result = condition_for("\x1b[2J\nforged", ACTIVE, state="past").evaluate()
    assert result.progress == r"ILT session 4 is \x1b[2J\nforged, active"


def test_queries_only_the_session() -> None:
    condition = IltSessionCondition(ilt_session_id="4", state="past")
    assert condition.queries().keys() == {GetIltSession(ilt_session_id=4)}
    assert outcome(condition) == NOT_YET


def test_missing_session_fails() -> None:
    condition = condition_for("upcoming", ACTIVE, state="past")
    condition.update(GetIltSession(ilt_session_id=4), NOT_FOUND)
    assert condition.evaluate().failure == "ILT session 4 does not exist."


@pytest.mark.parametrize("session", [None, "", "None", "next", 0])
def test_invalid_id_is_rejected(session: Any) -> None:
    with pytest.raises(ValidationError):
        IltSessionCondition(ilt_session_id=session, state="past")
