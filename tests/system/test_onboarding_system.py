"""The onboarding DAG with a real scheduler, workers and triggerer, and the emulator as a process."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from demo.cohort import COHORT
from tests.system.dag_runs import duplicate_posts, files_containing

if TYPE_CHECKING:
    from tests.system.conftest import Onboarding

pytestmark = pytest.mark.system


def test_dag_run_succeeds(onboarding: Onboarding) -> None:
    assert onboarding.dag_run.state == "success", "\n".join(onboarding.failed_logs)


def test_sensors_wait_in_triggerer(onboarding: Onboarding) -> None:
    waits = [name for name, states in onboarding.dag_run.observed_states.items() if "deferred" in states]
    assert waits, onboarding.dag_run.observed_states


def test_all_lessons_are_completed(onboarding: Onboarding) -> None:
    assert [problem for record in onboarding.records for problem in record.problems] == []


@pytest.mark.parametrize("new_starter", COHORT, ids=lambda new_starter: new_starter.name)
def test_each_new_starter_has_certificates(onboarding: Onboarding, new_starter: object) -> None:
    (record,) = (record for record in onboarding.records if record.new_starter == new_starter)
    certificates = [training.certificate for training in record.trainings if training.certificate]
    assert certificates
    assert all(certificate.read_bytes().startswith(b"%PDF-") for certificate in certificates)


def test_no_post_is_sent_twice(onboarding: Onboarding) -> None:
    assert duplicate_posts(onboarding.journal) == {}


def test_each_object_is_created_once(onboarding: Onboarding) -> None:
    rows = [row for entry in onboarding.journal for row in entry["rows"] if row["action"] == "insert"]
    count = len(COHORT)
    assert Counter(row["table"] for row in rows) == {
        "users": count,
        "user_roles": count,
        "groups": 1,
        "group_members": count,
        "lesson_schedules": 3 * count,  # two online lessons and one in a classroom
        "ilt_sessions": 1,
        "ilt_attendees": count,
    }


def test_access_key_is_in_no_file_of_airflow(onboarding: Onboarding) -> None:
    assert files_containing(onboarding.environment.emulator.access_key, onboarding.environment.airflow) == []
