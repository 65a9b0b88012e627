"""The example DAG that delivers completed lessons: started by events, and as a backfill."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from tests.example_dags.asset_events import Event
from tests.transfers.completion_step import FAILED_TEST, LIAM, PASSED, completions
from tests.transfers.endpoint_server import endpoint_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient
    from tests.example_dags.airflow_process import AirflowProcess, DagRunResult
    from tests.example_dags.conftest import RunDag
    from tests.transfers.endpoint_server import EndpointServer

DAG_ID, FILE_DAG_ID = "example_damstra_completion_delivery", "example_damstra_completion_file"


@pytest.fixture
def hr() -> Iterator[EndpointServer]:
    """Return the HTTP endpoint of an HR system."""
    with endpoint_server() as server:
        yield server


def completed(*ids: int) -> list[Event]:
    uri = "damstra://damstra_default/lesson.schedule.completed"
    return [Event(asset=uri, payload={"user_id": LIAM, "lesson_schedule_id": one}) for one in ids]


def test_completions_of_events_are_delivered_once_and_backfill_delivers_the_rest(
    airflow: AirflowProcess,
    damstra_emulator: DamstraEmulator,
    api: ApiClient,
    hr: EndpointServer,
    tmp_path: Path,
) -> None:
    connections = {"damstra_default": damstra_emulator.connection_json, "hr": hr.connection_json()}

    def run(events: Sequence[Event] = (), **params: Any) -> DagRunResult:
        conf = {"receipts": tmp_path.as_uri(), **params}
        return airflow.run(
            "example_damstra_completion_delivery", conf, connections=connections, events=events
        )

    first = run(completed(PASSED, FAILED_TEST, PASSED))
    assert first.succeeded()
    assert first.returned["deliver"] == {"delivered": 2, "skipped": 0, "failed": 0}
    assert {request.path for request in hr.requests} == {"/training/completions"}
    assert {one.completion()["passed"] for one in hr.requests} == {True, False}
    receipts = [json.loads(path.read_text()) for path in tmp_path.iterdir()]
    assert {receipt["lesson_schedule_id"] for receipt in receipts} == {PASSED, FAILED_TEST}
    assert run(completed(PASSED)).returned["deliver"] == {"delivered": 0, "skipped": 1, "failed": 0}

    times = completions(api)
    backfill = run(completed_from="2020-01-01T00:00:00+08:00")
    assert backfill.returned["deliver"] == {"delivered": len(times) - 2, "skipped": 2, "failed": 0}
    assert sorted(hr.ids()) == sorted(times)


def test_manual_run_without_period_explains_what_is_missing(
    airflow: AirflowProcess, damstra_emulator: DamstraEmulator, hr: EndpointServer, tmp_path: Path
) -> None:
    connections = {"damstra_default": damstra_emulator.connection_json, "hr": hr.connection_json()}
    run = airflow.run(DAG_ID, {"receipts": tmp_path.as_uri()}, connections=connections)
    assert run.states == {"deliver": "failed"}
    assert "a DAG run that no event triggered needs completed_from" in run.log


def test_nightly_file_has_only_completions_that_no_earlier_file_has(
    run_dag: RunDag, damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    start = damstra_emulator.now - timedelta(days=31)
    recent = [one for one, time in completions(api).items() if time >= start]
    folder = tmp_path.as_uri()
    first = run_dag(FILE_DAG_ID, folder=folder)
    assert first.succeeded()
    assert first.returned["deliver"]["delivered"] == len(recent) > 10
    damstra_emulator.complete_lesson_schedule(30040)
    second = run_dag(FILE_DAG_ID, folder=folder)
    assert second.succeeded()
    assert second.returned["deliver"]["skipped"] == len(recent)
    file = tmp_path / second.returned["deliver"]["uri"].rpartition("/")[2]
    _, line = file.read_text("utf-8-sig").splitlines()
    assert line == f"Working at Heights,E1011,{date_in_perth(damstra_emulator)},passed"
    assert len(list(tmp_path.glob("*.csv"))) == 2


def date_in_perth(emulator: DamstraEmulator) -> str:
    return emulator.now.astimezone(ZoneInfo("Australia/Perth")).date().isoformat()
