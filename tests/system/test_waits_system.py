"""Waits with a real scheduler, workers and triggerer: what takes a worker, what is asked, what survives."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from demo.waiting import wait_until
from tests.system.academy import LESSONS
from tests.system.evidence import PATIENCE, Run, files_that_hold, posts_sent_twice

if TYPE_CHECKING:
    from pathlib import Path

    from demo.emulator_instance import Row
    from demo.onboarding import Stage
    from tests.system.academy import Academy

pytestmark = pytest.mark.system

INTERVAL = 4.0
"""The poke_interval of wait_for_many, in seconds."""

LOOKS = 4
MANY, FEW = 100, 20
KINDS = ("lost", "skipped", "unreachable", "late")


@dataclass(frozen=True, kw_only=True)
class Runs:
    """All runs, which go on side by side."""

    many: Run
    few: Run
    one: Run
    each: Run


@pytest.fixture(scope="module")
def schedules(academy: Academy) -> dict[str, int]:
    """Return the lesson schedule that each task of wait_for_one waits for, and count requests from here."""
    academy.api.control("DELETE", "/journal")
    users = dict(zip(KINDS, academy.users(MANY + FEW + 1, len(KINDS)), strict=True))
    academy.break_down(user_id=users["unreachable"], times=2)
    return {kind: academy.schedule(user) for kind, user in users.items()}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder for certificates."""
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def runs(stage: Stage, academy: Academy, schedules: dict[str, int], certificates: Path) -> Runs:
    """Start all runs."""
    airflow = stage.airflow

    def run(dag_id: str, **conf: object) -> Run:
        wait_until(lambda: airflow.api.has_dag(dag_id), what=f"the DAG {dag_id}", seconds=PATIENCE)
        return Run(airflow, dag_id, airflow.api.trigger(dag_id, conf))

    lessons = academy.lesson_version_ids
    return Runs(
        many=run("wait_for_many", user_ids=academy.users(1, MANY), lesson_version_ids=lessons, group="Many"),
        few=run(
            "wait_for_many", user_ids=academy.users(MANY + 1, FEW), lesson_version_ids=lessons, group="Few"
        ),
        one=run("wait_for_one", **schedules),
        each=run("wait_for_each", lesson_version_ids=lessons[:1], certificates=str(certificates)),
    )


@pytest.fixture(scope="module")
def one(runs: Runs, academy: Academy, schedules: dict[str, int]) -> Run:
    """Cancel what two tasks wait for, and let a third come true once it is waited for again."""
    run = runs.one
    run.wait_for("deferred", "lost", "skipped")
    for kind in ("lost", "skipped"):
        academy.cancel(schedules[kind])
    run.wait_for("deferred", "unreachable", try_number=2)
    academy.complete([schedules["unreachable"]])
    run.end()
    return run


@pytest.fixture(scope="module")
def each(runs: Runs, academy: Academy) -> Run:
    """Let everybody do their lesson once all tasks wait for it."""
    run = runs.each
    run.wait_for("deferred", "defer[0]", "defer[1]", "start[0]", "start[1]", "together", "mapped_over")
    academy.complete(ids for index in (0, 1) for ids in _scheduled(run, f"schedule[{index}]"))
    run.end()
    return run


@pytest.fixture(scope="module")
def asked_for_many(runs: Runs, academy: Academy) -> list[Row]:
    """Return the listings that the wait for many asked for, up to some intervals after its first look."""
    runs.many.wait_for("deferred", "wait")

    def enough() -> list[Row]:
        found = _asked(runs.many, academy, academy.users(1, MANY))
        is_all = len({entry["path"] for entry in found}) == MANY
        return found if is_all and _time(found[-1]) > _end_of_steady_time(found) else []

    return wait_until(enough, what="some polls of wait_for_many", seconds=PATIENCE)


