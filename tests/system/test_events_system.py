"""Events that start DAGs, with a real scheduler, worker and triggerer: none is missed, none comes twice."""

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
from demo.onboarding import OVER
from demo.waiting import wait_until
from tests.system.evidence import PATIENCE, Run, files_that_hold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from demo.airflow_api import AirflowApi
    from demo.onboarding import Stage

pytestmark = pytest.mark.system

WATCHING_DAG = "on_watched_event"
WAITING_DAG = "wait_for_webhook"
# Open schedules of the two users whom the DAG watches.
SEEN, MISSED, CANCELLED, LAST = 30040, 30067, 30014, 30041
WAITED_FOR = 30015
TRAINEE, COMPLETED, TO_CANCEL = 1014, 30004, 30016
HAPPENED = Counter(
    [
        (SCHEDULE_COMPLETED, SEEN),
        (SCHEDULE_COMPLETED, MISSED),
        (SCHEDULE_CANCELLED, CANCELLED),
        (SCHEDULE_COMPLETED, LAST),
    ]
)


@dataclass(frozen=True)
class Watched:
    """An asset that is watched, and what it has brought about.

    :param api: Airflow's.
    """

    api: AirflowApi
    name: str
    dag_id: str

    @property
    def asset_id(self) -> int:
        """The asset's id, once its DAG was parsed."""
        (asset,) = self.api.get("/assets", name_pattern=self.name)["assets"]
        found: int = asset["id"]
        return found

    def events(self) -> Counter[tuple[str, int]]:
        """Return the asset's events: what happened, to which schedule."""
        rows = self.api.get("/assets/events", asset_id=self.asset_id, limit=100)["asset_events"]
        return Counter(_short(row["extra"]["payload"]) for row in rows)

    def handled(self) -> Counter[tuple[str, int]]:
        """Return what the tasks of the DAG's runs were told; a run is about all that came before it."""
        runs = self.api.get(f"/dags/{self.dag_id}/dagRuns", limit=100)["dag_runs"]
        found: Counter[tuple[str, int]] = Counter()
        for run in runs:
            if run["state"] == "success":
                (task,) = self.api.task_instances(self.dag_id, run["dag_run_id"])
                for name, schedule in self.api.xcom(self.dag_id, run["dag_run_id"], task):
                    found[name, schedule] += 1
        return found

    def kept(self) -> dict[str, Any]:
        """Return what the asset's state store holds."""
        rows = self.api.get(f"/assets/{self.asset_id}/state-store", limit=100)["asset_state_store"]
        return {row["key"]: row["value"] for row in rows}


@pytest.fixture(scope="module")
def watched(stage: Stage) -> Watched:
    """Let things happen before, during and after an absence of the triggerer."""
    api, emulator = stage.airflow.api, stage.emulator.api
    wait_until(lambda: api.has_dag(WATCHING_DAG), what="the DAG", seconds=PATIENCE)
    watched = Watched(api, "watched_by_polling", WATCHING_DAG)
    wait_until(lambda: len(watched.kept()) == 2, what="the first look at both users", seconds=PATIENCE)

    before, began = watched.kept(), time.monotonic()
    emulator.complete(SEEN)
    wait_until(lambda: sum(watched.handled().values()) == 1, what="its DAG run", seconds=PATIENCE)
    print(
        f"\nfrom a completion, looked for each second, to its DAG run's end: {time.monotonic() - began:.1f} s"
    )
    wait_until(lambda: watched.kept() != before, what="that to be kept", seconds=PATIENCE)

    triggerer = stage.airflow.processes["triggerer"]
    triggerer.kill()
    emulator.complete(MISSED)
    emulator.control("POST", f"/lesson_schedules/{CANCELLED}/cancel")
    triggerer.start()
    wait_until(lambda: sum(watched.events().values()) >= 3, what="what was missed", seconds=PATIENCE)
    emulator.complete(LAST)
    wait_until(lambda: sum(watched.handled().values()) >= 4, what="all DAG runs", seconds=PATIENCE)
    return watched


def test_nothing_is_missed_and_nothing_repeated_when_the_triggerer_is_killed(watched: Watched) -> None:
    assert watched.events() == HAPPENED
    assert watched.handled() == HAPPENED


@pytest.fixture(scope="module")
def seconds_from_webhook(stage: Stage) -> float:
    """Wait for a lesson, looking once a day, and return how long after its webhook the wait ended."""
    airflow, emulator = stage.airflow, stage.emulator
    wait_until(lambda: airflow.api.has_dag(WAITING_DAG), what="the DAG", seconds=PATIENCE)
    run = Run(airflow, WAITING_DAG, airflow.api.trigger(WAITING_DAG, {"lesson_schedule_id": WAITED_FOR}))
    run.wait_for("deferred", "wait")
    wait_until(lambda: "0 of 1" in run.log("wait"), what="its first look", seconds=PATIENCE)
    emulator.api.complete(WAITED_FOR)
    completed = time.time()
    assert run.end() == "success"
    (delivery,) = (
        one
        for one in emulator.api.control("GET", "/webhooks/deliveries").json()
        if one["body"].get("lessonScheduleId") == str(WAITED_FOR)
    )
    assert delivery["last"] == "HTTP 200"
    ended = datetime.fromisoformat(run.row("wait")["end_date"]).timestamp()
    print(f"\nfrom a webhook to the end of a wait that looks once a day: {ended - completed:.2f} s")
    return ended - completed


