"""Python blocks run as printed: tests in a fresh pytest, all others as DAG files with ``dag.test()``.

A block without a DAG shows tasks: its lines are run inside of a DAG.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.hooks.damstra import DamstraHook
from tests.airflow_compat import load_dag_bag
from tests.documentation.snippets import ROOT, Snippet, snippet_id, snippets_in
from tests.example_dags.asset_events import Event
from tests.example_dags.background import complete_lessons, in_background
from tests.transfers.completion_step import PASSED
from tests.transfers.endpoint_server import endpoint_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import requests_mock

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.example_dags.airflow_process import AirflowProcess
    from tests.postgresql import PostgreSQL

TESTS = [snippet for snippet in snippets_in("python") if snippet.has_tests]
ENDPOINTS = [snippet for snippet in snippets_in("python") if snippet.page == "architecture.md"]
DAGS = [snippet for snippet in snippets_in("python") if snippet not in (*TESTS, *ENDPOINTS)]
LOGICAL_DATE = datetime(2026, 1, 2, tzinfo=UTC)
ALL_USERS, NEW_USERS = 40, [1041, 1042]
NO_CHANGES = dict.fromkeys(
    (
        *("groups_created", "created", "updated", "reactivated", "inactivated", "moved"),
        *("supervisors_changed", "duplicate", "ambiguous", "unmatched", "protected", "unknown_manager"),
    ),
    0,
)
# An inactive member who is in no row leaves the group.
ROSTER_COUNTS = {**NO_CHANGES, "created": 1, "updated": 1, "inactivated": 1, "moved": 1}
COMPLETED = "damstra://damstra_default/lesson.schedule.completed"


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a DAG does.

    :param returned: results by task, or the members of a result that is a mapping.
    :param event: asset event that triggers the run.
    :param payload: the payload of the event; printed by a DAG that returns nothing.
    :param trainees: ids of users who complete their lessons once a task waits for them.
    """

    returned: dict[str, Any] = field(default_factory=dict)
    event: str | None = None
    payload: dict[str, Any] = field(default_factory=lambda: {"user_id": 1011})
    trainees: list[int] = field(default_factory=list)


EXPECTED = {
    "README.md, A DAG": Expected(returned={"people": NEW_USERS[:1]}, trainees=NEW_USERS[:1]),
    "start.md, 3. Your own DAG": Expected(returned={"people": NEW_USERS}, trainees=NEW_USERS),
    "operators.md, Users and lessons without ids": Expected(returned={"trained": [204]}),
    "export-files.md, Export to files": Expected(
        returned={"users": {"rows": ALL_USERS}, "schedules": {"rows": 97}}
    ),
    "calls.md, Calls as values": Expected(returned={"overdue": ["Manual Handling"]}),
    "completion-delivery.md, Deliver completed lessons to another system": Expected(
        returned={"deliver": {"delivered": 1, "skipped": 0, "failed": 0}},
        event=COMPLETED,
        payload={"user_id": 1011, "lesson_schedule_id": PASSED},
    ),
    "completion-delivery.md, To a CSV file": Expected(returned={"file": {"delivered": 32}}),
    "events.md, Events: start DAGs when something happens in Damstra": Expected(event=COMPLETED),
    "events.md, Training events": Expected(event="damstra://damstra_default/training.expired"),
    "events.md, Polling": Expected(event="apprentices_completed"),
    "events.md, Reconciliation": Expected(event=COMPLETED),
    "data-protection.md, Data that leaves the company": Expected(
        returned={"people": {"rows": ALL_USERS}, "schedules": {"failed_parent_count": 0}}
    ),
    "input-files.md, Columns of users": Expected(returned={"people": NEW_USERS}),
    "input-files.md, Columns of users (2)": Expected(returned={"people": NEW_USERS}),
    "input-files.md, Columns of users (3)": Expected(returned={"people": NEW_USERS}),
    "roster.md, Roster: the HR system as the source of truth": Expected(
        returned={"roster": {"counts": ROSTER_COUNTS}}
    ),
    "roster.md, Dry run and approval": Expected(returned={"sync": {"counts": {**NO_CHANGES, "updated": 1}}}),
    "training-gate.md, Training gate": Expected(returned={"check_training": [1016]}),
    "training-gate.md, Waiting": Expected(returned={"wait_for_training": [1016]}),
    "input-files.md, Columns of ids": Expected(returned={"schedules": {"rows": 8}}),
    "sql.md, Views": Expected(returned={"views": ["training_record", "training_status", "current_matrix"]}),
    "sql.md, Training records in a database": Expected(returned={"load_users": {"inserted": ALL_USERS}}),
    "sql.md, Keep what is gone": Expected(
        returned={"load_users": {"history_inserted": ALL_USERS}, "load_lesson_schedules": {"deleted": 0}}
    ),
    "training-matrix.md, Training matrix": Expected(returned={"matrix": {"lessons": 2}}),
    "training-requirements.md, Training requirements": Expected(returned={"status": {"rows": 60}}),
    "training-requirements.md, Schedule what is due": Expected(returned={"schedule_due": {"rows": 6}}),
}
"""A block that is not here has no test, and fails."""


