"""Read training rules from YAML, JSON or a list, and report bad ones with their position."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_damstra.requirements.rules import TrainingRule, TrainingRules
from airflow_provider_damstra.yaml_documents import (
    Location,
    Positions,
    parse_document,
    validate_document,
)


def parse_rules(value: Any, *, source: str) -> tuple[TrainingRules, Positions]:
    """Return rules, and where they are.

    :param value: YAML or JSON text, or a list of rules, each a mapping; also ``{"requirements": [...]}``.
    :param source: name of the document, for messages.
    :raises ValueError: naming every bad rule with its position and the reason.
    """
    positions = Positions(source)
    if isinstance(value, (str, bytes)):
        value, positions = parse_document(value, source=source)
        positions = positions.below("requirements") if isinstance(value, list) else positions
    if isinstance(value, (list, tuple)):
        value = {"requirements": list(value)}
    if not isinstance(value, Mapping):
        raise ValueError(f"{source}: it contains no rules: 'requirements:' with a list below it")
    rules = validate_document(TrainingRules, value, positions, describe_keys=_describe_keys)
    if contradictions := list(_contradictions(rules, positions)):
        raise positions.error(contradictions)
    return rules, positions


def _describe_keys(_: Location) -> str:
    return f"a rule has {', '.join(TrainingRule.model_fields)}"


def _contradictions(rules: TrainingRules, positions: Positions) -> Iterator[str]:
    """Yield the rules that name a lesson for an audience of another rule, or have the name of another."""
    seen: dict[tuple[Any, ...], Location] = {}
    for index, rule in enumerate(rules.requirements):
        location: Location = ("requirements", index)
        keys: list[tuple[tuple[Any, ...], Location, str]] = []
        if rule.name is not None:
            keys.append((("name", rule.name.casefold()), (*location, "name"), "has the same name"))
        for number, lesson in enumerate(rule.lessons):
            for audience in _audience_keys(rule):
                place = (*location, "lessons", number)
                keys.append(((_folded(lesson), *audience), place, "is about the same lesson and people"))
        for key, place, reason in keys:
            if key in seen:
                yield f"{positions.describe(place)}: {positions.describe(seen[key])} {reason}"
                break
            seen[key] = place


def _audience_keys(rule: TrainingRule) -> list[tuple[Any, ...]]:
    if rule.all:
        return [("all",)]
    for name in ("groups", "roles", "users"):
        if values := getattr(rule, name):
            return [(name, _folded(value)) for value in values]
    return []


def _folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value
