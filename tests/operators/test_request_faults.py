"""Each request that changes something goes wrong once, in each way: every effect is there exactly once."""

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


def faults_struck(emulator: DamstraEmulator) -> list[str]:
    return [entry["fault"] for entry in emulator.journal() if entry["fault"] is not None]


@dataclass(frozen=True)
class Rehearsal:
    """A case that is run with something going wrong, beside how it goes baseline."""

    case: OperatorCase
    course: RecordedRun
    emulator: DamstraEmulator
    api: ApiClient
    folder: Path

    def begin(self) -> None:
        self.case.begin(self.emulator, self.api)

    def end(self, **attempts: int) -> None:
        """Run the case, and compare what came of it."""
        outcome = run_with_retries(lambda: self.case.make(self.folder), **attempts)
        assert SideEffects.of(self.emulator, self.api, self.case) == self.course.trace
        assert outcome == self.case.expected(self.folder)


@pytest.fixture
def rehearsal(
    case: OperatorCase,
    baseline: BaselineFactory,
    damstra_emulator: DamstraEmulator,
    api: ApiClient,
    tmp_path: Path,
) -> Rehearsal:
    return Rehearsal(case, baseline(case), damstra_emulator, api, tmp_path)


@pytest.mark.parametrize("retries", [0, 2], ids=["client gives up", "client tries again"])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
@pytest.mark.parametrize("case", SENDING_CASES, ids=str)
def test_every_effect_is_there_once_and_the_result_is_the_same(
    fault: dict[str, Any],
    retries: int,
    rehearsal: Rehearsal,
    damstra_emulator: DamstraEmulator,
    connect: ConnectionFactory,
) -> None:
    connect(extra={"max_retries": retries})
    for method, path, number in rehearsal.course.turns:
        rehearsal.begin()
        inject_fault(damstra_emulator, fault, method=method, path=path, number=number)
        rehearsal.end()
        assert faults_struck(damstra_emulator) == [fault["kind"]]


@pytest.mark.parametrize("case", SENDING_CASES, ids=str)
def test_every_effect_is_there_once_when_nobody_can_look_after_a_lost_answer(
    rehearsal: Rehearsal, damstra_emulator: DamstraEmulator, connect: ConnectionFactory
) -> None:
    connect(extra={"max_retries": 0})
    for method, path, number in rehearsal.course.turns:
        rehearsal.begin()
        inject_fault(damstra_emulator, LOST_RESPONSE, method=method, path=path, number=number)
        reads = reads_before(rehearsal.course, method, path, number)
        inject_fault(damstra_emulator, FAULTS["503"], method="GET", path="/**", number=1 + reads)
        rehearsal.end(retries=2)
        assert "drop_after" in faults_struck(damstra_emulator)


@pytest.mark.parametrize("case", CREATE_CASES, ids=str)
def test_any_answer_may_be_lost(
    rehearsal: Rehearsal, damstra_emulator: DamstraEmulator, connect: ConnectionFactory
) -> None:
    connect(extra={"max_retries": 0})
    for method, path, number in rehearsal.course.all_turns:
        rehearsal.begin()
        inject_fault(damstra_emulator, LOST_RESPONSE, method=method, path=path, number=number)
        rehearsal.end()
        assert faults_struck(damstra_emulator) == ["drop_after"]


def reads_before(course: RecordedRun, method: str, path: str, number: int) -> int:
    """Return how many GETs there were before one of the requests."""
    places = [place for place, request in enumerate(course.requests) if request == (method, path)]
    before = course.requests[: places[number - 1]]
    return sum(method == "GET" for method, _ in before)
