"""Events that start DAGs, with a real scheduler, worker and triggerer: none is missed, none is repeated."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.assets import SCHEDULE_CANCELLED, SCHEDULE_COMPLETED
from demo.onboarding import FINAL_STATES
from demo.waiting import wait_until
from tests.system.dag_runs import TIMEOUT, DagRun, files_containing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from demo.airflow_api import AirflowApi
    from demo.onboarding import DemoEnvironment

pytestmark = pytest.mark.system

WATCHER_DAG = "on_watched_event"
SENSOR_DAG = "wait_for_webhook"
# Open schedules of the two watched users.
COMPLETED_BEFORE, COMPLETED_DURING, CANCELLED_DURING, COMPLETED_AFTER = 30040, 30067, 30014, 30041
AWAITED = 30015
TRAINEE, COMPLETED, TO_CANCEL = 1014, 30004, 30016
EXPECTED_EVENTS = Counter(
    [
        (SCHEDULE_COMPLETED, COMPLETED_BEFORE),
        (SCHEDULE_COMPLETED, COMPLETED_DURING),
        (SCHEDULE_CANCELLED, CANCELLED_DURING),
        (SCHEDULE_COMPLETED, COMPLETED_AFTER),
    ]
)


@dataclass(frozen=True)
class WatchedAsset:
    """An asset with a watcher, its events, and the runs of the DAG that it starts."""

    api: AirflowApi
    name: str
    dag_id: str

    @property
    def asset_id(self) -> int:
        """Return the asset's id, once its DAG is parsed."""
        (asset,) = self.api.get("/assets", name_pattern=self.name)["assets"]
        asset_id: int = asset["id"]
        return asset_id

    def events(self) -> Counter[tuple[str, int]]:
        """Return the asset's events: name and lesson schedule."""
        rows = self.api.get("/assets/events", asset_id=self.asset_id, limit=100)["asset_events"]
        return Counter(_name_and_schedule(row["extra"]["payload"]) for row in rows)

    def processed(self) -> Counter[tuple[str, int]]:
        """Return the events that the DAG's runs received; a run receives all events before it."""
        runs = self.api.get(f"/dags/{self.dag_id}/dagRuns", limit=100)["dag_runs"]
        processed: Counter[tuple[str, int]] = Counter()
        for run in runs:
            if run["state"] == "success":
                (task,) = self.api.task_instances(self.dag_id, run["dag_run_id"])
                for name, schedule in self.api.xcom(self.dag_id, run["dag_run_id"], task):
                    processed[name, schedule] += 1
        return processed

    def stored_state(self) -> dict[str, Any]:
        """Return the content of the asset's state store."""
        rows = self.api.get(f"/assets/{self.asset_id}/state-store", limit=100)["asset_state_store"]
        return {row["key"]: row["value"] for row in rows}


@pytest.fixture(scope="module")
def watched(environment: DemoEnvironment) -> WatchedAsset:
    """Cause events before, during and after an outage of the triggerer."""
    api, emulator = environment.airflow.api, environment.emulator.api
    wait_until(lambda: api.has_dag(WATCHER_DAG), description="the DAG", timeout=TIMEOUT)
    watched = WatchedAsset(api, "watched_by_polling", WATCHER_DAG)
    wait_until(
        lambda: len(watched.stored_state()) == 2, description="the first poll of both users", timeout=TIMEOUT
    )

    before, started_at = watched.stored_state(), time.monotonic()
    emulator.complete(COMPLETED_BEFORE)
    wait_until(lambda: sum(watched.processed().values()) == 1, description="its DAG run", timeout=TIMEOUT)
    seconds = time.monotonic() - started_at
    print(f"\nfrom a completion, polled every second, to the end of its DAG run: {seconds:.1f} s")
    wait_until(
        lambda: watched.stored_state() != before, description="the new state to be stored", timeout=TIMEOUT
    )

    triggerer = environment.airflow.processes["triggerer"]
    triggerer.kill()
    emulator.complete(COMPLETED_DURING)
    emulator.control("POST", f"/lesson_schedules/{CANCELLED_DURING}/cancel")
    triggerer.start()
    wait_until(lambda: sum(watched.events().values()) >= 3, description="the missed events", timeout=TIMEOUT)
    emulator.complete(COMPLETED_AFTER)
    wait_until(lambda: sum(watched.processed().values()) >= 4, description="all DAG runs", timeout=TIMEOUT)
    return watched


def test_killed_triggerer_neither_misses_nor_repeats_events(watched: WatchedAsset) -> None:
    assert watched.events() == EXPECTED_EVENTS
    assert watched.processed() == EXPECTED_EVENTS


def test_webhook_ends_wait_of_sensor_that_polls_once_a_day(environment: DemoEnvironment) -> None:
    airflow, emulator = environment.airflow, environment.emulator
    wait_until(lambda: airflow.api.has_dag(SENSOR_DAG), description="the DAG", timeout=TIMEOUT)
    run = DagRun(airflow, SENSOR_DAG, airflow.api.trigger(SENSOR_DAG, {"lesson_schedule_id": AWAITED}))
    run.wait_for("deferred", "wait")
    wait_until(lambda: "0 of 1" in run.log("wait"), description="its first poll", timeout=TIMEOUT)
    emulator.api.complete(AWAITED)
    completed_at = time.time()
    assert run.wait_until_finished() == "success", run.failed_logs()
    (delivery,) = (
        one
        for one in emulator.api.control("GET", "/webhooks/deliveries").json()
        if one["body"].get("lessonScheduleId") == str(AWAITED)
    )
    assert delivery["last"] == "HTTP 200"
    ended_at = datetime.fromisoformat(run.row("wait")["end_date"]).timestamp()
    print(f"\nfrom a webhook to the end of a sensor that polls once a day: {ended_at - completed_at:.2f} s")


