"""Site access: a trained crew is mobilised, and who lacks what is reported otherwise."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.example_dags.conftest import RunDag

DAG_ID = "example_damstra_site_access"
TRAINED, OTHER = "E1016", "E1011"


def test_trained_crew_is_mobilised(run_dag: RunDag) -> None:
    run = run_dag(DAG_ID, crew=[TRAINED])
    assert run.succeeded()
    assert run.returned["check_training"] == [1016]
    assert run.states == {"check_training": "success", "mobilise": "success", "report": "skipped"}


def test_crew_is_not_mobilised_and_report_names_who_lacks_what(
    run_dag: RunDag, damstra_emulator: DamstraEmulator
) -> None:
    run = run_dag(DAG_ID, crew=[TRAINED, OTHER])
    assert run.states == {"check_training": "failed", "mobilise": "upstream_failed", "report": "success"}
    assert run.state == "failed"
    assert "Not ready for the site:\n  Liam Murphy (E1011): Working at Heights assigned (" in run.log
    assert {entry["method"] for entry in damstra_emulator.journal()} == {"GET"}


def test_training_that_expires_before_the_first_day_stops_the_crew(
    run_dag: RunDag, damstra_emulator: DamstraEmulator
) -> None:
    first_day = damstra_emulator.now + timedelta(days=400)
    run = run_dag(DAG_ID, crew=[TRAINED], first_day=first_day.isoformat())
    assert run.states["mobilise"] == "upstream_failed"
    assert "  Amelia Singh (E1016): Site Induction expired (completed on " in run.log