def test_a_wait_ends_within_three_seconds_of_its_webhook(seconds_from_webhook: float) -> None:
    assert seconds_from_webhook < 3


def test_the_token_is_in_no_file_of_airflow(stage: Stage, seconds_from_webhook: float) -> None:
    assert seconds_from_webhook
    assert files_that_hold(stage.emulator.webhook_token, stage.airflow) == []


@dataclass(frozen=True)
class Started:
    """An example DAG that was started by a webhook."""

    run: Run
    row: dict[str, Any]
    seconds: float


@pytest.fixture
def started(stage: Stage) -> Iterator[Callable[[str, Callable[[], object]], Started]]:
    """Return what lets something happen in Damstra, and waits for the run of a DAG that it starts."""
    api = stage.airflow.api
    awake: list[str] = []

    def start(dag_id: str, happen: Callable[[], object]) -> Started:
        awake.append(dag_id)
        api.patch(f"/dags/{dag_id}", {"is_paused": False})
        began = time.time()
        happen()
        runs = wait_until(
            lambda: api.get(f"/dags/{dag_id}/dagRuns")["dag_runs"], what="a run", seconds=PATIENCE
        )
        seconds = time.time() - began
        (row,) = runs
        print(f"\nfrom an event in Damstra to a run of {dag_id}: {seconds:.1f} s")
        return Started(Run(stage.airflow, dag_id, row["dag_run_id"]), row, seconds)

    yield start
    for dag_id in awake:
        api.patch(f"/dags/{dag_id}", {"is_paused": True})


def test_a_completion_starts_a_run_for_its_person(
    stage: Stage, started: Callable[[str, Callable[[], object]], Started]
) -> None:
    next_lesson = started("example_damstra_next_lesson", lambda: stage.emulator.api.complete(COMPLETED))
    assert next_lesson.row["partition_key"] == str(TRAINEE)
    assert next_lesson.run.end() == "success"
    assert next_lesson.run.xcom("find_people") == [TRAINEE]


def test_a_supervisor_has_a_cancelled_lesson_scheduled_again(
    stage: Stage, started: Callable[[str, Callable[[], object]], Started]
) -> None:
    cancel = partial(stage.emulator.api.control, "POST", f"/lesson_schedules/{TO_CANCEL}/cancel")
    run = started("example_damstra_cancelled_schedule", cancel).run
    run.wait_for("success", "find_cancelled")
    # The first run of a DAG is about all that its asset ever told of, what other tests cancelled included.
    bodies = [question["body"] for question in run.xcom("find_cancelled")]
    (ours,) = (
        index for index, body in enumerate(bodies) if f"Lesson schedule {TO_CANCEL} was cancelled" in body
    )

    def answer() -> bool:
        """Answer what is asked: again, if Airflow asks again since an answer came before a process's end."""
        for index, body in enumerate(bodies):
            path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/decide.ask/{index}/hitlDetails"
            task = run.tasks.get(f"decide.ask[{index}]")
            if task and task.state == "awaiting_input":
                question = stage.airflow.api.get(path)
                assert question["body"] == body
                if not question["response_received"]:
                    chosen = "Approve" if index == ours else "Reject"
                    stage.airflow.api.patch(path, {"chosen_options": [chosen], "params_input": {}})
        return run.state in OVER

    wait_until(answer, what=f"the end of {run.dag_id}", seconds=PATIENCE)
    assert run.state == "success"
    (scheduled,) = run.xcom(f"decide.schedule_again[{ours}]")
    rows = {row["id"]: row for row in stage.emulator.api.schedules(TRAINEE)}
    (again,) = scheduled["lesson_schedule_ids"]
    assert rows[again]["lessonName"] == rows[TO_CANCEL]["lessonName"]


def test_the_command_line_proves_the_path_from_an_event_to_an_asset(stage: Stage) -> None:
    address = stage.airflow.command("damstra", "webhook-url")
    token = stage.emulator.webhook_token
    assert address == f"{stage.airflow.url}/damstra/webhooks/damstra_default/{token}\n"
    steps = stage.airflow.command("damstra", "send-test-event").splitlines()
    assert [step[:4] for step in steps] == ["ok  "] * 5, steps
    rows = json.loads(
        stage.airflow.command("damstra", "inbox", "--state", "all", "--limit", "1", "--output", "json")
    )
    assert [(row["name"], row["state"]) for row in rows] == [("airflow.test", "confirmed")]


def _short(payload: dict[str, Any]) -> tuple[str, int]:
    return payload["name"], payload["lesson_schedule_id"]
