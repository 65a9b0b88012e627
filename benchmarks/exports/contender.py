"""One contender in a process of its own: everything read once, and what it cost as JSON."""

from __future__ import annotations

import argparse
import importlib
import json
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.exports.floor import floor
from benchmarks.exports.peers import PEERS, Peer, Rows
from benchmarks.exports.scenario import Scenario
from benchmarks.measuring import connect, peak_memory

Run = Callable[[Scenario, int, Path], int]
IMPORTS = (
    "airflow.providers.http.operators.http",
    "airflow_provider_damstra.exports.files",
    "airflow_provider_damstra.clients.sync",
    "airflow_provider_damstra.hooks.connection",
    "airflow_provider_damstra.hooks.metrics",
    "airflow_provider_damstra.storage",
    "airflow_provider_damstra.transfers.export",
    "aiohttp",
    "urllib3",
    "requests",
)
"""Loaded before the start for every contender, so that an import is neither time nor memory of an export."""


def damstra(concurrency: int) -> Run:
    """Return what exports with this provider's operator."""

    def run(scenario: Scenario, port: int, target: Path) -> int:
        from airflow_provider_damstra.transfers.export import DamstraExportOperator

        is_fan_out = scenario.what == "schedules"
        operator = DamstraExportOperator(
            task_id="export",
            resource="lesson_schedules" if is_fan_out else "users",
            parent_ids=range(1, scenario.users + 1) if is_fan_out else None,
            target_path=str(target),
            max_concurrency=concurrency,
            page_size=scenario.page_size,
        )
        rows: int = operator.act({})["rows"]
        return rows

    return run


def peer(read: Peer) -> Run:
    """Return what reads with a peer and writes lines."""

    def run(scenario: Scenario, port: int, target: Path) -> int:
        count = 0
        with target.open("w") as lines:

            def sink(rows: Rows) -> None:
                nonlocal count
                count += len(rows)
                lines.writelines(json.dumps(row) + "\n" for row in rows)

            read(scenario, f"http://127.0.0.1:{port}", sink)
        return count

    return run


def _floor(concurrency: int) -> Run:
    return lambda scenario, port, target: floor(scenario, port, concurrency)


CONTENDERS: dict[str, Run] = {
    **{f"floor x{concurrency}": _floor(concurrency) for concurrency in (16, 32)},
    **{f"damstra x{concurrency}": damstra(concurrency) for concurrency in (16, 32)},
    **{name: peer(read) for name, read in PEERS.items()},
}


def measure(run: Run, scenario: Scenario, port: int, target: Path) -> dict[str, float]:
    """Return what it cost to read every row.

    :raises ValueError: if rows are missing, or came twice.
    """
    memory, cpu, begin = peak_memory(), time.process_time(), time.perf_counter()
    rows = run(scenario, port, target)
    seconds = time.perf_counter() - begin
    if rows != scenario.rows:
        raise ValueError(f"{rows} rows came of {scenario.rows}")
    return {"seconds": seconds, "cpu": time.process_time() - cpu, "memory": peak_memory() - memory}


def main() -> None:
    """Measure one contender and print JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("contender", choices=CONTENDERS)
    parser.add_argument("scenario", type=json.loads)
    parser.add_argument("port", type=int)
    parser.add_argument("target", type=Path)
    given = parser.parse_args()
    connect(given.port)
    for module in IMPORTS:
        importlib.import_module(module)
    # A worker has loaded Airflow's plugins before a task begins; here the first file opened would do it.
    importlib.import_module("airflow.sdk.lineage").get_hook_lineage_collector()
    scenario = Scenario(**given.scenario)
    print(json.dumps(measure(CONTENDERS[given.contender], scenario, given.port, given.target)), flush=True)


if __name__ == "__main__":
    main()
