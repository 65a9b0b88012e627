"""Example DAGs as Trigger starts them in the demonstration: with the prefilled parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from airflow.dag_processing.dagbag import DagBag

from demo.example_dags import copy_dag, write_input_files

if TYPE_CHECKING:
    from pathlib import Path

    from tests.example_dags.conftest import RunDag

WITHOUT_WAITING = (
    "example_damstra_completion_file",
    "example_damstra_group_sync",
    "example_damstra_kiosk",
    "example_damstra_lake_export",
    "example_damstra_offboarding",
    "example_damstra_paper_records",
    "example_damstra_recertification",
    "example_damstra_roster",
    "example_damstra_roster_approval",
    "example_damstra_training_matrix",
)
"""Example DAGs that nothing else has to happen for, such as an event or a completed lesson."""


@pytest.mark.parametrize("dag_id", WITHOUT_WAITING)
def test_dag_run_with_prefilled_parameters_succeeds(dag_id: str, run_dag: RunDag, tmp_path: Path) -> None:
    files = tmp_path / "files"
    write_input_files(files)
    copy_dag(dag_id, tmp_path, files=files)
    dag = DagBag(tmp_path / f"{dag_id}.py").dags[dag_id]
    prefilled = {name: dag.params[name] for name in dag.params}
    assert run_dag(dag_id, **prefilled).succeeded()
