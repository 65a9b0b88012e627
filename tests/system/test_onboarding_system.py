"""The onboarding DAG with a real scheduler, workers and triggerer, against the emulator as a process."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from demo.cohort import COHORT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from demo.emulator_instance import Row
    from tests.system.conftest import Onboarding

pytestmark = pytest.mark.system


def test_the_run_succeeds(onboarding: Onboarding) -> None:
    assert onboarding.outcome.state == "success", "\n".join(onboarding.failed_logs)


def test_the_dag_waits_in_the_triggerer(onboarding: Onboarding) -> None:
    waits = [name for name, states in onboarding.outcome.states_seen.items() if "deferred" in states]
    assert waits, onboarding.outcome.states_seen


def test_everybody_has_done_everything(onboarding: Onboarding) -> None:
    assert [problem for record in onboarding.records for problem in record.problems] == []


@pytest.mark.parametrize("person", COHORT, ids=lambda person: person.name)
def test_everybody_has_a_certificate(onboarding: Onboarding, person: object) -> None:
    (record,) = (record for record in onboarding.records if record.person == person)
    certificates = [training.certificate for training in record.trainings if training.certificate]
    assert certificates
    assert all(certificate.read_bytes().startswith(b"%PDF-") for certificate in certificates)


def test_no_post_is_sent_twice(onboarding: Onboarding) -> None:
    posts = Counter(_identity(entry) for entry in onboarding.journal if entry["method"] == "POST")
    assert posts
    assert {post: count for post, count in posts.items() if count > 1} == {}


def test_each_thing_is_created_once(onboarding: Onboarding) -> None:
    rows = [row for entry in onboarding.journal for row in entry["rows"] if row["action"] == "insert"]
    people = len(COHORT)
    assert Counter(row["table"] for row in rows) == {
        "users": people,
        "user_roles": people,
        "groups": 1,
        "group_members": people,
        "lesson_schedules": 3 * people,  # two online lessons and one in a classroom
        "ilt_sessions": 1,
        "ilt_attendees": people,
    }


def test_the_access_key_is_in_no_file_of_airflow(onboarding: Onboarding) -> None:
    key = onboarding.stage.emulator.access_key.encode()
    files = list(_files_of_airflow(onboarding))
    assert any(path.name.startswith("attempt=") for path in files), "no task has left a log"
    assert [str(path) for path in files if key in path.read_bytes()] == []


def _identity(entry: Row) -> str:
    return json.dumps([entry["path"], entry["query"], entry["body"]], sort_keys=True)


def _files_of_airflow(onboarding: Onboarding) -> Iterator[Path]:
    airflow = onboarding.stage.airflow
    yield from (path for path in airflow.home.rglob("*") if path.is_file())
    yield from (process.log for process in airflow.processes.values())
