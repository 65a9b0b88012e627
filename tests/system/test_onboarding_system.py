"""The onboarding DAG with a real scheduler, workers and triggerer, against the emulator as a process."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from demo.cohort import COHORT
from tests.system.evidence import files_that_hold, posts_sent_twice

if TYPE_CHECKING:
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
    assert posts_sent_twice(onboarding.journal) == {}


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
    assert files_that_hold(onboarding.stage.emulator.access_key, onboarding.stage.airflow) == []
