"""One Airflow for all system tests, with the demonstration's emulator and a large one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from demo.cohort import COHORT
from demo.onboarding import DAG_FILE, DagRunRecord, DemoEnvironment
from demo.report import OnboardingRecord, collect
from demo.terminal import Terminal
from demo.waiting import wait_until
from tests.system.dag_runs import TIMEOUT
from tests.system.large_emulator import LargeEmulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from demo.emulator_instance import Row

DAGS = sorted((Path(__file__).parent / "dags").glob("*.py"))
EVENT_DAGS = ("example_damstra_next_lesson", "example_damstra_cancelled_schedule")
"""Example DAGs that events start: paused except in their own tests, as other tests cause events too."""

# With the defaults Airflow takes half a minute to detect a dead triggerer.
SHORT_INTERVALS = {
    "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "1",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "6",
}


@dataclass(frozen=True, kw_only=True)
class Onboarding:
    """The results of an onboarding."""

    environment: DemoEnvironment
    dag_run: DagRunRecord
    records: list[OnboardingRecord]
    journal: list[Row]
    failed_logs: list[str]


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LargeEmulator]:
    """Run the emulator with many users."""
    emulator = LargeEmulator(root=tmp_path_factory.mktemp("large-emulator"))
    try:
        emulator.process.start()
        emulator.wait_until_ready()
        yield emulator
    finally:
        emulator.stop()


@pytest.fixture(scope="session")
def environment(
    tmp_path_factory: pytest.TempPathFactory, emulator: LargeEmulator
) -> Iterator[DemoEnvironment]:
    """Run an Airflow with the demonstration's DAG and those of the tests."""
    environment = DemoEnvironment(
        root=tmp_path_factory.mktemp("environment"),
        terminal=Terminal(),
        extra_dag_files=[*DAGS, *(DAG_FILE.with_stem(dag_id) for dag_id in EVENT_DAGS)],
        environment=emulator.connection | SHORT_INTERVALS,
    )
    with environment.running():
        for dag_id in EVENT_DAGS:
            wait_until(lambda: environment.airflow.api.has_dag(dag_id), description=dag_id, timeout=TIMEOUT)  # noqa: B023
            environment.airflow.api.patch(f"/dags/{dag_id}", {"is_paused": True})
        yield environment


@pytest.fixture(scope="session")
def onboarding(environment: DemoEnvironment) -> Onboarding:
    """Onboard the demonstration's cohort, and return the results and requests."""
    environment.emulator.api.control("DELETE", "/journal")
    dag_run = environment.run()
    return Onboarding(
        environment=environment,
        dag_run=dag_run,
        records=collect(COHORT, emulator=environment.emulator.api, certificates=environment.certificates),
        journal=environment.emulator.api.journal(),
        failed_logs=list(environment.failed_logs(dag_run)),
    )
