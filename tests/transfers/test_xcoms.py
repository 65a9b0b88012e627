"""Parts of a result as XComs of their own: a task that takes one runs after the task that pushed it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from airflow.sdk import DAG

from airflow_provider_damstra.operators.call import DamstraCallOperator
from airflow_provider_damstra.operators.lesson import DamstraDownloadCertificateOperator
from airflow_provider_damstra.transfers.completion_delivery import DamstraDeliverCompletionsOperator
from airflow_provider_damstra.transfers.export import DamstraExportOperator
from airflow_provider_damstra.transfers.to_sql import DamstraToSqlOperator
from airflow_provider_damstra.transfers.training_matrix import DamstraTrainingMatrixOperator
from tests.documentation.snippets import snippets_in
from tests.emulator.api_client import PIT_CREW_A
from tests.operators.lesson_session_cases import COMPLETED_SCHEDULE
from tests.operators.task_runner import StateStore, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow.sdk import BaseOperator

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.transfers.databases import Database

FILE, TARGET = ["path", "rows", "sha256"], ["rows", "sha256", "uri"]
CASES: list[tuple[Callable[..., BaseOperator], dict[str, str], list[str]]] = [
    (partial(DamstraExportOperator, resource="users"), {"target_path": "users.jsonl"}, TARGET),
    (
        partial(DamstraExportOperator, resource="users", incremental=True, find_deleted=True),
        {"target_path": "users.jsonl"},
        ["deleted_uri", *TARGET],
    ),
    (partial(DamstraTrainingMatrixOperator, group_id=PIT_CREW_A), {"target_path": "m.html"}, TARGET[1:]),
    (
        partial(DamstraDownloadCertificateOperator, lesson_schedule_id=COMPLETED_SCHEDULE),
        {"path": "1.pdf"},
        ["path", "sha256"],
    ),
    (
        partial(DamstraDeliverCompletionsOperator, lesson_schedule_ids=COMPLETED_SCHEDULE),
        {"target_path": "{{ run_id }}.csv", "receipt_path": "receipts"},
        ["delivered", "failed", "sha256", "skipped", "uri"],
    ),
    (partial(DamstraCallOperator, endpoint="ListUsers"), {"path": "users.jsonl"}, FILE),
]


@pytest.mark.needs_airflow("3.2")  # older assets cannot be keys of a dictionary
@pytest.mark.parametrize(("operator", "path", "keys"), CASES)
def test_parts_of_file_result_are_xcoms(
    operator: Callable[..., BaseOperator],
    path: dict[str, str],
    keys: list[str],
    damstra_emulator: DamstraEmulator,
    tmp_path: Path,
) -> None:
    task = operator(task_id="step", **{name: str(tmp_path / value) for name, value in path.items()})
    outcome = run(task, run_id="a", asset_state_store={asset: StateStore() for asset in task.inlets})
    assert sorted(outcome.xcoms) == keys
    assert outcome.xcoms == {key: outcome.value[key] for key in keys}


def test_parts_of_table_result_are_xcoms(damstra_emulator: DamstraEmulator, on_sqlite: Database) -> None:
    task = DamstraToSqlOperator(task_id="load", resource="groups", sql_conn_id="warehouse", table="crews")
    assert run(task).xcoms == {"table": "crews", "rows": 7}


def test_readme_export_of_schedules_runs_after_export_of_their_users() -> None:
    (snippet,) = (one for one in snippets_in("python") if "users.output" in one.text)
    with DAG("nightly", schedule=None) as dag:
        exec(snippet.text, {})  # noqa: S102 (our documentation)
    assert dag.get_task("schedules").upstream_task_ids == {"users"}
