"""Each request that changes something goes wrong once, in each way: every effect is there exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.operators.case import Case, Course, Trace
from tests.operators.catalogue import CREATING, SENDING
from tests.operators.faults import FAULTS, LOST_ANSWER, strike
from tests.operators.running import run_with_retries

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.http import Api
    from tests.operators.conftest import Connect, Undisturbed


def faults_struck(emulator: DamstraEmulator) -> list[str]:
    return [entry["fault"] for entry in emulator.journal() if entry["fault"] is not None]


@pytest.mark.parametrize("retries", [0, 2], ids=["client gives up", "client tries again"])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
@pytest.mark.parametrize("case", SENDING, ids=str)
def test_every_effect_is_there_once_and_the_result_is_the_same(
    case: Case,
    fault: dict[str, Any],
    retries: int,
    undisturbed: Undisturbed,
    damstra_emulator: DamstraEmulator,
    api: Api,
    connect: Connect,
    tmp_path: Path,
) -> None:
    course = undisturbed(case)
    connect(extra={"max_retries": retries})
    for method, path, number in course.turns:
        case.begin(damstra_emulator, api)
        strike(damstra_emulator, fault, method=method, path=path, number=number)
        outcome = run_with_retries(lambda: case.make(tmp_path))
        assert faults_struck(damstra_emulator) == [fault["kind"]]
        assert Trace.of(damstra_emulator, api, case) == course.trace
        assert outcome == case.expected(tmp_path)


@pytest.mark.parametrize("case", SENDING, ids=str)
def test_every_effect_is_there_once_when_nobody_can_look_after_a_lost_answer(
    case: Case,
    undisturbed: Undisturbed,
    damstra_emulator: DamstraEmulator,
    api: Api,
    connect: Connect,
    tmp_path: Path,
) -> None:
    course = undisturbed(case)
    connect(extra={"max_retries": 0})
    for method, path, number in course.turns:
        case.begin(damstra_emulator, api)
        strike(damstra_emulator, LOST_ANSWER, method=method, path=path, number=number)
        strike(
            damstra_emulator,
            FAULTS["503"],
            method="GET",
            path="/**",
            number=1 + reads_before(course, method, path, number),
        )
        outcome = run_with_retries(lambda: case.make(tmp_path), retries=2)
        assert "drop_after" in faults_struck(damstra_emulator)
        assert Trace.of(damstra_emulator, api, case) == course.trace
        assert outcome == case.expected(tmp_path)


@pytest.mark.parametrize("case", CREATING, ids=str)
def test_any_answer_may_be_lost(
    case: Case,
    undisturbed: Undisturbed,
    damstra_emulator: DamstraEmulator,
    api: Api,
    connect: Connect,
    tmp_path: Path,
) -> None:
    course = undisturbed(case)
    connect(extra={"max_retries": 0})
    for method, path, number in course.all_turns:
        case.begin(damstra_emulator, api)
        strike(damstra_emulator, LOST_ANSWER, method=method, path=path, number=number)
        outcome = run_with_retries(lambda: case.make(tmp_path))
        assert faults_struck(damstra_emulator) == ["drop_after"]
        assert Trace.of(damstra_emulator, api, case) == course.trace
        assert outcome == case.expected(tmp_path)


def reads_before(course: Course, method: str, path: str, number: int) -> int:
    """Return how many GETs there were before one of the requests."""
    places = [place for place, request in enumerate(course.requests) if request == (method, path)]
    before = course.requests[: places[number - 1]]
    return sum(method == "GET" for method, _ in before)
