"""How many processes on workers a task takes: as few as its mode allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.airflow_compat import BEFORE_3_3
from tests.sensors.meanwhile import after_requests
from tests.sensors.outcome import TIME_IS_UP, Ending, Outcome, failed, skipped
from tests.sensors.running import MODES, Task
from tests.sensors.subjects import SCHEDULE, SUBJECTS

if TYPE_CHECKING:
    from tests.sensors.subjects import Office

SUBJECT = SUBJECTS[0]
# When it succeeds after a while; and at the first look, when it succeeds, is skipped, and fails.
WORKERS = {
    "deferrable": (2, 1, 1, 1),
    "deferrable, ended by the trigger": (1, 1, 1, 1),
    "started in the triggerer": (1, 1, 1, 1),
    "started and ended there": (0, 0, 0, 1),
}
if BEFORE_3_3:
    WORKERS = dict.fromkeys(WORKERS, WORKERS["deferrable"])
in_triggerer = pytest.mark.parametrize("mode", WORKERS)


def task(mode: str, **changes: object) -> Task:
    """Return a task of a sensor that would look again only after an hour."""
    return Task(SUBJECT.sensor, {**SUBJECT.arguments, **MODES[mode], "poke_interval": 3600, **changes})


@in_triggerer
def test_waiting_takes_no_worker(mode: str, office: Office) -> None:
    waiting = task(mode, poke_interval=0.01)
    with after_requests(office.emulator, 5, lambda: SUBJECT.come_true(office)):
        assert waiting.attempt() == Outcome(Ending.SUCCESS, SUBJECT.result)
    assert waiting.workers == WORKERS[mode][0]


@in_triggerer
def test_what_is_done_already_takes_no_more(mode: str, office: Office) -> None:
    SUBJECT.come_true(office)
    waiting = task(mode)
    assert waiting.attempt() == Outcome(Ending.SUCCESS, SUBJECT.result)
    assert waiting.workers == WORKERS[mode][1]


@in_triggerer
def test_being_skipped_takes_no_more(mode: str, office: Office) -> None:
    SUBJECT.turn_bad(office)
    waiting = task(mode, soft_fail=True)
    assert waiting.attempt() == skipped(SUBJECT.why_not)
    assert waiting.workers == WORKERS[mode][2]


@in_triggerer
def test_a_failure_is_a_workers_to_report(mode: str, office: Office) -> None:
    SUBJECT.turn_bad(office)
    waiting = task(mode)
    assert waiting.attempt() == failed(SUBJECT.why_not)
    assert waiting.workers == WORKERS[mode][3]


def test_a_result_that_others_are_mapped_over_is_a_workers_to_return(
    office: Office,
) -> None:
    SUBJECT.come_true(office)
    waiting = task("started and ended there")
    waiting.is_mapped_over = True
    assert waiting.attempt() == Outcome(Ending.SUCCESS, SUBJECT.result)
    assert waiting.workers == 1


@pytest.mark.needs_airflow("3.3")
@pytest.mark.parametrize("soft_fail", [False, True], ids=["fails", "is skipped"])
def test_time_that_is_up_is_noticed_by_the_scheduler_where_no_worker_has_looked(
    soft_fail: bool, office: Office
) -> None:
    waiting = task("started and ended there", timeout=0.05, soft_fail=soft_fail)
    assert waiting.attempt() == (skipped if soft_fail else failed)(TIME_IS_UP)
    assert waiting.workers == 1


@pytest.mark.parametrize("is_kept", [True, False], ids=["kept", "before Airflow 3.3"])
def test_a_rescheduled_task_finds_out_once_whose_a_schedule_is_where_airflow_keeps_it(
    is_kept: bool, office: Office
) -> None:
    waiting = Task(SUBJECT.sensor, {**SUBJECT.arguments, **MODES["reschedule"]})
    if not is_kept:
        waiting.store = None
    with after_requests(office.emulator, 6, lambda: SUBJECT.come_true(office)):
        assert waiting.attempt() == Outcome(Ending.SUCCESS, SUBJECT.result)
    alone = office.emulator.journal(path=f"/lesson_schedule/{SCHEDULE}")
    assert len(alone) == (1 if is_kept else waiting.workers)
    assert waiting.workers > 2
