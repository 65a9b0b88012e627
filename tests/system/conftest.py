"""One Airflow for all tests here, with the demonstration's emulator and the academy's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from demo.cohort import COHORT
from demo.onboarding import DAG_FILE, Outcome, Stage
from demo.report import Record, collect
from demo.terminal import Terminal
from demo.waiting import wait_until
from tests.system.academy import Academy
from tests.system.evidence import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from demo.emulator_instance import Row

DAGS = sorted((Path(__file__).parent / "dags").glob("*.py"))
EVENT_DAGS = ("example_damstra_next_lesson", "example_damstra_cancelled_schedule")
"""Examples that events start. They are paused but for their own tests: other tests bring about events too."""

# Airflow's own are for weeks, and a test is not to wait half a minute for Airflow to notice a dead triggerer.
QUICK = {
    "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "1",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "6",
}


@dataclass(frozen=True, kw_only=True)
class Onboarding:
    """What is left of an onboarding."""

    stage: Stage
    outcome: Outcome
    records: list[Record]
    journal: list[Row]
    failed_logs: list[str]


@pytest.fixture(scope="session")
def academy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Academy]:
    """Return the emulator with many users."""
    academy = Academy(root=tmp_path_factory.mktemp("academy"))
    try:
        academy.process.start()
        academy.wait_until_ready()
        yield academy
    finally:
        academy.stop()


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory, academy: Academy) -> Iterator[Stage]:
    """Return a running Airflow with the demonstration's DAG and the tests' own."""
    stage = Stage(
        root=tmp_path_factory.mktemp("stage"),
        terminal=Terminal(),
        more_dags=[*DAGS, *(DAG_FILE.with_stem(dag_id) for dag_id in EVENT_DAGS)],
        environment=academy.connection | QUICK,
    )
    with stage.running():
        for dag_id in EVENT_DAGS:
            wait_until(lambda: stage.airflow.api.has_dag(dag_id), what=dag_id, seconds=PATIENCE)  # noqa: B023
            stage.airflow.api.patch(f"/dags/{dag_id}", {"is_paused": True})
        yield stage


@pytest.fixture(scope="session")
def onboarding(stage: Stage) -> Onboarding:
    """Return the onboarding of the demonstration's cohort, and the requests since it began."""
    stage.emulator.api.control("DELETE", "/journal")
    outcome = stage.run()
    return Onboarding(
        stage=stage,
        outcome=outcome,
        records=collect(COHORT, emulator=stage.emulator.api, certificates=stage.certificates),
        journal=stage.emulator.api.journal(),
        failed_logs=list(stage.failed_logs(outcome)),
    )
