"""Run one contender once and print its cost as JSON."""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import msgspec

from benchmarks.exports.floor import bodies, floor, targets_of
from benchmarks.exports.peers import PEERS, Peer, Rows
from benchmarks.exports.scenario import Scenario
from benchmarks.measuring import connect, cost

Run = Callable[[Scenario, int, Path], int]
IMPORTS = (
    "airflow.dag_processing.dagbag",
    "airflow.providers.http.operators.http",
    "airflow.sdk.execution_time.execute_workload",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "airflow_provider_damstra.clients.client",
    "airflow_provider_damstra.exports.checkpoint",
    "airflow_provider_damstra.exports.formats",
    "airflow_provider_damstra.exports.reader",
    "airflow_provider_damstra.exports.resources",
    "airflow_provider_damstra.clients.async_client",
    "airflow_provider_damstra.hooks.connection",
    "airflow_provider_damstra.hooks.metrics",
    "airflow_provider_damstra.storage",
    "airflow_provider_damstra.transfers.export",
    "airflow_provider_damstra.transfers.resume",
    "aiohttp",
    "requests",
    "upath.implementations.local",
)
"""Imported before the measurement by every contender: the modules of a process that runs a task, and ours.

Imports are then neither time nor memory of an export, and garbage collections take the same time for all.
"""


def damstra(concurrency: int) -> Run:
    """Return a run of this provider's export operator (lines), or of its hook (models)."""

    def run(scenario: Scenario, port: int, target: Path) -> int:
        as_lines = scenario.rows_as == "lines"
        return _export(scenario, concurrency, target) if as_lines else _iterate(scenario, concurrency)

    return run


def _export(scenario: Scenario, concurrency: int, target: Path) -> int:
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
    context: Any = {"ti": SimpleNamespace(task_id="export")}
    rows: int = operator._execute(context)["rows"]
    return rows


def _iterate(scenario: Scenario, concurrency: int) -> int:
    from airflow_provider_damstra.endpoints.user import ListUsers
    from airflow_provider_damstra.hooks.damstra import DamstraHook

    hook = DamstraHook()
    with hook.create_client(max_concurrency=concurrency, page_size=scenario.page_size) as client:
        return sum(1 for _ in client.iterate(ListUsers()))


class Slices(msgspec.Struct):
    """The rows of a page as slices of its JSON."""

    results: list[msgspec.Raw]


def slices(scenario: Scenario, port: int, target: Path) -> int:
    """Validate each row as a model, from pages that were read from a raw socket, and return their number."""
    from airflow_provider_damstra.models.user import User

    decoder, count = msgspec.json.Decoder(Slices), 0
    for body in bodies(targets_of(scenario), port):
        for row in decoder.decode(body).results:
            User.model_validate_json(bytes(row))
            count += 1
    return count


def peer(read: Peer) -> Run:
    """Return a run that reads with another library, and writes lines or validates a whole page of models.

    This provider validates one row at a time and drops it. The more objects are alive, the longer a garbage
    collection takes; workers of a LocalExecutor freeze their heap, so that whole pages cost less there.
    """

    def run(scenario: Scenario, port: int, target: Path) -> int:
        from pydantic import TypeAdapter

        from airflow_provider_damstra.models.user import User

        users = TypeAdapter(list[User])
        count = 0
        with target.open("w") as lines:

            def sink(rows: Rows) -> None:
                nonlocal count
                count += len(rows)
                if scenario.rows_as == "lines":
                    lines.writelines(json.dumps(row) + "\n" for row in rows)
                else:
                    users.validate_python(rows)

            read(scenario, f"http://127.0.0.1:{port}", sink)
        return count

    return run


def _floor(concurrency: int) -> Run:
    return lambda scenario, port, target: floor(scenario, port, concurrency)


CONTENDERS: dict[str, Run] = {
    **{f"floor x{concurrency}": _floor(concurrency) for concurrency in (16, 32)},
    **{f"damstra x{concurrency}": damstra(concurrency) for concurrency in (16, 32)},
    "slices": slices,
    **{name: peer(read) for name, read in PEERS.items()},
}


def measure(
    contenders: Mapping[str, Run],
    *,
    modules: Callable[[str], Iterable[str]],
    count: Callable[[Scenario], int],
    facts: Mapping[str, float] = MappingProxyType({}),
) -> None:
    """Measure the contender that the command line names, and print its cost as JSON.

    :param modules: returns what a contender imports before it is measured.
    :param count: returns the number of rows, or of people, by which the cost is divided.
    :param facts: what the contender records besides the cost.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("contender", choices=contenders)
    parser.add_argument("scenario", type=json.loads)
    parser.add_argument("port", type=int)
    parser.add_argument("target", type=Path)
    given = parser.parse_args()
    connect(given.port)
    for module in modules(given.contender):
        importlib.import_module(module)
    # Loads Airflow's plugins, which a worker has loaded before a task begins.
    importlib.import_module("airflow.sdk.lineage").get_hook_lineage_collector()
    scenario = Scenario(**given.scenario)
    run = contenders[given.contender]
    paid = cost(lambda: run(scenario, given.port, given.target), rows=count(scenario))
    print(json.dumps({**paid, **facts}), flush=True)


def _modules(contender: str) -> tuple[str, ...]:
    return (*IMPORTS, "dlt.sources.helpers.rest_client") if contender == "dlt" else IMPORTS


def main() -> None:
    """Measure one contender."""
    measure(CONTENDERS, modules=_modules, count=lambda scenario: scenario.rows)


if __name__ == "__main__":
    main()
