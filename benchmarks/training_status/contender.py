"""Run one contender once and print its cost as JSON."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from benchmarks.exports.contender import IMPORTS as EXPORT_IMPORTS
from benchmarks.exports.contender import Run, measure
from benchmarks.exports.floor import floor
from benchmarks.training_status.server import LESSON_IDS

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.exports.scenario import Scenario

IMPORTS = (
    *EXPORT_IMPORTS,
    "airflow_provider_damstra.exports.training_status.evaluation",
    "airflow_provider_damstra.exports.training_status.rows",
    "airflow_provider_damstra.exports.training_status.trainees",
    "airflow_provider_damstra.requirements.resolution",
    "airflow_provider_damstra.requirements.rules_file",
    "airflow_provider_damstra.transfers.training_status",
)
"""Imported before the measurement by every contender."""


def damstra(concurrency: int) -> Run:
    """Return a run of the status operator with five requirements for each person."""

    def run(scenario: Scenario, port: int, target: Path) -> int:
        from airflow_provider_damstra.transfers.training_status import DamstraTrainingStatusOperator

        rule = {
            "lessons": list(LESSON_IDS),
            "all": True,
            "valid_for": "12 months",
            "warn_before": "30 days",
        }
        operator = DamstraTrainingStatusOperator(
            task_id="status",
            requirements=[rule],
            at="2026-03-01T00:00:00+08:00",
            target_path=str(target),
            max_concurrency=concurrency,
        )
        context: Any = {"ti": SimpleNamespace(task_id="status")}
        rows: int = operator._execute(context)["rows"]
        return rows // len(LESSON_IDS)

    return run


def _floor(concurrency: int) -> Run:
    """Return a run that sends the same requests for schedules, without parsing the responses."""

    def run(scenario: Scenario, port: int, target: Path) -> int:
        if floor(scenario, port, concurrency) != scenario.rows:
            raise ValueError("rows are missing")
        return scenario.users

    return run


CONTENDERS: dict[str, Run] = {
    f"{name} x{concurrency}": make(concurrency)
    for concurrency in (16, 32)
    for name, make in (("floor", _floor), ("damstra", damstra))
}


def main() -> None:
    """Measure one contender."""
    measure(CONTENDERS, modules=lambda _: IMPORTS, count=lambda scenario: scenario.users)


if __name__ == "__main__":
    main()
