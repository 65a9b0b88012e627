"""Killed and failed tries of the status operator: nothing is read or scheduled twice, and nothing is lost."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from requests.adapters import HTTPAdapter

from airflow_provider_damstra.errors import DamstraError
from airflow_provider_damstra.transfers.training_status import DamstraTrainingStatusOperator
from tests.operators.task_runner import StateStore, run
from tests.transfers.export_process import kill, running_export
from tests.transfers.test_schedule_due import CREW, due_operator, named, scheduled
from tests.transfers.training_statuses import INDUCTION, read_rows, status_operator
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.sdk import BaseOperator
    from requests import PreparedRequest, Response

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.emulator.api_client import ApiClient


WORKERS = 4
CERTIFICATE_OF_1016 = "/lesson_schedule/30018/certificate"


class Killed(BaseException):
    """The process ends."""


class Killer:
    """End the process at a changing request: no request is sent, and no response received, after that.

    :param number: number of the request, from 1.
    :param is_sent: whether that request is sent; its response is lost.
    """

    def __init__(self, number: int, *, is_sent: bool) -> None:
        self._number = number
        self._is_sent = is_sent
        self._count = 0
        self._is_dead = False

    def kill(self, operator: BaseOperator, **context: Any) -> None:
        """Run an operator until it is killed."""
        send = HTTPAdapter.send

        def send_or_die(adapter: HTTPAdapter, request: PreparedRequest, **options: Any) -> Response:
            if self._is_dead:
                raise Killed
            self._count += request.method == "POST"
            self._is_dead = self._count == self._number
            if self._is_dead and not self._is_sent:
                raise Killed
            response = send(adapter, request, **options)
            if self._is_dead:
                response.close()
                raise Killed
            return response

        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setattr(HTTPAdapter, "send", send_or_die)
            with pytest.raises(Killed):
                run(operator, **context)


@pytest.mark.parametrize("is_sent", [False, True], ids=["before the request", "after the request"])
@pytest.mark.parametrize("number", range(1, len(CREW) + 1))
def test_kill_at_any_request_schedules_and_names_each_person_once(
    damstra_emulator: DamstraEmulator, number: int, is_sent: bool
) -> None:
    at, store = damstra_emulator.now, StateStore()
    Killer(number, is_sent=is_sent).kill(due_operator(), run_after=at, task_state_store=store)
    before = len(scheduled(damstra_emulator))
    assert 0 < before + (not is_sent) <= len(CREW)
    outcome = run(due_operator(), run_after=at, task_state_store=store, try_number=2)
    assert [user_id for user_id, _ in scheduled(damstra_emulator)] == list(CREW)
    assert named(outcome) == list(CREW)


def test_kill_without_a_state_store_schedules_each_person_once(damstra_emulator: DamstraEmulator) -> None:
    at = damstra_emulator.now
    Killer(3, is_sent=True).kill(due_operator(), run_after=at)
    run(due_operator(), run_after=at, try_number=2)
    assert [user_id for user_id, _ in scheduled(damstra_emulator)] == list(CREW)


def test_retry_reads_only_the_listings_that_are_missing(
    damstra_emulator: DamstraEmulator, api: ApiClient, tmp_path: Path
) -> None:
    at, path = damstra_emulator.now, tmp_path / "rows.jsonl"
    damstra_emulator.add_fault("status", path="/user/1036/lesson_schedule", status=500)
    with pytest.raises(DamstraError):
        run(status_operator(path, max_concurrency=1), run_after=at, try_number=1, max_tries=1)
    assert not path.exists()
    damstra_emulator.clear_faults()
    damstra_emulator.clear_journal()
    # One who joins the group between the tries is evaluated, too.
    api.send("/group/102/add_members", userIds=[1012])
    run(status_operator(path, max_concurrency=1), run_after=at, try_number=2, max_tries=1)
    read = {entry["path"] for entry in damstra_emulator.journal("GET", "/user/*/lesson_schedule")}
    assert read == {"/user/1012/lesson_schedule", "/user/1036/lesson_schedule"}
    assert sorted(read_rows(path)) == [(user_id, INDUCTION) for user_id in sorted((*CREW, 1012))]
    assert [one.name for one in tmp_path.iterdir()] == ["rows.jsonl"]


def test_retry_after_a_kill_while_reading_repeats_only_requests_in_flight(
    damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    at, path = damstra_emulator.now, tmp_path / "rows.jsonl"
    arguments: dict[str, Any] = {
        "requirements": [{"lessons": [INDUCTION], "all": True}],
        "at": at.isoformat(),
        "target_path": str(path),
        "max_concurrency": WORKERS,
    }
    damstra_emulator.add_fault("delay", delay=0.02)
    with running_export(
        damstra_emulator.connection_json,
        task_try=(1, 1),
        kind=DamstraTrainingStatusOperator,
        **arguments,
    ) as process:
        wait_until(lambda: len(damstra_emulator.journal()) >= 40, "many listings are read")
        kill(process)
    damstra_emulator.clear_faults()
    assert not path.exists()
    run(DamstraTrainingStatusOperator(task_id="export", **arguments), try_number=2, max_tries=1)
    requests = Counter(
        (entry["path"], entry["query"]["startIndex"])
        for entry in damstra_emulator.journal("GET", "/user/*/lesson_schedule")
    )
    assert sum(requests.values()) - len(requests) <= WORKERS
    assert len(read_rows(path)) == 37
    assert [one.name for one in tmp_path.iterdir()] == ["rows.jsonl"]


def test_retry_after_a_kill_while_scheduling_reads_no_listing_for_the_statuses(
    damstra_emulator: DamstraEmulator, tmp_path: Path
) -> None:
    at, path = damstra_emulator.now, tmp_path / "rows.jsonl"
    Killer(1, is_sent=False).kill(due_operator(path), run_after=at, try_number=1, max_tries=1)
    damstra_emulator.clear_journal()
    run(due_operator(path), run_after=at, try_number=2, max_tries=1)
    # One request before each person is scheduled, and an empty page, as a listing has no total.
    assert len(damstra_emulator.journal("GET", "/user/*/lesson_schedule")) <= 2 * len(CREW)


def test_retry_does_not_read_a_certificate_again(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    at, path = damstra_emulator.now, tmp_path / "rows.jsonl"
    rule = {"lessons": [INDUCTION], "groups": ["Pit Crew A"], "require_passed": True}
    damstra_emulator.add_fault("status", path=CERTIFICATE_OF_1016, status=500)
    with pytest.raises(DamstraError):
        run(status_operator(path, rule), run_after=at, try_number=1, max_tries=1)
    damstra_emulator.clear_faults()
    damstra_emulator.clear_journal()
    run(status_operator(path, rule), run_after=at, try_number=2, max_tries=1)
    read = damstra_emulator.journal("GET", "/lesson_schedule/*/certificate")
    assert [entry["path"] for entry in read] == [CERTIFICATE_OF_1016]
    assert len(read_rows(path)) == len(CREW)


def test_retry_at_another_time_reads_all_listings(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    damstra_emulator.add_fault("status", path="/user/1036/lesson_schedule", status=500)
    for number, at in ((1, "2026-01-01T00:00Z"), (2, "2026-01-02T00:00Z")):
        with pytest.raises(DamstraError):
            run(status_operator(path, at=at), try_number=number, max_tries=2)
    read = [entry["path"] for entry in damstra_emulator.journal("GET", "/user/1011/lesson_schedule")]
    assert len(read) == 4
