"""One contender in a process of its own: all waits in one event loop, and what it measured as JSON."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import time
from collections.abc import Callable
from typing import Any

from airflow_provider_damstra.hooks.damstra import DamstraHook
from benchmarks.measuring import connect, peak_memory
from benchmarks.waits.scenario import Scenario

TICK = 0.05
Waiting = Callable[[int], Any]


def damstra(scenario: Scenario) -> Waiting:
    """Return what makes this provider's trigger for one lesson schedule."""
    from airflow_provider_damstra.triggers.wait import DamstraWaitTrigger

    return lambda schedule: DamstraWaitTrigger(
        condition="LessonScheduleCondition",
        damstra_conn_id="damstra_default",
        poll_interval=scenario.interval,
        # As every deferred sensor has one.
        deadline=time.time() + 14 * 86400 + schedule,
        lesson_schedule_ids=[schedule],
        owners={str(schedule): scenario.user_of(schedule)},
    )


def http_sensor(scenario: Scenario) -> Waiting:
    """Return what makes Airflow's HttpSensorTrigger for one lesson schedule."""
    from airflow.providers.http.triggers.http import HttpSensorTrigger

    return lambda schedule: HttpSensorTrigger(endpoint=f"done/{schedule}", poke_interval=scenario.interval)


CONTENDERS = {"damstra": damstra, "http_sensor": http_sensor}


async def measure(scenario: Scenario, waiting: Waiting) -> dict[str, Any]:
    """Return what it cost to see every completion, and how late each was seen."""
    lags: list[tuple[float, float]] = []
    # What the first client of a process imports is no memory of waits.
    async with DamstraHook().async_client():
        pass
    collection = _full_collection()
    collections = FullCollections()
    ticker = asyncio.create_task(_tick(lags, collections.halts))
    memory, cpu = peak_memory(), time.process_time()
    tasks = []
    for schedule in range(1, scenario.waits + 1):
        # As the triggerer does.
        await asyncio.sleep(0)
        tasks.append(asyncio.create_task(_wait(scenario, waiting, schedule)))
    seen = await asyncio.gather(*tasks)
    ticker.cancel()
    return {
        "cpu": time.process_time() - cpu,
        "memory": peak_memory() - memory,
        "lag": max(lag for lag, _ in lags),
        "lag_besides": max(besides for _, besides in lags),
        "collections": collections.stop(),
        "collection": collection,
        "late": sorted(seen),
    }


async def _wait(scenario: Scenario, waiting: Waiting, schedule: int) -> float:
    async for _ in waiting(schedule).run():
        break
    return time.time() - scenario.completed_at[schedule - 1]


async def _tick(lags: list[tuple[float, float]], halts: list[float]) -> None:
    """Note how late the loop is, each time, and how late without full collections."""
    while True:
        before, halted = time.perf_counter(), sum(halts)
        await asyncio.sleep(TICK)
        lag = time.perf_counter() - before - TICK
        lags.append((lag, lag - (sum(halts) - halted)))


class FullCollections:
    """The seconds for which each full collection of Python's collector halted the loop."""

    def __init__(self) -> None:
        self._begun = 0.0
        self.halts: list[float] = []
        gc.callbacks.append(self._note)

    def _note(self, phase: str, info: dict[str, int]) -> None:
        now = time.perf_counter()
        if info["generation"] == 2 and phase == "start":
            self._begun = now
        elif info["generation"] == 2:
            self.halts.append(now - self._begun)

    def stop(self) -> list[float]:
        gc.callbacks.remove(self._note)
        return self.halts


def _full_collection() -> float:
    """Return the seconds for which Python's collector halts the loop before there is a single wait."""
    before = time.perf_counter()
    gc.collect()
    return time.perf_counter() - before


def main() -> None:
    """Measure one contender and print JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("contender", choices=CONTENDERS)
    parser.add_argument("scenario", type=json.loads)
    parser.add_argument("port", type=int)
    given = parser.parse_args()
    scenario = Scenario(**given.scenario)
    connect(given.port, max_concurrency=16)
    waiting = CONTENDERS[given.contender](scenario)
    waiting(1)
    print(json.dumps(asyncio.run(measure(scenario, waiting))), flush=True)


if __name__ == "__main__":
    main()
