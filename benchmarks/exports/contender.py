"""One contender in a process of its own: everything read once, and what it cost as JSON."""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import os
import resource
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic.alias_generators import to_camel

from benchmarks.exports.floor import floor
from benchmarks.exports.peers import PEERS, Peer, Rows
from benchmarks.exports.scenario import Scenario

Run = Callable[[Scenario, int, Path], int]
IMPORTS = (
    "airflow.providers.http.operators.http",
    "airflow_provider_damstra.clients.sync",
    "airflow_provider_damstra.hooks.damstra",
    "airflow_provider_damstra.endpoints.user",
    "airflow_provider_damstra.endpoints.lesson_schedule",
    "aiohttp",
    "requests",
)
"""Loaded before the start for every contender, so that an import is neither time nor memory of an export."""


class PlainUser(BaseModel):
    """A user as somebody without this provider would declare it, with the same members."""

    model_config = ConfigDict(alias_generator=to_camel, extra="allow")

    id: int
    user_name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    email_address: str | None = None
    phone_number: str | None = None
    mobile_number: str | None = None
    employee_number: str | None = None
    client_status_id: int | None = None
    groups: list[dict[str, Any]] = []
    groups_supervised: list[dict[str, Any]] = []
    roles: list[dict[str, Any]] = []
    time_zone: str | None = None
    created_date: datetime | None = None
    modified_date: datetime | None = None


def damstra(concurrency: int) -> Run:
    """Return what reads with this provider's hook."""

    def run(scenario: Scenario, port: int, target: Path) -> int:
        from airflow_provider_damstra.endpoints.user import ListUsers
        from airflow_provider_damstra.hooks.damstra import DamstraHook

        hook = DamstraHook()
        if scenario.what == "schedules":
            return _schedules(hook, scenario, concurrency, target)
        users = hook.iterate(ListUsers(), concurrency=concurrency)
        if scenario.what == "models":
            return sum(1 for _ in users)
        with target.open("w") as lines:
            return sum(1 for user in users if lines.write(user.model_dump_json(by_alias=True) + "\n"))

    return run


def _schedules(hook: Any, scenario: Scenario, concurrency: int, target: Path) -> int:
    from airflow_provider_damstra.endpoints.lesson_schedule import ListUserLessonSchedules

    def read(user: int) -> list[str]:
        rows = hook.iterate(ListUserLessonSchedules(user_id=user), concurrency=1)
        return [row.model_dump_json(by_alias=True) + "\n" for row in rows]

    count, users = 0, iter(range(1, scenario.users + 1))
    with ThreadPoolExecutor(concurrency) as pool, target.open("w") as lines:
        while some := list(islice(users, concurrency * 50)):
            for rows in pool.map(read, some):
                lines.writelines(rows)
                count += len(rows)
    return count


def peer(read: Peer) -> Run:
    """Return what reads with a peer and writes lines, or validates."""

    def run(scenario: Scenario, port: int, target: Path) -> int:
        count = 0
        users = TypeAdapter(list[PlainUser])
        with target.open("w") as lines:

            def sink(rows: Rows) -> None:
                nonlocal count
                count += len(rows)
                if scenario.what == "models":
                    users.validate_python(rows)
                else:
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
    memory, cpu, begin = _memory(), time.process_time(), time.perf_counter()
    rows = run(scenario, port, target)
    seconds = time.perf_counter() - begin
    if rows != scenario.rows:
        raise ValueError(f"{rows} rows came of {scenario.rows}")
    return {"seconds": seconds, "cpu": time.process_time() - cpu, "memory": _memory() - memory}


def _memory() -> float:
    """Return the peak of the process's memory in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure one contender and print JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("contender", choices=CONTENDERS)
    parser.add_argument("scenario", type=json.loads)
    parser.add_argument("port", type=int)
    parser.add_argument("target", type=Path)
    given = parser.parse_args()
    scenario = Scenario(**given.scenario)
    address = f"http://127.0.0.1:{given.port}"
    extra = {"max_concurrency": 32, "page_size": scenario.page_size}
    connection = {"conn_type": "damstra", "host": address, "password": "access-key", "extra": extra}
    os.environ["AIRFLOW_CONN_DAMSTRA_DEFAULT"] = json.dumps(connection)
    os.environ["AIRFLOW_CONN_HTTP_DEFAULT"] = json.dumps({"conn_type": "http", "host": address})
    # dlt would ask Airflow's database, which this process does not have, for each of its settings.
    os.environ["PROVIDERS__ENABLE_AIRFLOW_SECRETS"] = "false"
    logging.disable(logging.INFO)
    imports = (*IMPORTS, "dlt.sources.helpers.rest_client") if given.contender == "dlt" else IMPORTS
    for module in imports:
        importlib.import_module(module)
    print(json.dumps(measure(CONTENDERS[given.contender], scenario, given.port, given.target)), flush=True)


if __name__ == "__main__":
    main()
