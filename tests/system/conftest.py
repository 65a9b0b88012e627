"""One onboarding on a real Airflow, looked at by every test here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from demo.cohort import COHORT
from demo.onboarding import Outcome, Stage
from demo.report import Record, collect
from demo.terminal import Terminal

if TYPE_CHECKING:
    from demo.emulator_instance import Row


@dataclass(frozen=True, kw_only=True)
class Onboarding:
    """What is left of an onboarding after everything was stopped."""

    stage: Stage
    outcome: Outcome
    records: list[Record]
    journal: list[Row]
    failed_logs: list[str]


@pytest.fixture(scope="session")
def onboarding(tmp_path_factory: pytest.TempPathFactory) -> Onboarding:
    """Return the onboarding of the demonstration's cohort."""
    stage = Stage(root=tmp_path_factory.mktemp("onboarding"), terminal=Terminal())
    with stage.running():
        outcome = stage.run()
        return Onboarding(
            stage=stage,
            outcome=outcome,
            records=collect(COHORT, emulator=stage.emulator.api, certificates=stage.certificates),
            journal=stage.emulator.api.journal(),
            failed_logs=list(stage.failed_logs(outcome)),
        )
