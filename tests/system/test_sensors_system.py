"""Sensors with a real scheduler, workers and triggerer: use of workers, requests, restarts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from demo.waiting import wait_until
from tests.system.dag_runs import TIMEOUT, DagRun, duplicate_posts, files_containing
from tests.system.large_emulator import LESSONS

if TYPE_CHECKING:
    from pathlib import Path

    from demo.emulator_instance import Row
    from demo.onboarding import DemoEnvironment
    from tests.system.large_emulator import LargeEmulator

pytestmark = pytest.mark.system

INTERVAL = 4.0
"""The poke_interval of wait_for_many, in seconds."""

POLLS = 4
MANY, FEW = 100, 20
OUTCOMES = ("cancelled", "skipped", "unreachable", "late")
MAPPED_WAITS = ("defer", "start", "resume", "reschedule", "poke")
NAMES = ["user 1132", "user 1133"]


@dataclass(frozen=True, kw_only=True)
class Runs:
    """All DAG runs, which are active concurrently."""

    many: DagRun
    few: DagRun
    one: DagRun
    each: DagRun


@pytest.fixture(scope="module")
def schedules(emulator: LargeEmulator) -> dict[str, int]:
    """Clear the journal, and create a lesson schedule for each task of wait_for_one."""
    emulator.api.control("DELETE", "/journal")
    users = dict(zip(OUTCOMES, emulator.users(MANY + FEW + 1, len(OUTCOMES)), strict=True))
    emulator.fail_listing(user_id=users["unreachable"], times=2)
    return {name: emulator.schedule(user) for name, user in users.items()}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder for certificates."""
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def runs(
    environment: DemoEnvironment, emulator: LargeEmulator, schedules: dict[str, int], certificates: Path
) -> Runs:
    """Start all runs."""
    airflow = environment.airflow

    def run(dag_id: str, **conf: object) -> DagRun:
        wait_until(lambda: airflow.api.has_dag(dag_id), description=f"the DAG {dag_id}", timeout=TIMEOUT)
        return DagRun(airflow, dag_id, airflow.api.trigger(dag_id, conf))

    lessons = emulator.lesson_version_ids
    return Runs(
        many=run("wait_for_many", user_ids=emulator.users(1, MANY), lesson_version_ids=lessons, group="Many"),
        few=run(
            "wait_for_many",
            user_ids=emulator.users(MANY + 1, FEW),
            lesson_version_ids=lessons,
            group="Few",
        ),
        one=run("wait_for_one", **schedules),
        each=run("wait_for_each", lesson_version_ids=lessons[:1], certificates=str(certificates)),
    )


@pytest.fixture(scope="module")
def one(runs: Runs, emulator: LargeEmulator, schedules: dict[str, int]) -> DagRun:
    """Cancel two schedules, and complete a third in the second try of its task."""
    run = runs.one
    run.wait_for("deferred", "cancelled", "skipped")
    for name in ("cancelled", "skipped"):
        emulator.cancel(schedules[name])
    run.wait_for("deferred", "unreachable", try_number=2)
    emulator.complete([schedules["unreachable"]])
    run.wait_until_finished()
    return run


@pytest.fixture(scope="module")
def names_of_waits(runs: Runs) -> dict[str, list[str]]:
    """Return the names of the mapped tasks while they wait in the triggerer and on workers."""
    run = runs.each
    mapped = (f"{task_id}[{index}]" for task_id in ("defer", "start", "resume") for index in (0, 1))
    run.wait_for("deferred", *mapped, "together", "mapped_over")
    run.wait_for("running", "poke[0]", "poke[1]")
    run.wait_for_executor_events("resume[0]", "resume[1]")
    names = [f"{task_id}[{index}]" for task_id in MAPPED_WAITS for index in (0, 1)]
    wait_until(
        lambda: all("Next poll at" in run.log(name) for name in names),
        description="the first polls",
        timeout=TIMEOUT,
    )
    return {task_id: run.map_index_names(task_id) for task_id in MAPPED_WAITS}


@pytest.fixture(scope="module")
def each(runs: Runs, emulator: LargeEmulator, names_of_waits: dict[str, list[str]]) -> DagRun:
    """Complete all lessons once all tasks wait."""
    assert names_of_waits
    run = runs.each
    emulator.complete(ids for index in (0, 1) for ids in _scheduled(run, f"schedule[{index}]"))
    run.wait_until_finished()
    return run


@pytest.fixture(scope="module")
def listings_of_many(runs: Runs, emulator: LargeEmulator) -> list[Row]:
    """Return the listings of wait_for_many, up to some intervals after the first poll."""
    runs.many.wait_for("deferred", "wait")

    def polled_listings() -> list[Row]:
        listings = _listings(runs.many, emulator, emulator.users(1, MANY))
        is_all = len({entry["path"] for entry in listings}) == MANY
        return listings if is_all and _entry_time(listings[-1]) > _measurement_end(listings) else []

    return wait_until(polled_listings, description="some polls of wait_for_many", timeout=TIMEOUT)


