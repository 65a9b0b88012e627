"""airflow damstra matrix and status: the results of the operators."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.cli.definitions.training import STATES
from airflow_provider_damstra.requirements.status import TrainingState

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import FailCommand, RunCommand

RULES = "requirements: [{lessons: [Site Induction], groups: [Pit Crew A], grace_period: 14 days}]"

pytestmark = pytest.mark.usefixtures("damstra_emulator")


@pytest.fixture
def rules(tmp_path: Path) -> str:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return str(path)


def test_states_are_those_of_rules() -> None:
    assert set(STATES) == set(TrainingState)


def test_matrix_is_written_with_and_without_rules(
    run_command: RunCommand, tmp_path: Path, rules: str
) -> None:
    page, table = tmp_path / "matrix.html", tmp_path / "matrix.csv"
    facts = json.loads(run_command("matrix", "102", str(page), "--lesson-ids", "201", "-o", "json")[0])
    assert (facts["lessons"], facts["bytes"]) == (1, page.stat().st_size)
    assert "Pit Crew A" in page.read_text()
    arguments = ("matrix", "102", str(table), "--requirements-path", rules, "-o", "json")
    by_rules = json.loads(run_command(*arguments)[0])
    assert (by_rules["people"], by_rules["lessons"]) == (facts["people"], 1)
    assert by_rules["required"] > 0


def test_status_rows_are_filtered_by_state(
    run_command: RunCommand, fail_command: FailCommand, rules: str
) -> None:
    rows = json.loads(run_command("status", rules, "-o", "json")[0])
    states = {row["state"] for row in rows}
    assert {row["lesson_name"] for row in rows} == {"Site Induction"}
    assert len(states) > 1
    chosen = min(states)
    some = json.loads(run_command("status", rules, "--state", chosen, "-o", "json")[0])
    assert some == [row for row in rows if row["state"] == chosen]
    message = fail_command("status", rules, "--state", chosen, "--fail-on-rows")
    assert message == f"{len(some)} statuses are {chosen}."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("status", "{rules}", "--state", "late"), "There is no state 'late'; the states are current"),
        (("status", "{rules}", "--time-zone", "Mars"), "time_zone"),
        (("status", "/nowhere.yaml"), "requirements_path '/nowhere.yaml' cannot be opened"),
        (("matrix", "x", "matrix.html"), "group_id"),
        (("matrix", "102", "matrix.csv.gz"), "matrix.csv.gz: a matrix is not compressed"),
        (("matrix", "102", "matrix.html", "--at", "2026-01-31T09:00:00Z"), "at is for requirements"),
    ],
    ids=["state", "time-zone", "rules", "group", "compression", "at"],
)
def test_wrong_usage_has_exit_code_2(
    arguments: tuple[str, ...], message: str, fail_command: FailCommand, rules: str
) -> None:
    assert message in fail_command(*(text.format(rules=rules) for text in arguments), exit_code=2)