@pytest.fixture(scope="module")
def many(runs: Runs, academy: Academy, asked_for_many: list[Row]) -> Run:
    """Let a hundred people do their ten lessons."""
    assert asked_for_many
    academy.complete(_scheduled(runs.many, "schedule"))
    runs.many.end()
    return runs.many


@pytest.fixture(scope="module")
def survivor(runs: Runs, stage: Stage, academy: Academy) -> Run:
    """Kill the triggerer while it waits; people do lessons meanwhile, and the last one after its return."""
    run = runs.few
    run.wait_for("deferred", "wait")
    users = academy.users(MANY + 1, FEW)
    wait_until(lambda: len(_asked(run, academy, users)) >= FEW, what="the first look", seconds=PATIENCE)
    triggerer = stage.airflow.processes["triggerer"]
    triggerer.kill()
    asked = len(_asked(run, academy, users))
    *others, last = _scheduled(run, "schedule")
    academy.complete(others)
    triggerer.start()
    wait_until(
        lambda: len(_asked(run, academy, users)) >= asked + FEW, what="the look after that", seconds=PATIENCE
    )
    academy.complete([last])
    run.end()
    return run


def test_a_wait_that_can_never_come_true_fails_and_is_not_retried(one: Run) -> None:
    task = one.tasks["lost"]
    assert (task.state, task.try_number) == ("failed", 1)
    assert "is cancelled. 0 of 1 lesson schedules completed (1 cancelled)." in one.log("lost")


def test_with_soft_fail_it_is_skipped_without_a_worker(one: Run) -> None:
    task = one.tasks["skipped"]
    assert (task.state, task.try_number) == ("skipped", 1)
    assert "skipped" not in one.starts_on_workers()


def test_what_cannot_be_reached_is_retried(one: Run, schedules: dict[str, int]) -> None:
    task = one.tasks["unreachable"]
    assert (task.state, task.try_number) == ("success", 2)
    assert one.xcom("unreachable") == [schedules["unreachable"]]
    assert one.starts_on_workers()["unreachable"] == 1  # to fail; the second try takes none


def test_a_wait_that_began_in_the_triggerer_times_out_and_is_not_retried(one: Run) -> None:
    task = one.tasks["late"]
    assert (task.state, task.try_number) == ("failed", 1)
    assert "AirflowSensorTimeout" in one.log("late")
    row = one.row("late")
    assert 4 <= (_moment(row["end_date"]) - _moment(row["start_date"])).total_seconds() < PATIENCE


@pytest.mark.parametrize("task_id", ["defer", "start"])
def test_mapped_tasks_start_on_workers_and_end_in_the_triggerer(each: Run, task_id: str) -> None:
    assert each.starts_on_workers()[task_id] == 2
    for index in (0, 1):
        assert each.tasks[f"{task_id}[{index}]"].state == "success"
        assert each.xcom(f"{task_id}[{index}]") == _scheduled(each, f"schedule[{index}]")


def test_one_task_waits_in_the_triggerer_for_what_mapped_tasks_scheduled(each: Run) -> None:
    assert each.tasks["together"].state == "success"
    assert "together" not in each.starts_on_workers()
    ids = [one for index in (0, 1) for one in _scheduled(each, f"schedule[{index}]")]
    assert each.xcom("together") == ids


def test_tasks_can_be_mapped_over_what_a_wait_returns(each: Run, certificates: Path) -> None:
    assert each.state == "success"
    ids = [one for index in (0, 1) for one in _scheduled(each, f"schedule[{index}]")]
    assert {path.name for path in certificates.iterdir()} == {f"certificate-{one}.pdf" for one in ids}


def test_a_wait_for_many_asks_one_listing_for_each_user_and_interval(asked_for_many: list[Row]) -> None:
    begin, end = _first_look(asked_for_many), _end_of_steady_time(asked_for_many)
    asked = [entry for entry in asked_for_many if begin < _time(entry) <= end]
    assert {entry["status"] for entry in asked_for_many} == {200}
    # Each poll comes up to 4 % of an interval later than the one before, until it has its slot.
    assert MANY * (LOOKS - 1) <= len(asked) <= MANY * LOOKS * 1.05


