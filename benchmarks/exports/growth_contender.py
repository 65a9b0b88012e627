"""Run one export once, and print its cost and the size of its checkpoint or state as JSON."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from airflow_provider_damstra.exports.checkpoint import Checkpoint
from airflow_provider_damstra.transfers.export import DamstraExportOperator
from benchmarks.exports.contender import IMPORTS as EXPORT_IMPORTS
from benchmarks.exports.contender import Run, damstra, measure
from benchmarks.exports.floor import floor

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.exports.scenario import Scenario

CONCURRENCY = 16
IMPORTS = (
    *EXPORT_IMPORTS,
    "airflow_provider_damstra.exports.incremental",
    "airflow_provider_damstra.task_state",
    "airflow_provider_damstra.transfers.incremental_export",
)
"""Imported before the measurement by every contender."""


class StateStores(dict[str, Any]):
    """Airflow's state stores of assets, in which each value is empty at first."""

    def __getitem__(self, _: object) -> Any:
        return SimpleNamespace(get=lambda key, default=None: self.get(key, {}), set=self.__setitem__)


def export(scenario: Scenario, port: int, target: Path) -> int:
    """Export with the operator, and record the size of its checkpoint before it is removed."""
    remove = Checkpoint.remove

    def record_size(checkpoint: Checkpoint) -> None:
        SIZES["kept"] = _total_size(target.parent, "*.checkpoint/*")
        remove(checkpoint)

    with patch.object(Checkpoint, "remove", record_size):
        return damstra(CONCURRENCY)(scenario, port, target)


def export_incrementally(scenario: Scenario, port: int, target: Path) -> int:
    """Export in two DAG runs; no row is new in the second one. Record the size of the state."""
    stores = StateStores()
    counts = [_export_run(number, scenario, target, stores) for number in (1, 2)]
    SIZES["kept"] = _total_size(target.parent, "*.versions.gz")
    if counts[1]:
        raise ValueError(f"{counts[1]} rows were new in the second export")
    return counts[0]


def _export_run(number: int, scenario: Scenario, target: Path, stores: StateStores) -> int:
    operator = DamstraExportOperator(
        task_id="export",
        resource="users",
        target_path=str(target),
        incremental=True,
        max_concurrency=CONCURRENCY,
        page_size=scenario.page_size,
    )
    context: Any = {
        "ti": SimpleNamespace(task_id="export"),
        "run_id": f"run {number}",
        "dag_run": SimpleNamespace(run_after=datetime(2026, 1, number, tzinfo=UTC)),
        "asset_state_store": stores,
    }
    rows: int = operator._execute(context)["rows"]
    return rows


def _total_size(folder: Path, pattern: str) -> float:
    """Return the size in MB of the files that match a pattern."""
    return sum(os.path.getsize(path) for path in folder.glob(pattern)) / 2**20


SIZES: dict[str, float] = {"kept": 0.0}
"""MB on disk: of the checkpoint, or of the state for the next DAG run."""

CONTENDERS: dict[str, Run] = {
    "floor": lambda scenario, port, target: floor(scenario, port, CONCURRENCY),
    "damstra": export,
    "damstra, incremental": export_incrementally,
}


def main() -> None:
    """Measure one contender."""
    measure(CONTENDERS, modules=lambda _: IMPORTS, count=lambda scenario: scenario.rows, facts=SIZES)


if __name__ == "__main__":
    main()
