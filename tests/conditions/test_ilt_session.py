"""When an ILT session is where it is wanted, and when it can no longer get there."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from airflow_provider_damstra.conditions.ilt_session import IltSessionCondition
from airflow_provider_damstra.endpoints.ilt_session import GetIltSession
from airflow_provider_damstra.models.ilt_session import IltSession
from tests.conditions.answers import NOT_FOUND

ACTIVE, COMPLETED, CANCELLED = 1, 2, 3
THERE, NOT_YET, NEVER = (True, False), (False, False), (True, True)


def told(is_in: str | None, status_id: int | None, **wanted: Any) -> IltSessionCondition:
    """Return a wait that knows how its session stands."""
    wait = IltSessionCondition(ilt_session_id=4, **wanted)
    session = {"id": 4, "state": is_in, "statusId": status_id}
    wait.update(GetIltSession(ilt_session_id=4), IltSession.model_validate(session))
    return wait


STATES = [
    *(("upcoming", ACTIVE, "upcoming", THERE), ("upcoming", ACTIVE, "inprogress", NOT_YET)),
    *(("upcoming", ACTIVE, "past", NOT_YET), ("inprogress", ACTIVE, "upcoming", THERE)),
    *(("inprogress", ACTIVE, "inprogress", THERE), ("inprogress", ACTIVE, "past", NOT_YET)),
    *(("past", ACTIVE, "upcoming", THERE), ("past", ACTIVE, "inprogress", THERE)),
    ("past", ACTIVE, "past", THERE),
    # It was completed before its time was over: its time will be over nevertheless.
    *(("inprogress", COMPLETED, "past", NOT_YET), ("past", COMPLETED, "past", THERE)),
    *(("upcoming", CANCELLED, "inprogress", NEVER), ("past", CANCELLED, "past", NEVER)),
    *(("unheard of", ACTIVE, "past", NOT_YET), (None, ACTIVE, "past", NOT_YET)),
]
STATUSES = [
    *(("upcoming", ACTIVE, "active", THERE), ("past", ACTIVE, "completed", NOT_YET)),
    *(("past", COMPLETED, "completed", THERE), ("past", COMPLETED, "active", NEVER)),
    *(("past", COMPLETED, "cancelled", NEVER), ("upcoming", ACTIVE, "cancelled", NOT_YET)),
    *(("upcoming", CANCELLED, "cancelled", THERE), ("upcoming", CANCELLED, "completed", NEVER)),
    *(("upcoming", CANCELLED, "active", NEVER), ("past", 99, "completed", NOT_YET)),
    ("past", None, "completed", NOT_YET),
]


def ending(wait: IltSessionCondition) -> tuple[bool, bool]:
    """Return whether a wait is over, and whether it has failed."""
    return wait.evaluate().is_done, wait.evaluate().failure is not None


@pytest.mark.parametrize(("is_in", "status", "wanted", "expected"), STATES)
def test_states_come_one_after_the_other(
    is_in: str | None, status: int, wanted: str, expected: tuple[bool, bool]
) -> None:
    assert ending(told(is_in, status, state=wanted)) == expected


@pytest.mark.parametrize(("is_in", "status", "wanted", "expected"), STATUSES)
def test_a_status_is_exactly_the_one_that_is_wanted(
    is_in: str, status: int | None, wanted: str, expected: tuple[bool, bool]
) -> None:
    assert ending(told(is_in, status, status=wanted)) == expected


def test_it_returns_the_session_and_tells_how_it_stands() -> None:
    result = told("inprogress", ACTIVE, state="inprogress").evaluate()
    assert (result.result, result.progress) == ([4], "ILT session 4 is inprogress, active")


def test_it_asks_for_the_session_only() -> None:
    wait = IltSessionCondition(ilt_session_id="4", state="past")
    assert wait.queries().keys() == {GetIltSession(ilt_session_id=4)}
    assert ending(wait) == NOT_YET


def test_a_session_that_does_not_exist_fails_it() -> None:
    wait = told("upcoming", ACTIVE, state="past")
    wait.update(GetIltSession(ilt_session_id=4), NOT_FOUND)
    assert wait.evaluate().failure == "ILT session 4 does not exist."


@pytest.mark.parametrize("session", [None, "", "None", "next", 0])
def test_what_is_no_session_is_refused(session: Any) -> None:
    with pytest.raises(ValidationError):
        IltSessionCondition(ilt_session_id=session, state="past")