@pytest.fixture(scope="module")
def many(runs: Runs, emulator: LargeEmulator, listings_of_many: list[Row]) -> DagRun:
    """Complete the ten lessons of a hundred users."""
    assert listings_of_many
    emulator.complete(_scheduled(runs.many, "schedule"))
    runs.many.wait_until_finished()
    return runs.many


@pytest.fixture(scope="module")
def restarted(runs: Runs, environment: DemoEnvironment, emulator: LargeEmulator) -> DagRun:
    """Restart the triggerer during a wait; complete all lessons meanwhile, but the last one afterwards."""
    run = runs.few
    run.wait_for("deferred", "wait")
    users = emulator.users(MANY + 1, FEW)
    wait_until(
        lambda: len(_listings(run, emulator, users)) >= FEW,
        description="the first poll",
        timeout=TIMEOUT,
    )
    triggerer = environment.airflow.processes["triggerer"]
    triggerer.kill()
    count = len(_listings(run, emulator, users))
    *others, last = _scheduled(run, "schedule")
    emulator.complete(others)
    triggerer.start()
    wait_until(
        lambda: len(_listings(run, emulator, users)) >= count + FEW,
        description="the first poll of the new triggerer",
        timeout=TIMEOUT,
    )
    emulator.complete([last])
    run.wait_until_finished()
    return run


def test_cancelled_schedule_fails_without_retry(one: DagRun) -> None:
    task = one.tasks["cancelled"]
    assert (task.state, task.try_number) == ("failed", 1)
    assert "is cancelled. 0 of 1 lesson schedules completed (1 cancelled)." in one.log("cancelled")


def test_soft_fail_skips_without_worker(one: DagRun) -> None:
    task = one.tasks["skipped"]
    assert (task.state, task.try_number) == ("skipped", 1)
    assert "skipped" not in one.worker_starts()


def test_unreachable_server_is_retried(one: DagRun, schedules: dict[str, int]) -> None:
    task = one.tasks["unreachable"]
    assert (task.state, task.try_number) == ("success", 2)
    assert one.xcom("unreachable") == [schedules["unreachable"]]
    assert one.worker_starts()["unreachable"] == 1  # for the failure; the second try needs none


def test_timeout_in_triggerer_names_who_is_open_and_fails_without_retry(
    one: DagRun, schedules: dict[str, int]
) -> None:
    task = one.tasks["late"]
    assert (task.state, task.try_number) == ("failed", 1)
    assert "AirflowSensorTimeout" in one.log("late")
    assert f"Open: lesson schedule {schedules['late']}: user " in one.log("late").rpartition("timed out.")[2]
    row = one.row("late")
    assert 15 <= (_parse_time(row["end_date"]) - _parse_time(row["start_date"])).total_seconds() < TIMEOUT


@pytest.mark.parametrize("task_id", ["defer", "start"])
def test_mapped_tasks_start_on_workers_and_end_in_triggerer(each: DagRun, task_id: str) -> None:
    assert each.worker_starts()[task_id] == 2
    for index in (0, 1):
        assert each.tasks[f"{task_id}[{index}]"].state == "success"
        assert each.xcom(f"{task_id}[{index}]") == _scheduled(each, f"schedule[{index}]")


@pytest.mark.parametrize("task_id", MAPPED_WAITS)
def test_mapped_tasks_keep_their_names_while_they_wait_and_afterwards(
    each: DagRun, names_of_waits: dict[str, list[str]], task_id: str
) -> None:
    assert names_of_waits[task_id] == NAMES
    assert each.tasks[f"{task_id}[0]"].state == "success"
    assert each.map_index_names(task_id) == NAMES


@pytest.mark.parametrize("task_id", MAPPED_WAITS)
def test_log_names_who_is_open_times_and_end(each: DagRun, task_id: str) -> None:
    log = each.log(f"{task_id}[0]")
    (schedule_id,) = _scheduled(each, "schedule[0]")
    assert f"Open: lesson schedule {schedule_id}: user 1132 " in log
    assert "eadline at " in log
    assert "Next poll at " in log
    assert "The wait has ended" in log.rpartition("Open: ")[2]


def test_one_sensor_waits_for_output_of_mapped_tasks(each: DagRun) -> None:
    assert each.tasks["together"].state == "success"
    assert "together" not in each.worker_starts()
    ids = [one for index in (0, 1) for one in _scheduled(each, f"schedule[{index}]")]
    assert each.xcom("together") == ids


