"""Ids: invalid ones are rejected before anything is sent, unknown ones are named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.errors import DamstraNotFoundError
from tests.operators.all_cases import CASES
from tests.operators.operator_case import OperatorCase, changes_in
from tests.operators.task_runner import error_message, rejection_message

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator

NO_ID = ["seven", "", "None", 0, -7, 1.5, True, [1, 2], {"id": 7}, "1,2"]
NO_IDS = ["one,two", "", "[]", "None", [], 0, [0], True, [True], 1.5, [1.5], {"id": 7}, [[7]], None]
UNKNOWN_ID = 999
REMOVING = ("DamstraRemove", "DamstraDeregister")


def arguments_that_end_in(ending: str) -> dict[str, tuple[OperatorCase, str]]:
    """Return a case for each operator's arguments of this name."""
    found = [(case, name) for case in CASES for name in case.arguments if name.endswith(ending)]
    return {f"{case.operator.__name__}.{name}": (case, name) for case, name in reversed(found)}


ONE = arguments_that_end_in("_id")
MANY = arguments_that_end_in("_ids")


@pytest.mark.parametrize(("case", "name"), ONE.values(), ids=list(ONE))
def test_invalid_id_is_rejected(case: OperatorCase, name: str, damstra_emulator: DamstraEmulator) -> None:
    for wrong in NO_ID:
        why = rejection_message(case.operator, {**case.arguments, name: wrong})
        assert f"{name}: " in why, wrong
    assert damstra_emulator.journal() == []


@pytest.mark.parametrize(("case", "name"), MANY.values(), ids=list(MANY))
def test_invalid_id_list_is_rejected(
    case: OperatorCase, name: str, damstra_emulator: DamstraEmulator
) -> None:
    for wrong in NO_IDS:
        why = rejection_message(case.operator, {**case.arguments, name: wrong})
        assert name in why, wrong
    assert damstra_emulator.journal() == []


@pytest.mark.parametrize("twice", [[1011, 1012, "1011"], "1011,1012,1011"], ids=repr)
@pytest.mark.parametrize(("case", "name"), MANY.values(), ids=list(MANY))
def test_duplicate_id_is_named(
    case: OperatorCase, name: str, twice: Any, damstra_emulator: DamstraEmulator
) -> None:
    why = rejection_message(case.operator, {**case.arguments, name: twice})
    assert f"{name}: named more than once: 1011" in why
    assert damstra_emulator.journal() == []


# Who is to be removed and does not exist is not there afterwards.
NEEDED = {name: one for name, one in {**ONE, **MANY}.items() if not name.startswith(REMOVING)}


@pytest.mark.parametrize(("case", "name"), NEEDED.values(), ids=list(NEEDED))
def test_unknown_id_is_named_and_nothing_is_changed(
    case: OperatorCase, name: str, damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    assert str(UNKNOWN_ID) in error_message(
        case.create_operator(tmp_path, **{name: UNKNOWN_ID}), DamstraNotFoundError
    )
    assert changes_in(damstra_emulator) == {}
