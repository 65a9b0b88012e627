"""The arguments that give training rules to operators and sensors: the rules, or the path of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.validation import (
    is_rendered_later,
    validate_choice,
    validate_exactly_one,
    validate_share,
    validate_subset,
    validate_time_zone,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_damstra.requirements.rules import TrainingRules
    from airflow_provider_damstra.yaml_documents import Positions

REQUIREMENTS_FIELDS = ("requirements", "requirements_path")
"""Template fields of a task that takes training rules."""


def validate_requirements_arguments(*, requirements: Any, requirements_path: Any) -> None:
    """Validate at parse time that exactly one of the arguments is given; the rules are read at run time.

    :raises ValueError: if both or none are given.
    """
    validate_exactly_one(requirements=requirements, requirements_path=requirements_path)


def validate_gate_arguments(
    *, time_zone: str, threshold: Any, accepted_states: Sequence[str], on_no_requirements: str
) -> None:
    """Validate at parse time the arguments that decide whether people are trained.

    :raises ValueError: if one has an invalid value.
    """
    validate_time_zone("time_zone", time_zone)
    validate_subset("accepted_states", accepted_states, "current", "expiring", "assigned")
    if "current" not in accepted_states:
        raise ValueError("accepted_states lacks 'current', so that people who are trained would not pass")
    validate_choice("on_no_requirements", on_no_requirements, "untrained", "trained")
    if not is_rendered_later(threshold):
        validate_share("threshold", threshold)


def read_rules(requirements: Any, requirements_path: str | None) -> tuple[TrainingRules, Positions]:
    """Return the rules that the rendered arguments give, and where they are, for messages.

    :param requirements: a list of rules; a mapping with the list as ``requirements``; or one of these as YAML
        or JSON text, such as the value of an Airflow Variable.
    :param requirements_path: instead, path or URL of a YAML or JSON file on any object storage.
    :raises ValueError: naming every bad rule with its position.
    """
    from airflow_provider_damstra.requirements.rules_file import parse_rules
    from airflow_provider_damstra.storage import open_for_reading
    from airflow_provider_damstra.yaml_documents import MAX_BYTES

    if requirements_path is None:
        return parse_rules(requirements, source="requirements")
    with open_for_reading("requirements_path", requirements_path) as file:
        return parse_rules(file.read(MAX_BYTES + 1), source=requirements_path)
