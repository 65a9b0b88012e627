"""One contender in its own process: waits until all people have completed their lesson, and prints JSON."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from airflow_provider_damstra.requirements.gate import Candidate
from airflow_provider_damstra.requirements.serialization import dump_candidates
from airflow_provider_damstra.requirements.status import Requirement
from benchmarks.measuring import connect
from benchmarks.waits.contender import Wait, damstra_waits, measure
from benchmarks.waits.scenario import Scenario
from benchmarks.waits.server import ROW

if TYPE_CHECKING:
    from collections.abc import Callable


def schedules(scenario: Scenario) -> dict[str, Any]:
    """Return the condition that the schedules of all people are completed."""
    users = {str(one): scenario.user_of(one) for one in range(1, scenario.waits + 1)}
    return {
        "condition": "LessonScheduleCondition",
        "lesson_schedule_ids": list(map(int, users)),
        "users_by_schedule": users,
    }


def group(scenario: Scenario) -> dict[str, Any]:
    """Return the condition that all members of a group have completed the lesson."""
    return {"condition": "GroupLessonCondition", "group_id": 1, "lesson_id": ROW["lessonId"]}


def gate(scenario: Scenario) -> dict[str, Any]:
    """Return the condition that all people are trained."""
    requirement = Requirement(
        rule="",
        position="",
        lesson_id=ROW["lessonId"],
        lesson_name=ROW["lessonName"],
        lesson_version_id=ROW["lessonVersionId"],
    )
    people, requirements = dump_candidates(
        Candidate(user_id=user, name="", time_zone=ZoneInfo("Australia/Perth"), requirements=(requirement,))
        for user in range(1, scenario.users + 1)
    )
    return {"condition": "TrainingGateCondition", "people": people, "requirements": requirements}


def one_wait(arguments: Callable[[Scenario], dict[str, Any]]) -> Callable[[Scenario], list[Wait]]:
    """Return a function that returns the only wait of a scenario, which ends with the last completion."""

    def waits(scenario: Scenario) -> list[Wait]:
        from airflow_provider_damstra.triggers.wait import DamstraWaitTrigger

        def create() -> Any:
            return DamstraWaitTrigger(
                damstra_conn_id="damstra_default",
                poll_interval=scenario.interval,
                deadline=time.time() + 14 * 86400,
                **arguments(scenario),
            )

        return [Wait(create, over_at=max(scenario.completed_at))]

    return waits


CONTENDERS = {
    "a wait for each person": damstra_waits,
    "one wait for all schedules": one_wait(schedules),
    "one wait for a group": one_wait(group),
    "one training gate": one_wait(gate),
}


def main() -> None:
    """Measure one contender and print JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("contender", choices=CONTENDERS)
    parser.add_argument("scenario", type=json.loads)
    parser.add_argument("port", type=int)
    args = parser.parse_args()
    connect(args.port, max_concurrency=16)
    waits = CONTENDERS[args.contender](Scenario(**args.scenario))
    waits[0].create()
    print(json.dumps(asyncio.run(measure(waits))), flush=True)


if __name__ == "__main__":
    main()
