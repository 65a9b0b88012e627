"""A list of users that the task before has left empty: a mistake, or nothing to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from airflow_provider_damstra.operators.base import UserListMixin
from tests.operators.all_cases import CASES
from tests.operators.task_runner import run

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.operators.operator_case import OperatorCase

FOR_USERS = [case for case in CASES if issubclass(case.operator, UserListMixin)]
EMPTY: list[Any] = [[], (), "", "[]", " "]


def test_these_are_the_steps_that_can_be_for_nobody() -> None:
    verbs = {case.operator.__name__.removeprefix("Damstra").removesuffix("Operator") for case in FOR_USERS}
    assert verbs == {
        "AddGroupMembers",
        "AddGroupSupervisors",
        "DeregisterIltSessionUsers",
        "RegisterIltSessionUsers",
        "RemoveGroupMembers",
        "RemoveGroupSupervisors",
        "ScheduleLessons",
    }


@pytest.mark.parametrize("empty", EMPTY, ids=repr)
@pytest.mark.parametrize("case", FOR_USERS, ids=str)
def test_nobody_is_nothing_to_do_if_that_may_be(
    case: OperatorCase, empty: Any, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    with pytest.raises(AirflowSkipException, match="user_ids is empty: there is nothing to do"):
        run(case.make(tmp_path, user_ids=empty, on_empty="skip"))
    with pytest.raises(AirflowFailException, match="user_ids"):
        run(case.make(tmp_path, user_ids=empty))
    assert damstra_emulator.journal() == []


def test_users_are_worked_on_whatever_is_said_of_nobody(
    damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    case = FOR_USERS[0]
    assert run(case.make(tmp_path, on_empty="skip")).value
    with pytest.raises(ValueError, match="on_empty is 'ignore'; it can be fail or skip"):
        case.make(tmp_path, on_empty="ignore")