def test_tasks_are_mapped_over_result_of_sensor(each: DagRun, certificates: Path) -> None:
    assert each.state == "success", each.failed_logs()
    ids = [one for index in (0, 1) for one in _scheduled(each, f"schedule[{index}]")]
    assert {path.name for path in certificates.iterdir()} == {f"certificate-{one}.pdf" for one in ids}


def test_each_user_is_listed_once_per_interval(listings_of_many: list[Row]) -> None:
    start, end = _first_poll_end(listings_of_many), _measurement_end(listings_of_many)
    listings = [entry for entry in listings_of_many if start < _entry_time(entry) <= end]
    assert {entry["status"] for entry in listings_of_many} == {200}
    # Each poll is up to 4 % of an interval later than the previous one, until it has reached its slot.
    assert MANY * (POLLS - 1) <= len(listings) <= MANY * POLLS * 1.05


def test_known_users_need_no_single_queries(many: DagRun, emulator: LargeEmulator) -> None:
    single = {entry["path"] for entry in emulator.requests(method="GET", path="/lesson_schedule/*")}
    ids = _scheduled(many, "schedule")
    assert single, "the other runs query single schedules, as they do not know the users"
    assert single & {f"/lesson_schedule/{one}" for one in ids} == set()


def test_sensor_needs_no_worker(many: DagRun) -> None:
    assert many.state == "success", many.failed_logs()
    assert many.worker_starts() == {"schedule": 1, "record": 1}
    waited, scheduled = many.row("wait"), many.row("schedule")
    assert (waited["queued_when"], waited["hostname"], waited["pid"]) == (None, "", None)
    assert all(scheduled[name] for name in ("queued_when", "hostname", "pid"))


def test_log_is_written_by_triggerer(many: DagRun) -> None:
    (file,) = many.log_files("wait")
    assert ".log.trigger." in file.name
    assert [".trigger." in file.name for file in many.log_files("schedule")] == [False]
    assert f"0 of {MANY * LESSONS} lesson schedules completed" in many.log("wait")


def test_result_is_completed_schedules(many: DagRun, emulator: LargeEmulator) -> None:
    ids = _scheduled(many, "schedule")
    assert len(set(ids)) == MANY * LESSONS
    assert sorted(many.xcom("wait")) == sorted(ids)
    (group,) = (
        entry for entry in emulator.requests(method="POST", path="/group") if entry["body"]["name"] == "Many"
    )
    assert group["body"]["description"] == f"{MANY * LESSONS} lessons done"


def test_wait_survives_restart_of_triggerer(restarted: DagRun) -> None:
    assert restarted.state == "success", restarted.failed_logs()
    assert sorted(restarted.xcom("wait")) == sorted(_scheduled(restarted, "schedule"))
    assert restarted.worker_starts() == {"schedule": 1, "record": 1}
    first, second = restarted.log_files("wait")  # one per triggerer
    assert first.name != second.name


def test_no_post_is_sent_twice(
    restarted: DagRun, many: DagRun, one: DagRun, each: DagRun, emulator: LargeEmulator
) -> None:
    for run in (restarted, many, each):
        assert run.state == "success", run.failed_logs()
    assert one.state == "failed"
    assert duplicate_posts(emulator.api.journal()) == {}
    posts = [entry for entry in emulator.requests(method="POST") if entry["status"] == 200]
    inserted = Counter(row["table"] for entry in posts for row in entry["rows"] if row["action"] == "insert")
    assert inserted == {"lesson_schedules": (MANY + FEW) * LESSONS + len(OUTCOMES) + 2, "groups": 2}


@pytest.mark.usefixtures("restarted", "many", "one", "each")
def test_access_key_is_in_no_file_of_airflow(environment: DemoEnvironment, emulator: LargeEmulator) -> None:
    assert files_containing(emulator.access_key, environment.airflow) == []


def _scheduled(run: DagRun, name: str) -> list[int]:
    """Return the lesson schedules that a task created."""
    return [one for user in run.xcom(name) for one in user["lesson_schedule_ids"]]


def _listings(run: DagRun, emulator: LargeEmulator, users: list[int]) -> list[Row]:
    """Return the listings of these users since the sensor started: scheduling lists them before."""
    started_at = _parse_time(run.row("wait")["start_date"])
    paths = {f"/user/{user}/lesson_schedule" for user in users}
    return [
        entry for entry in emulator.listings() if entry["path"] in paths and _entry_time(entry) > started_at
    ]


def _first_poll_end(listings: list[Row]) -> datetime:
    """Return when each user had been listed once."""
    return max({entry["path"]: _entry_time(entry) for entry in reversed(listings)}.values())


def _measurement_end(listings: list[Row]) -> datetime:
    return _first_poll_end(listings) + timedelta(seconds=POLLS * INTERVAL)


def _entry_time(entry: Row) -> datetime:
    return _parse_time(entry["time"])


def _parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text)
