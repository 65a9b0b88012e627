"""Site access: a trained crew is mobilised, and who lacks what is reported otherwise."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from demo.waiting import wait_until
from tests.example_dags.background import TIMEOUT, in_background, poll_count

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.example_dags.conftest import RunDag

DAG_ID = "example_damstra_site_access"
TRAINED, OTHER = "E1016", "E1011"


def test_trained_crew_is_mobilised(run_dag: RunDag) -> None:
    run = run_dag(DAG_ID, crew=[TRAINED])
    assert run.succeeded()
    assert run.returned["check_training"] == run.returned["wait_for_training"] == [1016]
    assert (run.states["mobilise"], run.states["report"]) == ("success", "skipped")


def test_report_names_who_lacks_what_and_crew_is_mobilised_once_it_is_trained(
    run_dag: RunDag, damstra_emulator: DamstraEmulator
) -> None:
    def complete_while_waiting() -> None:
        polls = partial(poll_count, damstra_emulator, "/user/1011/lesson_schedule")
        # More than the check and the first poll of the sensor request, two pages each.
        wait_until(lambda: polls() > 4, description="polls in the triggerer", timeout=TIMEOUT)
        damstra_emulator.complete_lesson_schedule(30040)

    with in_background(complete_while_waiting):
        run = run_dag(DAG_ID, crew=[TRAINED, OTHER])
    assert run.succeeded()
    assert (run.states["check_training"], run.states["report"]) == ("skipped", "success")
    assert "Not ready for the site:\n  Liam Murphy (E1011): Working at Heights assigned (" in run.log
    assert run.returned["wait_for_training"] == [1016, 1011]
    assert run.states["mobilise"] == "success"


def test_crew_with_an_inactive_member_is_not_mobilised(run_dag: RunDag) -> None:
    run = run_dag(DAG_ID, crew=[TRAINED, "E1038"])
    assert run.state == run.states["wait_for_training"] == "failed"
    assert run.states["mobilise"] == "upstream_failed"
    assert "The condition can no longer be met: Wayne Birch (E1038): inactive." in run.log
