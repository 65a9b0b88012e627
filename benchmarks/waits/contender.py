"""One contender in its own process: runs all triggers in one event loop and prints measurements as JSON."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from airflow_provider_damstra.hooks.damstra import DamstraHook
from benchmarks.measuring import connect, peak_memory
from benchmarks.waits.scenario import Scenario

TICK = 0.05


@dataclass(frozen=True)
class Wait:
    """A trigger that is created when its time has come, and when the event that it waits for happens."""

    create: Callable[[], Any]
    over_at: float


def _wait_for_each(scenario: Scenario, create_trigger: Callable[[int], Any]) -> list[Wait]:
    """Return a wait for each lesson schedule."""
    ids = enumerate(scenario.completed_at, start=1)
    return [Wait(partial(create_trigger, schedule), over_at=over_at) for schedule, over_at in ids]


def damstra_waits(scenario: Scenario) -> list[Wait]:
    """Return this provider's triggers."""
    from airflow_provider_damstra.triggers.wait import DamstraWaitTrigger

    return _wait_for_each(
        scenario,
        lambda schedule: DamstraWaitTrigger(
            condition="LessonScheduleCondition",
            damstra_conn_id="damstra_default",
            poll_interval=scenario.interval,
            # Every deferred sensor sets one.
            deadline=time.time() + 14 * 86400 + schedule,
            lesson_schedule_ids=[schedule],
            users_by_schedule={str(schedule): scenario.user_of(schedule)},
        ),
    )


def http_sensor_waits(scenario: Scenario) -> list[Wait]:
    """Return Airflow's HttpSensorTriggers."""
    from airflow.providers.http.triggers.http import HttpSensorTrigger

    return _wait_for_each(
        scenario,
        lambda schedule: HttpSensorTrigger(endpoint=f"done/{schedule}", poke_interval=scenario.interval),
    )


CONTENDERS = {"damstra": damstra_waits, "http_sensor": http_sensor_waits}


async def measure(waits: Sequence[Wait]) -> dict[str, Any]:
    """Wait for all events, and return CPU time, memory, lag of the loop, and the delay of each event."""
    lags: list[tuple[float, float]] = []
    # The imports of the first client are not part of the triggers' memory.
    async with DamstraHook().async_client():
        pass
    collection = _full_collection()
    collections = FullCollections()
    monitor = asyncio.create_task(_monitor_lag(lags, collections.pauses))
    memory, cpu = peak_memory(), time.process_time()
    tasks = []
    for wait in waits:
        # As the triggerer does.
        await asyncio.sleep(0)
        tasks.append(asyncio.create_task(_delay(wait)))
    delays = await asyncio.gather(*tasks)
    monitor.cancel()
    return {
        "cpu": time.process_time() - cpu,
        "memory": peak_memory() - memory,
        "lag": max(lag for lag, _ in lags),
        "lag_without_collections": max(without for _, without in lags),
        "collections": collections.stop(),
        "collection": collection,
        "delays": sorted(delays),
    }


async def _delay(wait: Wait) -> float:
    async for _ in wait.create().run():
        break
    return time.time() - wait.over_at


async def _monitor_lag(lags: list[tuple[float, float]], pauses: list[float]) -> None:
    """Record the lag of the event loop, in total and without full garbage collections."""
    while True:
        before, paused = time.perf_counter(), sum(pauses)
        await asyncio.sleep(TICK)
        lag = time.perf_counter() - before - TICK
        lags.append((lag, lag - (sum(pauses) - paused)))


class FullCollections:
    """Records the duration of each full garbage collection, in seconds."""

    def __init__(self) -> None:
        self._started_at = 0.0
        self.pauses: list[float] = []
        gc.callbacks.append(self._record)

    def _record(self, phase: str, info: dict[str, int]) -> None:
        now = time.perf_counter()
        if info["generation"] == 2 and phase == "start":
            self._started_at = now
        elif info["generation"] == 2:
            self.pauses.append(now - self._started_at)

    def stop(self) -> list[float]:
        gc.callbacks.remove(self._record)
        return self.pauses


def _full_collection() -> float:
    """Return the duration of a full garbage collection without triggers, in seconds."""
    before = time.perf_counter()
    gc.collect()
    return time.perf_counter() - before


def main() -> None:
    """Measure one contender and print JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("contender", choices=CONTENDERS)
    parser.add_argument("scenario", type=json.loads)
    parser.add_argument("port", type=int)
    args = parser.parse_args()
    scenario = Scenario(**args.scenario)
    connect(args.port, max_concurrency=16)
    waits = CONTENDERS[args.contender](scenario)
    waits[0].create()
    print(json.dumps(asyncio.run(measure(waits))), flush=True)


if __name__ == "__main__":
    main()
