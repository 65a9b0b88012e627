"""Run one contender once and print its cost as JSON."""

from __future__ import annotations

import argparse
import importlib
import json
from pathlib import Path

from benchmarks.exports.contender import IMPORTS as EXPORT_IMPORTS
from benchmarks.measuring import connect, cost
from benchmarks.people.operators import OPERATORS, Stored
from benchmarks.people.replay import floor, requests_loop
from benchmarks.people.scenario import Scenario, write_extract

CONCURRENCY = 16
IMPORTS = (
    *EXPORT_IMPORTS,
    "airflow_provider_damstra.endpoints",
    "airflow_provider_damstra.exports.training_matrix.page",
    "airflow_provider_damstra.exports.training_matrix.reading",
    "airflow_provider_damstra.exports.training_matrix.requirement_status",
    "airflow_provider_damstra.operators.lesson",
    "airflow_provider_damstra.operators.roster",
    "airflow_provider_damstra.operators.user",
    "airflow_provider_damstra.requirements.resolution",
    "airflow_provider_damstra.requirements.rules_file",
    "airflow_provider_damstra.services.lesson",
    "airflow_provider_damstra.services.roster.apply",
    "airflow_provider_damstra.services.roster.differences",
    "airflow_provider_damstra.services.user_import.parsing",
    "airflow_provider_damstra.services.user_import.upsert",
    "airflow_provider_damstra.transfers.training_matrix",
)
"""Imported before the measurement of an operator: the modules of a process that runs a task, and ours."""

CONTENDERS = ("damstra", "floor", "requests")


def run(contender: str, scenario: Scenario, port: int, target: Path) -> dict[str, float]:
    """Return what it cost a contender to serve all people, with the bytes that it stored."""
    stored = Stored()
    extract = target.with_suffix(".csv")
    if scenario.task == "schedule":
        extract.write_text(json.dumps([*range(1, scenario.people + 1)]))
    else:
        write_extract(extract, scenario)
    work = {
        "damstra": lambda: OPERATORS[scenario.task](stored, extract, target),
        "floor": lambda: floor(scenario, port, CONCURRENCY),
        "requests": lambda: requests_loop(scenario, port),
    }[contender]
    paid = cost(work, rows=scenario.people)
    file = target.stat().st_size if target.exists() else 0
    return {**paid, "state": stored.state, "xcoms": stored.xcoms, "file": file}


def main() -> None:
    """Measure one contender."""
    parser = argparse.ArgumentParser()
    parser.add_argument("contender", choices=CONTENDERS)
    parser.add_argument("scenario", type=json.loads)
    parser.add_argument("port", type=int)
    parser.add_argument("target", type=Path)
    given = parser.parse_args()
    connect(given.port, max_concurrency=CONCURRENCY)
    if given.contender == "damstra":
        for module in IMPORTS:
            importlib.import_module(module)
        # Loads Airflow's plugins, which a worker has loaded before a task begins.
        importlib.import_module("airflow.sdk.lineage").get_hook_lineage_collector()
    print(json.dumps(run(given.contender, Scenario(**given.scenario), given.port, given.target)), flush=True)


if __name__ == "__main__":
    main()
