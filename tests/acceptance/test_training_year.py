"""Fourteen months of a mine: statuses and schedules of every day equal an independent calculation."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.assets import TRAINING_EVENTS
from airflow_provider_damstra.endpoints import GetUser, ListUserLessonSchedules
from airflow_provider_damstra.hooks.damstra import DamstraHook
from tests.acceptance.mine import SIZE, Mine
from tests.acceptance.site_rules import (
    RULES,
    Announcements,
    Assignment,
    Expected,
    Rule,
    Worker,
    expected_status,
)
from tests.acceptance.task_tries import Kill, run_killed_try, run_try
from tests.webhooks.metadata_db import create_dag, list_asset_events
from tests.webhooks.receiver_server import HOST

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.webhooks.receiver_server import ReceiverServer

pytestmark = pytest.mark.acceptance

START = datetime(2023, 10, 1, 3, tzinfo=UTC)
"""The fourteen months contain 29 February, and changes of the clocks in both hemispheres."""

DAYS = 426
KILLED_EVERY = 10
CLOCK_TOLERANCE = timedelta(minutes=5)
"""The emulator's clock runs on while the task runs."""

MAX_KILLED_REQUEST = SIZE + 40
SHOWN = 5


@pytest.fixture(autouse=True)
def _receiver_address(receiver: ReceiverServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DAMSTRA__RECEIVER_URL", f"http://{HOST}:{receiver.port}")
    create_dag("site_access", *TRAINING_EVENTS)


def test_every_day_of_fourteen_months(damstra_emulator: DamstraEmulator, tmp_path: Path) -> None:
    mine = Mine(damstra_emulator, seed=2023, start=START - timedelta(days=1))
    address = DamstraHook().call(GetUser(user_id=1108)).email_address
    scenario = Scenario(mine, damstra_emulator, tmp_path, RULES.replace("ADDRESS_OF_1108", str(address)))
    for number in range(DAYS):
        scenario.live_day(START + timedelta(days=number), is_killed=number % KILLED_EVERY == KILLED_EVERY - 1)
    assert set(scenario.seen_states) == {"current", "expiring", "expired", "missing", "assigned", "overdue"}
    assert scenario.killed == DAYS // KILLED_EVERY
    assert scenario.created > SIZE
    assert set(scenario.events) == set(TRAINING_EVENTS)


class Scenario:
    """The mine, and the task that runs once a day."""

    def __init__(self, mine: Mine, emulator: DamstraEmulator, folder: Path, rules: str) -> None:
        self.seen_states: set[str] = set()
        self.created = self.killed = 0
        self.events: Counter[str] = Counter()
        self._announcements = Announcements()
        self._mine = mine
        self._emulator = emulator
        self._folder = folder
        self._rules = rules
        self._random = random.Random(7)  # noqa: S311 (a simulation)

    def live_day(self, at: datetime, *, is_killed: bool) -> None:
        """Let a day pass, run the task, and compare what it wrote and scheduled with the calculation."""
        mine = self._mine
        mine.live_until(at)
        expected = {
            (worker.user_id, rule.lesson_id): expected_status(
                rule, mine.ledger.of(worker, rule), worker.zone, at
            )
            for worker in mine.workers.values()
            for rule in worker.rules
        }
        self.seen_states |= {one.state for one in expected.values()}
        self._emulator.clear_journal()
        rows = self._run_task(at, is_killed=is_killed)
        found = {(row["user_id"], row["lesson_id"]): _facts(row) for row in rows}
        assert len(found) == len(rows)
        _assert_equal(found, expected, at)
        self._note_schedules(expected, at)
        self._compare_events(expected, at)

    def _run_task(self, at: datetime, *, is_killed: bool) -> list[dict[str, Any]]:
        path = self._folder / f"{at:%Y-%m-%d}.jsonl"
        arguments = {
            "requirements": self._rules,
            "at": at.isoformat(),
            "schedule_due": True,
            "emit_events": True,
            "target_path": str(path),
        }
        store = path.with_suffix(".state")
        if is_killed:
            kill = Kill(
                request=self._random.randint(1, MAX_KILLED_REQUEST),
                is_answered=self._random.random() < 0.5,
            )
            self.killed += 1
            run_killed_try(arguments, store=store, run_after=at, kill=kill)
        outcome = run_try(arguments, store=store, run_after=at, try_number=1 + is_killed)
        lines = path.read_text().splitlines()
        assert outcome.value["rows"] == len(lines)
        path.unlink()
        return [json.loads(line) for line in lines]

    def _note_schedules(self, expected: dict[tuple[int, int], Expected], at: datetime) -> None:
        """Compare the lesson schedules that the task created with those that were needed, and note them."""
        created = {
            row["id"]
            for entry in self._emulator.journal(method="POST")
            for row in entry["rows"]
            if (row["table"], row["action"]) == ("lesson_schedules", "insert")
        }
        needed = {key for key, one in expected.items() if one.needs_schedule}
        schedules: list[tuple[Assignment, Worker, Rule]] = []
        hook = DamstraHook()
        for user_id in sorted({user_id for user_id, _ in needed}):
            worker = self._mine.workers[user_id]
            rules = {rule.version_id: rule for rule in worker.rules}
            for row in hook.iterate(ListUserLessonSchedules(user_id=user_id)):
                if row.id in created:
                    assert row.lesson_version_id in rules
                    assert row.end_date is not None
                    rule = rules[row.lesson_version_id]
                    due = datetime.combine(rule.grace.after(at.date()), at.timetz())
                    assert timedelta() <= row.end_date - due < CLOCK_TOLERANCE
                    schedules.append((Assignment(schedule_id=row.id, due=row.end_date), worker, rule))
        assert sorted(assignment.schedule_id for assignment, _, _ in schedules) == sorted(created)
        assert {(worker.user_id, rule.lesson_id) for _, worker, rule in schedules} == needed, at
        assert len(schedules) == len(needed), at
        self._mine.add_schedules(schedules, at=at)
        self.created += len(schedules)

    def _compare_events(self, expected: dict[tuple[int, int], Expected], at: datetime) -> None:
        """Compare the asset events since the day before with those that had to occur."""
        payloads = [event.extra["payload"] for event in list_asset_events(offset=self.events.total())]
        found = [(one["name"], one["user_id"], one["lesson_schedule_id"]) for one in payloads]
        self.events.update(name for name, _, _ in found)
        assert sorted(found) == sorted(self._announcements.of_day(expected)), at


Facts = tuple[str, datetime | None, datetime | None]


def _facts(row: dict[str, Any]) -> Facts:
    return row["state"], _time(row["completed_at"]), _time(row["expires_at"])


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _assert_equal(
    found: dict[tuple[int, int], Facts], expected: dict[tuple[int, int], Expected], at: datetime
) -> None:
    differences = [
        f"user {key[0]}, lesson {key[1]}: {found.get(key)} instead of {expected.get(key)}"
        for key in sorted(found.keys() | expected.keys())
        if not _is_equal(found.get(key), expected.get(key))
    ]
    assert not differences, f"{at}: {len(differences)} differences\n" + "\n".join(differences[:SHOWN])


def _is_equal(found: Facts | None, expected: Expected | None) -> bool:
    if found is None or expected is None:
        return False
    state, completed, expires = found
    if (state, expires) != (expected.state, expected.expires):
        return False
    if completed is None or expected.completed is None or expected.recorded_by is None:
        return completed is expected.completed
    return expected.completed <= completed <= expected.recorded_by
