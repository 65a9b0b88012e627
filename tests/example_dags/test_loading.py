"""The example DAGs load quickly and without warnings, and use every operator and sensor."""

from __future__ import annotations

import ast
import importlib
import json
import os
import pkgutil
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra import operators, sensors, transfers
from airflow_provider_damstra.operators.base import DamstraOperator
from airflow_provider_damstra.sensors.base import DamstraSensor
from tests.airflow_compat import BEFORE_3_2
from tests.example_dags.airflow_process import DAGS

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

ALL_FILES = set(DAGS.glob("*.py"))
# Approvals need Airflow 3.1, and their timeout a later standard provider.
WITH_APPROVAL = {DAGS / f"example_damstra_{name}.py" for name in ("cancelled_schedule", "roster_approval")}
UNSUPPORTED = WITH_APPROVAL if BEFORE_3_2 else set()
FILES = sorted(ALL_FILES - UNSUPPORTED)
HEAVY = {"requests", "aiohttp", "fastapi", "uvicorn", "airflow_provider_damstra.endpoints"}

LOAD = """
import json, sys
from tests.airflow_compat import load_dag_bag

bag = load_dag_bag(sys.argv[1])
dags = {
    dag.dag_id: {
        "file": dag.fileloc,
        "doc_md": dag.doc_md,
        "tags": sorted(dag.tags),
        "retries": min(task.retries for task in dag.tasks if task.task_id != "sync_members"),
        "classes": sorted({getattr(task, "operator_class", type(task)).__name__ for task in dag.tasks}),
    }
    for dag in bag.dags.values()
    if dag.fileloc.startswith(sys.argv[1])
}
warnings = {
    file: list(texts) for file, texts in bag.captured_warnings.items() if file.startswith(sys.argv[1])
}
print(json.dumps({"dags": dags, "errors": bag.import_errors, "warnings": warnings}))
"""

IMPORT = """
import json, runpy, sys
import airflow.sdk

loaded = {}
for file in sys.argv[1:]:
    before = set(sys.modules)
    runpy.run_path(file)
    loaded[file] = sorted(set(sys.modules) - before)
print(json.dumps(loaded))
"""


def _in_process(home: Path, *arguments: str) -> Any:
    """Return the JSON in the last output line of a new Python process."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    # With Airflow's own examples, whose listener disables end_from_trigger.
    environment |= {"AIRFLOW_HOME": str(home), "PYTHONPATH": str(DAGS.parent)}
    process = subprocess.run(  # noqa: S603 (constant arguments)
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the content of Airflow's DagBag for the folder."""
    found: dict[str, Any] = _in_process(tmp_path_factory.mktemp("bag"), "-c", LOAD, str(DAGS))
    return found


def test_all_files_load_without_warning(bag: dict[str, Any]) -> None:
    assert (bag["errors"].keys(), bag["warnings"]) == ({str(file) for file in UNSUPPORTED}, {})
    assert all(re.search(r"needs Airflow 3\.1|response_timeout", why) for why in bag["errors"].values())
    assert {dag_id: dag["file"] for dag_id, dag in bag["dags"].items()} == {
        file.stem: str(file) for file in FILES
    }


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_dag_has_docs_tags_and_retries(bag: dict[str, Any], file: Path) -> None:
    dag = bag["dags"][file.stem]
    assert file.read_text().startswith(f'"""{dag["doc_md"]}"""')
    assert dag["tags"] == ["damstra", "example"]
    assert dag["retries"] == 2


@pytest.mark.needs_airflow("3.3")  # older ones load more, and warn of themselves
def test_loading_imports_no_heavy_module(tmp_path: Path) -> None:
    loaded = _in_process(tmp_path, "-W", "error", "-c", IMPORT, *map(str, FILES))
    assert {file: HEAVY & set(modules) for file, modules in loaded.items()} == {
        str(file): set() for file in FILES
    }


def test_every_operator_and_sensor_is_used(bag: dict[str, Any]) -> None:
    used = {name for dag in bag["dags"].values() for name in dag["classes"]}
    public = _public(operators, DamstraOperator) | _public(sensors, DamstraSensor)
    public |= _public(transfers, DamstraOperator)
    assert len(public) > 30
    assert public - used == set()


def _public(package: ModuleType, base: type) -> set[str]:
    """Return the names of the public classes of a package."""
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    values = [value for one in found for value in vars(importlib.import_module(one.name)).values()]
    classes = {value for value in values if isinstance(value, type) and issubclass(value, base)} - {base}
    return {one.__name__ for one in classes if one.__name__.startswith("Damstra")}


@pytest.mark.parametrize(
    "name", ["site_access", "recertification", "roster", "completion_delivery", "completion_file"]
)
def test_example_is_short_and_calls_no_hook_itself(name: str) -> None:
    text = (DAGS / f"example_damstra_{name}.py").read_text()
    (block,) = (node for node in ast.parse(text).body if isinstance(node, ast.With))
    assert sum((node.end_lineno or 0) - node.lineno + 1 for node in block.body) <= 25
    assert "Hook" not in text
