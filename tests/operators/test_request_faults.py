"""Every request of every case fails once with each fault: each effect happens exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.operators.all_cases import CREATE_CASES, SENDING_CASES
from tests.operators.faults import FAULTS, LOST_RESPONSE, inject_fault
from tests.operators.task_runner import run_with_retries

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.operators.conftest import ConnectionFactory
    from tests.operators.operator_case import RecordedRun, Scenario


def injected_faults(emulator: DamstraEmulator) -> list[str]:
    return [entry["fault"] for entry in emulator.journal() if entry["fault"] is not None]


def run_and_verify(scenario: Scenario, **retries: int) -> None:
    scenario.verify(run_with_retries(scenario.operator, **retries))


@pytest.mark.parametrize("retries", [0, 2], ids=["client gives up", "client tries again"])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
@pytest.mark.parametrize("case", SENDING_CASES, ids=str)
def test_every_effect_happens_once_when_a_write_fails(
    fault: dict[str, Any],
    retries: int,
    scenario: Scenario,
    damstra_emulator: DamstraEmulator,
    connect: ConnectionFactory,
) -> None:
    connect(extra={"max_retries": retries})
    for method, path, number in scenario.recorded.numbered_writes:
        scenario.set_up()
        inject_fault(damstra_emulator, fault, method=method, path=path, number=number)
        run_and_verify(scenario)
        assert injected_faults(damstra_emulator) == [fault["kind"]]


@pytest.mark.parametrize("case", SENDING_CASES, ids=str)
def test_every_effect_happens_once_when_response_and_lookup_fail(
    scenario: Scenario, damstra_emulator: DamstraEmulator, connect: ConnectionFactory
) -> None:
    connect(extra={"max_retries": 0})
    for method, path, number in scenario.recorded.numbered_writes:
        scenario.set_up()
        inject_fault(damstra_emulator, LOST_RESPONSE, method=method, path=path, number=number)
        reads = count_reads_before(scenario.recorded, method, path, number)
        inject_fault(damstra_emulator, FAULTS["503"], method="GET", path="/**", number=1 + reads)
        run_and_verify(scenario, retries=2)
        assert "drop_after" in injected_faults(damstra_emulator)


@pytest.mark.parametrize("case", CREATE_CASES, ids=str)
def test_every_effect_happens_once_when_any_response_is_lost(
    scenario: Scenario, damstra_emulator: DamstraEmulator, connect: ConnectionFactory
) -> None:
    connect(extra={"max_retries": 0})
    for method, path, number in scenario.recorded.numbered_requests:
        scenario.set_up()
        inject_fault(damstra_emulator, LOST_RESPONSE, method=method, path=path, number=number)
        run_and_verify(scenario)
        assert injected_faults(damstra_emulator) == ["drop_after"]


def count_reads_before(recorded: RecordedRun, method: str, path: str, number: int) -> int:
    """Return how many GETs there were before one of the requests."""
    places = [place for place, request in enumerate(recorded.requests) if request == (method, path)]
    before = recorded.requests[: places[number - 1]]
    return sum(method == "GET" for method, _ in before)