@pytest.mark.usefixtures("watched")
def test_webhook_token_is_in_no_file_of_airflow(environment: DemoEnvironment) -> None:
    assert files_containing(environment.emulator.webhook_token, environment.airflow) == []


@dataclass(frozen=True)
class StartedRun:
    """A run of an example DAG that was started by a webhook."""

    run: DagRun
    row: dict[str, Any]
    seconds: float


@pytest.fixture
def start_by_event(
    environment: DemoEnvironment,
) -> Iterator[Callable[[str, Callable[[], object]], StartedRun]]:
    """Return a function that causes an event in Damstra and waits for the DAG run that it starts."""
    api = environment.airflow.api
    unpaused: list[str] = []

    def start(dag_id: str, cause_event: Callable[[], object]) -> StartedRun:
        unpaused.append(dag_id)
        api.patch(f"/dags/{dag_id}", {"is_paused": False})
        started_at = time.time()
        cause_event()
        runs = wait_until(
            lambda: api.get(f"/dags/{dag_id}/dagRuns")["dag_runs"], description="a run", timeout=TIMEOUT
        )
        seconds = time.time() - started_at
        (row,) = runs
        print(f"\nfrom an event in Damstra to a run of {dag_id}: {seconds:.1f} s")
        return StartedRun(DagRun(environment.airflow, dag_id, row["dag_run_id"]), row, seconds)

    yield start
    for dag_id in unpaused:
        api.patch(f"/dags/{dag_id}", {"is_paused": True})


def test_completion_starts_run_with_user_as_partition_key(
    environment: DemoEnvironment, start_by_event: Callable[[str, Callable[[], object]], StartedRun]
) -> None:
    next_lesson = start_by_event(
        "example_damstra_next_lesson", lambda: environment.emulator.api.complete(COMPLETED)
    )
    assert next_lesson.row["partition_key"] == str(TRAINEE)
    assert next_lesson.run.wait_until_finished() == "success", next_lesson.run.failed_logs()
    assert next_lesson.run.xcom("find_users") == [TRAINEE]


def test_approval_reschedules_cancelled_lesson(
    environment: DemoEnvironment, start_by_event: Callable[[str, Callable[[], object]], StartedRun]
) -> None:
    cancel = partial(environment.emulator.api.control, "POST", f"/lesson_schedules/{TO_CANCEL}/cancel")
    run = start_by_event("example_damstra_cancelled_schedule", cancel).run
    run.wait_for("success", "find_cancelled")
    # The first run of a DAG receives all earlier events of its asset, including those of other tests.
    bodies = [question["body"] for question in run.xcom("find_cancelled")]
    (own,) = (
        index for index, body in enumerate(bodies) if f"Lesson schedule {TO_CANCEL} was cancelled" in body
    )

    def respond() -> bool:
        """Approve each question; repeat it if the process that created the question had not ended."""
        for index, body in enumerate(bodies):
            path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/decide.approve/{index}/hitlDetails"
            task = run.tasks.get(f"decide.approve[{index}]")
            if task and task.state == "awaiting_input":
                question = environment.airflow.api.get(path)
                assert question["body"] == body
                if not question["response_received"]:
                    chosen = "Approve" if index == own else "Reject"
                    environment.airflow.api.patch(path, {"chosen_options": [chosen], "params_input": {}})
        return run.state in FINAL_STATES

    wait_until(respond, description=f"the end of {run.dag_id}", timeout=TIMEOUT)
    assert run.state == "success", run.failed_logs()
    (scheduled,) = run.xcom(f"decide.schedule_again[{own}]")
    rows = {row["id"]: row for row in environment.emulator.api.schedules(TRAINEE)}
    (new,) = scheduled["lesson_schedule_ids"]
    assert rows[new]["lessonName"] == rows[TO_CANCEL]["lessonName"]


def test_cli_sends_test_event_that_starts_no_dag(environment: DemoEnvironment) -> None:
    url = environment.airflow.command("damstra", "webhook-url")
    token = environment.emulator.webhook_token
    assert url == f"{environment.airflow.url}/damstra/webhooks/damstra_default/{token}\n"
    steps = environment.airflow.command("damstra", "send-test-event").splitlines()
    assert {step[:4] for step in steps} == {"ok  "}
    assert "is processed, and starts no DAG: its name is unknown" in steps[-1]
    newest = ("damstra", "inbox", "list", "--state", "all", "--limit", "1", "--output", "json")
    rows = json.loads(environment.airflow.command(*newest))
    assert [(row["name"], row["state"]) for row in rows] == [("airflow.test", "refused")]


def _name_and_schedule(payload: dict[str, Any]) -> tuple[str, int]:
    return payload["name"], payload["lesson_schedule_id"]
