"""Scenario files: steps at times of the clock, steps that fail, problems of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.emulator.scenario_document import parse_scenario
from tests.emulator.api_client import HAUL_TRUCK, TRAINEES, call_control_plane
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient

HOUR = 3600
CHECKS = "Haul Truck Pre-start Checks"
SCENARIO = f"""\
steps:
  - {{at: 3 hours, do: complete, user: l.murphy, lesson: {CHECKS}}}
  - {{at: 1 hour, do: schedule, user: l.murphy, lesson: {CHECKS}, grace_period: 2 days}}
  - {{at: 2 hours, do: start, user: L.Murphy, lesson: {CHECKS}}}
  - at: 4 hours
    do: add_fault
    fault: {{kind: status, status: 503, count: 1, path: /group}}
  - {{at: 5 hours, do: add_user, first_name: New, last_name: Starter, user_name: new, groups: [Pit Crew A]}}
  - {{at: 6 hours, do: advance, by: 2 days}}
  - {{at: 3 days, do: clear_faults}}
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    file = tmp_path / "scenario.yaml"
    file.write_text(SCENARIO)
    return file


def states(emulator: DamstraEmulator) -> list[str]:
    return [step["state"] for step in emulator.scenario()]


def advance(emulator: DamstraEmulator, hours: float, *, done: int) -> None:
    """Move the clock forward, and check that this many steps are carried out."""
    emulator.advance_clock(hours * HOUR)
    assert states(emulator) == ["done"] * done + ["pending"] * (7 - done)


def test_steps_are_carried_out_at_times_of_the_clock(
    emulator: DamstraEmulator, api: ApiClient, scenario: Path
) -> None:
    emulator.start_scenario(scenario)
    assert [step["do"] for step in emulator.scenario()][:3] == ["schedule", "start", "complete"]
    assert set(states(emulator)) == {"pending"}

    advance(emulator, 1.5, done=1)
    (row,) = (
        row
        for row in api.get_json(f"/user/{TRAINEES[0]}/lesson_schedule")["results"]
        if row["lessonVersionId"] == HAUL_TRUCK
    )
    assert row["status"] == "due"
    advance(emulator, 1, done=2)
    assert api.get_json(f"/lesson_schedule/{row['id']}")["lessonStartedDate"]
    advance(emulator, 1, done=3)
    assert api.schedule_status(TRAINEES[0], row["id"]) == "completed"
    advance(emulator, 1, done=4)
    assert [api.get("/group").status_code for _ in range(2)] == [503, 200]
    advance(emulator, 1, done=5)
    (user,) = api.get_json("/user", q="new")["results"]
    assert user["groups"] == [{"id": 102}]
    before = emulator.now
    advance(emulator, 1, done=6)
    assert (emulator.now - before).days == 2
    advance(emulator, 24, done=7)
    assert set(states(emulator)) == {"done"}
    assert call_control_plane(emulator, "GET", "/faults").json() == []


def test_failed_step_is_reported_and_the_others_follow(
    emulator: DamstraEmulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "scenario.yaml"
    file.write_text(
        "steps:\n"
        f"  - {{at: now, do: complete, user: l.murphy, lesson: {CHECKS}}}\n"
        "  - {at: now, do: cancel, user: m.absent, lesson: x}\n"
        "  - {at: now, do: advance, by: 9 days}\n"
    )
    emulator.start_scenario(file)
    complete, cancel, _ = emulator.scenario()
    assert states(emulator) == ["failed", "failed", "done"]
    assert complete["problem"] == f"user 'l.murphy' has no open schedule for '{CHECKS}'"
    assert cancel["problem"] == "there is no 'm.absent' in the users"
    assert f"{file}: steps[0] (line 2): complete failed: user 'l.murphy' has no" in caplog.text


def test_step_is_carried_out_when_the_clock_reaches_its_time(
    emulator: DamstraEmulator, tmp_path: Path
) -> None:
    file = tmp_path / "scenario.yaml"
    file.write_text("steps: [{at: 1 second, do: clear_faults}]")
    emulator.add_fault("html")
    emulator.start_scenario(file)
    wait_until(lambda: states(emulator) == ["done"], "the step")
    assert call_control_plane(emulator, "GET", "/faults").json() == []


def test_reset_ends_scenario(emulator: DamstraEmulator, scenario: Path) -> None:
    emulator.start_scenario(scenario)
    emulator.reset()
    assert emulator.scenario() == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("do: start", "do: jump", "steps[2] (line 4): Input tag 'jump' found using 'do' does not match"),
        ("at: 1 hour", "at: soon", "steps[1].at (line 3): it is not a valid time"),
        ("by: 2 days", "to: 2 days", "steps[5].to (line 9): there is no such key; there are at, do, by"),
        ("status: 503, ", "", "steps[3].fault (line 7): a fault of the kind status needs a status"),
        (
            "count: 1",
            "counts: 1",
            "steps[3].fault.counts (line 7): there is no such key; there are kind, method",
        ),
        ("steps:", "step:", "steps: it is missing"),
    ],
)
def test_problem_of_file_is_reported_with_path_and_line(old: str, new: str, problem: str) -> None:
    with pytest.raises(ValueError, match=r"^scenario.yaml: ") as error:
        parse_scenario(SCENARIO.replace(old, new, 1), source="scenario.yaml")
    assert problem in str(error.value)
