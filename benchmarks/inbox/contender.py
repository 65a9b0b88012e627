"""Fill a new database, run every operation on it, and print the cost of an event as JSON."""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import time
from functools import partial
from typing import TYPE_CHECKING

import psycopg

from airflow_provider_damstra.webhooks.database import get_engine
from benchmarks.inbox.database import blocks_read, create_tables, fill, recorded_statements
from benchmarks.inbox.floor import FLOORS
from benchmarks.inbox.operations import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

Measured = dict[str, float]
ROUNDS = 3


def measure(run: Callable[[int], int], events: int) -> Measured:
    """Return the milliseconds for each event, the median of some rounds.

    :param events: events of a round.
    :raises ValueError: if events were not processed.
    """
    rounds = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        count = run(events)
        rounds.append(1000 * (time.perf_counter() - begin) / max(count, 1))
        if count < events:
            raise ValueError(f"{count} events were processed of {events}")
    return {"milliseconds": statistics.median(rounds)}


def measure_blocks(engine: Engine, run: Callable[[int], int]) -> Measured:
    """Return how many blocks the queries and updates of one event touch; events have to be left for it."""
    with recorded_statements(engine) as statements:
        count = run(5)
    # An insert cannot be repeated: its key exists.
    repeatable = [one for one in statements if one[0].startswith(("SELECT", "UPDATE", "DELETE"))]
    return {"blocks": sum(blocks_read(engine, one) for one in repeatable) / count}


def measure_operations(engine: Engine, events: int) -> dict[str, Measured]:
    """Return the cost of an event in each operation."""
    return {name: {**measure(run, events), **measure_blocks(engine, run)} for name, run in OPERATIONS.items()}


def measure_floors(connection: psycopg.Connection, events: int) -> dict[str, Measured]:
    """Return the cost of an event with bare statements."""
    return {name: measure(partial(run, connection), events) for name, run in FLOORS.items()}


def main() -> None:
    """Measure the operations or their floors."""
    parser = argparse.ArgumentParser()
    parser.add_argument("contender", choices=("damstra", "floor"))
    parser.add_argument("rows", type=int)
    parser.add_argument("events", type=int)
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    engine = get_engine()
    create_tables(engine)
    fill(engine, given.rows)
    if given.contender == "damstra":
        found = measure_operations(engine, given.events)
    else:
        address = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(address, autocommit=True) as connection:
            found = measure_floors(connection, given.events)
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
