"""Lists of users that are empty: an error, or a skipped task."""

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

USER_LIST_CASES = [case for case in CASES if issubclass(case.operator, UserListMixin)]
EMPTY: list[Any] = [[], (), "", "[]", " "]


def test_operators_with_user_lists_are_known() -> None:
    verbs = {
        case.operator.__name__.removeprefix("Damstra").removesuffix("Operator") for case in USER_LIST_CASES
    }
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
@pytest.mark.parametrize("case", USER_LIST_CASES, ids=str)
def test_empty_list_is_skipped_only_with_on_empty_skip(
    case: OperatorCase, empty: Any, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    with pytest.raises(AirflowSkipException, match="user_ids is empty: there is nothing to do"):
        run(case.create_operator(tmp_path, user_ids=empty, on_empty="skip"))
    with pytest.raises(AirflowFailException, match="user_ids"):
        run(case.create_operator(tmp_path, user_ids=empty))
    assert damstra_emulator.journal() == []


def test_on_empty_skip_does_not_affect_lists_with_users(
    damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    case = USER_LIST_CASES[0]
    assert run(case.create_operator(tmp_path, on_empty="skip")).value
    with pytest.raises(ValueError, match="on_empty is 'ignore'; it can be fail or skip"):
        case.create_operator(tmp_path, on_empty="ignore")