def test_a_wait_for_many_looks_at_no_schedule_alone(many: Run, academy: Academy) -> None:
    alone = {entry["path"] for entry in academy.requests(method="GET", path="/lesson_schedule/*")}
    ids = _scheduled(many, "schedule")
    assert alone, "the others know no users, so they ask"
    assert alone & {f"/lesson_schedule/{one}" for one in ids} == set()


def test_a_wait_for_many_takes_no_worker(many: Run) -> None:
    assert many.state == "success"
    assert many.starts_on_workers() == {"schedule": 1, "record": 1}
    waited, scheduled = many.row("wait"), many.row("schedule")
    assert (waited["queued_when"], waited["hostname"], waited["pid"]) == (None, "", None)
    assert all(scheduled[name] for name in ("queued_when", "hostname", "pid"))


def test_its_log_is_the_triggerers(many: Run) -> None:
    (file,) = many.log_files("wait")
    assert ".log.trigger." in file.name
    assert [".trigger." in file.name for file in many.log_files("schedule")] == [False]
    assert f"0 of {MANY * LESSONS} lesson schedules completed" in many.log("wait")


def test_it_hands_on_what_is_completed(many: Run, academy: Academy) -> None:
    ids = _scheduled(many, "schedule")
    assert len(set(ids)) == MANY * LESSONS
    assert sorted(many.xcom("wait")) == sorted(ids)
    (group,) = (
        entry for entry in academy.requests(method="POST", path="/group") if entry["body"]["name"] == "Many"
    )
    assert group["body"]["description"] == f"{MANY * LESSONS} lessons done"


def test_a_wait_survives_the_triggerer(survivor: Run) -> None:
    assert survivor.state == "success"
    assert sorted(survivor.xcom("wait")) == sorted(_scheduled(survivor, "schedule"))
    assert survivor.starts_on_workers() == {"schedule": 1, "record": 1}
    first, second = survivor.log_files("wait")  # one of each triggerer
    assert first.name != second.name


def test_no_post_is_sent_twice(survivor: Run, many: Run, one: Run, each: Run, academy: Academy) -> None:
    assert {run.state for run in (survivor, many, each)} == {"success"}
    assert one.state == "failed"
    assert posts_sent_twice(academy.api.journal()) == {}
    posts = [entry for entry in academy.requests(method="POST") if entry["status"] == 200]
    inserted = Counter(row["table"] for entry in posts for row in entry["rows"] if row["action"] == "insert")
    assert inserted == {"lesson_schedules": (MANY + FEW) * LESSONS + len(KINDS) + 2, "groups": 2}


@pytest.mark.usefixtures("survivor", "many", "one", "each")
def test_the_access_key_is_in_no_file_of_airflow(stage: Stage, academy: Academy) -> None:
    assert files_that_hold(academy.access_key, stage.airflow) == []


def _scheduled(run: Run, name: str) -> list[int]:
    """Return the lesson schedules that a task created."""
    return [one for person in run.xcom(name) for one in person["lesson_schedule_ids"]]


def _asked(run: Run, academy: Academy, users: list[int]) -> list[Row]:
    """Return the listings of these users' schedules since the wait began: scheduling them lists them too."""
    began = _moment(run.row("wait")["start_date"])
    paths = {f"/user/{user}/lesson_schedule" for user in users}
    return [entry for entry in academy.listings() if entry["path"] in paths and _time(entry) > began]


def _first_look(asked: list[Row]) -> datetime:
    """Return when every user's schedules had been looked at once."""
    return max({entry["path"]: _time(entry) for entry in reversed(asked)}.values())


def _end_of_steady_time(asked: list[Row]) -> datetime:
    return _first_look(asked) + timedelta(seconds=LOOKS * INTERVAL)


def _time(entry: Row) -> datetime:
    return _moment(entry["time"])


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
