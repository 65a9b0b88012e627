"""An ILT session that is held, and one that is cancelled because of too few participants."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from demo.waiting import wait_until
from tests.example_dags.background import TIMEOUT, in_background, inserted_ids, poll_count
from tests.example_dags.files import write_csv

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.example_dags.conftest import RunDag

DAG_ID = "example_damstra_ilt_session"
SCAFFOLDERS = 107
# Of six members one has completed the theory, and these two have not.
TRAINED, DUE, OVERDUE = 1015, 1035, 1030


def test_session_is_held(
    run_dag: RunDag, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    params = _files(tmp_path)

    def complete_lessons_during_waits() -> None:
        wait_until(
            lambda: poll_count(damstra_emulator, f"/group/{SCAFFOLDERS}/member") > 1,
            description="a poll of the group",
            timeout=TIMEOUT,
        )
        _complete_theory(damstra_emulator, api)
        registered = "/ilt_session/*/bulk_deregister"
        wait_until(
            lambda: poll_count(damstra_emulator, "/ilt_session/*", after=registered) > 0,
            description="a poll of the session",
            timeout=TIMEOUT,
        )
        damstra_emulator.advance_clock(timedelta(days=15))

    with in_background(complete_lessons_during_waits):
        run = run_dag(DAG_ID, **params)
    assert run.succeeded()
    assert run.returned["wait_for_theory"] == [TRAINED, OVERDUE, DUE]
    assert run.states["cancel_session"] == "skipped"

    (session_id,) = inserted_ids(damstra_emulator, "ilt_sessions")
    session = api.get_json(f"/ilt_session/{session_id}")
    assert (session["statusId"], session["numberOfPlaces"]) == (2, 8)
    attendees = api.get_json(f"/ilt_session/{session_id}/attendees")["results"]
    assert {one["userId"]: (one["attended"], one["passed"]) for one in attendees} == {
        TRAINED: (True, True),
        OVERDUE: (True, False),
    }
    (certificate,) = (tmp_path / "certificates").iterdir()
    (passed,) = (one["lessonScheduleId"] for one in attendees if one["passed"])
    assert certificate.name == f"certificate-{passed}.pdf"
    assert certificate.read_bytes().startswith(b"%PDF-")
    assert api.schedule_status(TRAINED, passed) == "completed"


def test_session_is_cancelled_with_too_few_participants(
    run_dag: RunDag, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    _complete_theory(damstra_emulator, api)
    params = _files(tmp_path)
    (tmp_path / "withdrawals.csv").write_text("employee_number\n")
    run = run_dag(DAG_ID, minimum=4, **params)
    assert run.succeeded()
    assert run.states["deregister"] == "skipped"
    assert run.states["cancel_session"] == "success"
    assert run.states["wait_for_end"] == run.states["complete_session"] == "skipped"
    (session_id,) = inserted_ids(damstra_emulator, "ilt_sessions")
    assert api.get_json(f"/ilt_session/{session_id}")["statusId"] == 3
    assert not (tmp_path / "certificates").exists()


def _files(folder: Path) -> dict[str, Any]:
    """Return the params of a run with a withdrawal, a passed and a failed participant."""
    return {
        "withdrawals": write_csv(folder / "withdrawals.csv", {"employee_number": "E1035"}),
        "attendance": write_csv(
            folder / "attendance.csv",
            {"employee_number": "E1015", "attended": "yes", "passed": "yes"},
            {"employee_number": "E1030", "attended": "yes", "passed": "no"},
        ),
        "certificates": (folder / "certificates").as_uri(),
    }


def _complete_theory(emulator: DamstraEmulator, api: ApiClient) -> None:
    for user_id in (DUE, OVERDUE):
        rows = api.get_json(f"/user/{user_id}/lesson_schedule")["results"]
        emulator.complete_lesson_schedule(
            next(row["id"] for row in rows if row["lessonName"] == "Working at Heights")
        )
