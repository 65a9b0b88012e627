"""Each operator without faults: its result, and what it changes in Damstra, once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from airflow_provider_damstra.operators import call, group, ilt_session, lesson, roster, training_gate, user
from tests.operators.all_cases import CASES, SENDING_CASES, WRITE_CASES, operator_classes
from tests.operators.operator_case import Scenario, SideEffects


def test_every_operator_has_a_case() -> None:
    assert {case.operator for case in CASES} == set(operator_classes())


def test_operators_are_defined_in_the_module_of_their_resource() -> None:
    modules = [module.__name__ for module in (user, roster, group, lesson, ilt_session, training_gate, call)]
    assert {kind.__module__ for kind in operator_classes()} == set(modules)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_operator_returns_result_and_changes_each_row_once(scenario: Scenario) -> None:
    assert scenario.run() == scenario.expected
    assert scenario.effects().changes == Counter(scenario.case.changes)


@pytest.mark.parametrize("case", WRITE_CASES, ids=str)
def test_api_shows_the_changes(scenario: Scenario) -> None:
    before = scenario.effects()
    scenario.run()
    assert scenario.effects().responses != before.responses


@pytest.mark.parametrize("case", WRITE_CASES, ids=str)
def test_second_run_changes_nothing(scenario: Scenario) -> None:
    scenario.run()
    scenario.emulator.clear_journal()
    scenario.run()
    assert scenario.effects() == SideEffects(changes=Counter(), responses=scenario.recorded.effects.responses)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_only_sending_cases_send_writes(scenario: Scenario) -> None:
    assert bool(scenario.recorded.numbered_writes) == (scenario.case in SENDING_CASES)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_subclass_may_add_template_fields(scenario: Scenario) -> None:
    kind = scenario.case.operator
    attributes = {"template_fields": (*kind.template_fields, "ticket"), "ticket": "{{ ds }}"}
    scenario.case = replace(scenario.case, operator=type(kind.__name__, (kind,), attributes))
    assert scenario.run() == scenario.expected
