"""Each operator without faults: its result, and what it changes in Damstra, once."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.operators import call, group, ilt_session, lesson, user
from tests.operators.all_cases import CASES, SENDING_CASES, WRITE_CASES, operator_classes
from tests.operators.operator_case import OperatorCase, SideEffects
from tests.operators.task_runner import run

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient


def test_every_operator_has_a_case() -> None:
    assert {case.operator for case in CASES} == set(operator_classes())


def test_operators_are_defined_in_the_module_of_their_resource() -> None:
    modules = [module.__name__ for module in (user, group, lesson, ilt_session, call)]
    assert {kind.__module__ for kind in operator_classes()} == set(modules)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_operator_returns_result_and_changes_each_row_once(
    case: OperatorCase, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    outcome, effects = case.run_once(damstra_emulator, api, tmp_path)
    assert outcome == case.expected_outcome(tmp_path)
    assert effects.changes == Counter(case.changes)


@pytest.mark.parametrize("case", WRITE_CASES, ids=str)
def test_api_shows_the_changes(
    case: OperatorCase, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    case.set_up(damstra_emulator, api)
    before = SideEffects.of(damstra_emulator, api, case)
    run(case.create_operator(tmp_path))
    assert SideEffects.of(damstra_emulator, api, case).shown != before.shown


@pytest.mark.parametrize("case", WRITE_CASES, ids=str)
def test_second_run_changes_nothing(
    case: OperatorCase, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    _, once = case.run_once(damstra_emulator, api, tmp_path)
    damstra_emulator.clear_journal()
    run(case.create_operator(tmp_path))
    twice = SideEffects.of(damstra_emulator, api, case)
    assert (twice.changes, twice.shown) == (Counter(), once.shown)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_only_sending_cases_send_writes(
    case: OperatorCase, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    case.run_once(damstra_emulator, api, tmp_path)
    methods = {entry["method"] for entry in damstra_emulator.journal()}
    assert bool(methods - {"GET"}) == (case in SENDING_CASES)