@pytest.fixture
def connections(
    damstra_emulator: DamstraEmulator, postgresql: PostgreSQL, database: str
) -> Iterator[dict[str, str]]:
    """Yield the connections that the blocks use: the emulator, a database with a schema, an HTTP endpoint."""
    with postgresql.connected(database) as server:
        server.execute("CREATE SCHEMA training")
    damstra = json.loads(damstra_emulator.connection_json)
    damstra["extra"] |= {"hash_key": "0123456789abcdef" * 2}
    with endpoint_server() as endpoint:
        yield {
            "damstra_default": json.dumps(damstra),
            "postgres_default": json.dumps(postgresql.connection_fields(database)),
            "hr": endpoint.connection_json(),
        }


@pytest.mark.parametrize("snippet", DAGS, ids=snippet_id)
def test_dag_loads_as_printed(snippet: Snippet, tmp_path: Path) -> None:
    file, dag_id = write_dag(snippet, tmp_path)
    bag = load_dag_bag(file)
    assert bag.import_errors == {}
    assert bag.dags[dag_id].task_ids


@pytest.mark.parametrize("snippet", DAGS, ids=snippet_id)
def test_dag_runs_as_printed(
    snippet: Snippet,
    airflow: AirflowProcess,
    damstra_emulator: DamstraEmulator,
    connections: dict[str, str],
    tmp_path: Path,
) -> None:
    assert snippet.name in EXPECTED, f"{snippet.name}: add what this DAG does to EXPECTED"
    expected = EXPECTED[snippet.name]
    file, dag_id = write_dag(snippet, tmp_path)
    write_input_files(snippet.page, tmp_path)
    waiting = in_background(lambda: complete_lessons(damstra_emulator, expected.trainees))
    with waiting if expected.trainees else nullcontext():
        run = airflow.run(
            dag_id,
            {},
            connections=connections,
            events=[Event(asset=expected.event, payload=expected.payload)] if expected.event else [],
            file=file,
            logical_date=LOGICAL_DATE,
        )
    assert run.succeeded()
    assert set(run.states.values()) == {"success"}
    for task_id, value in expected.returned.items():
        returned = run.returned[task_id]
        assert (returned if isinstance(value, list) else {key: returned[key] for key in value}) == value
    if expected.event and not expected.returned:
        assert str(expected.payload) in run.log


def write_dag(snippet: Snippet, folder: Path) -> tuple[Path, str]:
    """Write a block to a DAG file, its lines inside of a DAG if it has none; return path and DAG id."""
    file = folder / "dag.py"
    if found := re.search(r"\bDAG\(\"(\w+)\"", snippet.text):
        return snippet.write(file), found[1]
    lines = textwrap.indent(snippet.text, "    ")
    file.write_text(f"from airflow.sdk import DAG\n\nwith DAG('snippet', schedule=None):\n{lines}")
    return file, "snippet"


def write_input_files(page: str, folder: Path) -> None:
    """Write the data files that a page shows, under the names that introduce them."""
    for snippet in snippets_in("csv", "jsonl", "yaml"):
        if snippet.page == page:
            snippet.write(folder / snippet.file_name)


@pytest.mark.parametrize("snippet", ENDPOINTS, ids=snippet_id)
def test_endpoint_can_be_called(
    snippet: Snippet, monkeypatch: pytest.MonkeyPatch, requests_mock: requests_mock.Mocker
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_DAMSTRA_DEFAULT", '{"conn_type": "damstra", "password": "access-key"}')
    requests_mock.get(
        "https://app.velpic.com/api/v2/lesson/204", json={"lessonVersionId": 6, "name": "Checks"}
    )
    names: dict[str, Any] = {"__name__": "airflow_provider_damstra.endpoints.lesson"}
    exec(compile(snippet.text, snippet.name, "exec", dont_inherit=True), names)  # noqa: S102 (our own page)
    assert DamstraHook().call(names["GetLesson"](lesson_id=204)).name == "Checks"


def test_tests_pass_as_printed(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    for number, snippet in enumerate(TESTS):
        snippet.write(tmp_path / f"test_{number}.py")
        write_input_files(snippet.page, tmp_path)
    # Only the plugins that the page names: the others take seconds to import.
    options = ["-q", "-p", "damstra", "-p", "requests_mock"]
    # Warnings are errors, unless this run ignores those of an older Airflow (make compat).
    options += [f"-W{rule}" for rule in request.config.getoption("pythonwarnings") or ["error"]]
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": str(ROOT),
    }
    environment.pop("AIRFLOW_CONN_DAMSTRA_DEFAULT", None)
    result = subprocess.run(  # noqa: S603 (our own pages)
        [sys.executable, "-m", "pytest", *options, str(tmp_path)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    count = sum(snippet.text.count("\ndef test_") for snippet in TESTS)
    assert f"{count} passed" in result.stdout, result.stdout + result.stderr


def test_all_blocks_are_found() -> None:
    assert {snippet.page for snippet in TESTS} == {"emulator-teams.md", "emulator.md", "testing.md"}
    assert EXPECTED.keys() == {snippet.name for snippet in DAGS}
