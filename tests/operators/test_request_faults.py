"""Every request of every case fails once, in each way: each effect happens exactly once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.operators.all_cases import CREATE_CASES, SENDING_CASES
from tests.operators.faults import FAULTS, LOST_RESPONSE, inject_fault
from tests.operators.operator_case import OperatorCase, RecordedRun, SideEffects
from tests.operators.task_runner import run_with_retries

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.operators.conftest import BaselineFactory, ConnectionFactory


def injected_faults(emulator: DamstraEmulator) -> list[str]:
    return [entry["fault"] for entry in emulator.journal() if entry["fault"] is not None]


@dataclass(frozen=True)
class FaultScenario:
    """A case that is run with something going wrong, beside how it goes baseline."""

    case: OperatorCase
    recorded: RecordedRun
    emulator: DamstraEmulator
    api: ApiClient
    folder: Path

    def set_up(self) -> None:
        self.case.set_up(self.emulator, self.api)

    def run_and_compare(self, **attempts: int) -> None:
        """Run the case, and compare what came of it."""
        outcome = run_with_retries(lambda: self.case.create_operator(self.folder), **attempts)
        assert SideEffects.of(self.emulator, self.api, self.case) == self.recorded.effects
        assert outcome == self.case.expected_outcome(self.folder)


@pytest.fixture
def scenario(
    case: OperatorCase,
    baseline: BaselineFactory,
    damstra_emulator: DamstraEmulator,
    api: ApiClient,
    tmp_path: Path,
) -> FaultScenario:
    return FaultScenario(case, baseline(case), damstra_emulator, api, tmp_path)


@pytest.mark.parametrize("retries", [0, 2], ids=["client gives up", "client tries again"])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
@pytest.mark.parametrize("case", SENDING_CASES, ids=str)
def test_every_effect_happens_once_when_a_write_fails(
    fault: dict[str, Any],
    retries: int,
    scenario: FaultScenario,
    damstra_emulator: DamstraEmulator,
    connect: ConnectionFactory,
) -> None:
    connect(extra={"max_retries": retries})
    for method, path, number in scenario.recorded.numbered_writes:
        scenario.set_up()
        inject_fault(damstra_emulator, fault, method=method, path=path, number=number)
        scenario.run_and_compare()
        assert injected_faults(damstra_emulator) == [fault["kind"]]


@pytest.mark.parametrize("case", SENDING_CASES, ids=str)
def test_every_effect_happens_once_when_response_and_lookup_fail(
    scenario: FaultScenario, damstra_emulator: DamstraEmulator, connect: ConnectionFactory
) -> None:
    connect(extra={"max_retries": 0})
    for method, path, number in scenario.recorded.numbered_writes:
        scenario.set_up()
        inject_fault(damstra_emulator, LOST_RESPONSE, method=method, path=path, number=number)
        reads = count_reads_before(scenario.recorded, method, path, number)
        inject_fault(damstra_emulator, FAULTS["503"], method="GET", path="/**", number=1 + reads)
        scenario.run_and_compare(retries=2)
        assert "drop_after" in injected_faults(damstra_emulator)


@pytest.mark.parametrize("case", CREATE_CASES, ids=str)
def test_every_effect_happens_once_when_any_response_is_lost(
    scenario: FaultScenario, damstra_emulator: DamstraEmulator, connect: ConnectionFactory
) -> None:
    connect(extra={"max_retries": 0})
    for method, path, number in scenario.recorded.numbered_requests:
        scenario.set_up()
        inject_fault(damstra_emulator, LOST_RESPONSE, method=method, path=path, number=number)
        scenario.run_and_compare()
        assert injected_faults(damstra_emulator) == ["drop_after"]


def count_reads_before(recorded: RecordedRun, method: str, path: str, number: int) -> int:
    """Return how many GETs there were before one of the requests."""
    places = [place for place, request in enumerate(recorded.requests) if request == (method, path)]
    before = recorded.requests[: places[number - 1]]
    return sum(method == "GET" for method, _ in before)
