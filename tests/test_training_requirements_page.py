"""docs/how-to/training-requirements.md names all keys, states, columns and arguments, and prints the log."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import pytest
import yaml

import airflow_provider_damstra.requirements
from airflow_provider_damstra.exports.training_status.rows import TrainingStatusRow
from airflow_provider_damstra.requirements.rules import TrainingRule
from airflow_provider_damstra.requirements.rules_file import parse_rules
from airflow_provider_damstra.requirements.status import TrainingState
from airflow_provider_damstra.transfers.status_target import StatusTargetMixin
from airflow_provider_damstra.transfers.training_evaluation import EvaluateTrainingOperator
from airflow_provider_damstra.transfers.training_status import DamstraTrainingStatusOperator
from tests.documentation.snippets import snippets_in
from tests.operators.task_runner import run
from tests.transfers.training_statuses import status_operator

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "how-to" / "training-requirements.md").read_text()
RULES, LOG = (
    next(one.text for one in snippets_in(language) if one.name == f"training-requirements.md, {heading}")
    for language, heading in (("yaml", "Rules"), ("text", "Schedule what is due"))
)


def named_in(section: str) -> set[str]:
    """Return what is in code font in the first cells of the tables of a section."""
    text = PAGE.partition(f"## {section}\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return set(re.findall(r"`(\w+)`", "".join(rows)))


def arguments_of(*kinds: type) -> set[str]:
    return {
        name
        for kind in kinds
        for name, parameter in inspect.signature(kind.__init__).parameters.items()  # type: ignore[misc]
        if parameter.kind is parameter.KEYWORD_ONLY
    }


def test_page_names_all_keys_and_states() -> None:
    assert named_in("Rules") == set(TrainingRule.model_fields)
    assert [one.value for one in TrainingState] == re.findall(r"^\| `(\w+)` \|", PAGE.split("## ")[2], re.M)


def test_page_names_all_columns_and_arguments() -> None:
    columns = set(TrainingStatusRow.model_fields)
    rules = {"requirements", "requirements_path", "at", "time_zone", "schedule_due", "dry_run"}
    xcoms = {"plan", "scheduled", "new_assignments", "supervisors"}
    named = named_in("Rows") | named_in("Schedule what is due") | rules
    assert named - columns - xcoms == arguments_of(
        DamstraTrainingStatusOperator, StatusTargetMixin, EvaluateTrainingOperator
    )
    assert columns <= named
    assert all(f"`{name}`" in PAGE or f"`{name}=" in PAGE or f"{name}=" in PAGE for name in rules)


def test_printed_rules_match_the_schema_that_their_first_line_names() -> None:
    assert RULES.startswith("# yaml-language-server: $schema=schema.json\n")
    schema = Path(airflow_provider_damstra.requirements.__file__).parent / "schema.json"
    jsonschema.validate(yaml.safe_load(RULES), yaml.safe_load(schema.read_text()))


def test_printed_problems_are_those_of_the_reader() -> None:
    wrong = RULES.replace("12 months", "12 moons").replace("groups: [Kalgoorlie", "group: [Kalgoorlie")
    with pytest.raises(ValueError, match="2 problems") as caught:
        parse_rules(wrong.replace("    include_child_groups: true\n", ""), source="rules.yaml")
    assert f"```text\n{caught.value}\n```" in PAGE


def test_printed_plan_is_that_of_a_dry_run(
    damstra_emulator: DamstraEmulator, capfd: pytest.CaptureFixture[str]
) -> None:
    rule = {"lessons": ["Working at Heights"], "users": [1001, 1002, 1003], "grace_period": "14 days"}
    run(status_operator(None, rule, schedule_due=True, dry_run=True), run_after=damstra_emulator.now)
    assert LOG.rstrip() in "".join(capfd.readouterr())
