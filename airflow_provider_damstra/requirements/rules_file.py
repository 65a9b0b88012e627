"""Read training rules from YAML, JSON or a list, and report bad ones with their position."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml
from pydantic import ValidationError

from airflow_provider_damstra.requirements.rules import TrainingRule, TrainingRules
from airflow_provider_damstra.text import join_first
from airflow_provider_damstra.validation_errors import error_details

MAX_BYTES = 1024 * 1024
"""The largest file of rules that is read."""

_YAML_INTEGER = "tag:yaml.org,2002:int"
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)")

Location = tuple[str | int, ...]
"""Keys and indexes that lead to a value, such as ``("requirements", 0, "lessons", 1)``."""


class Positions:
    """Where the values of a document are: paths, and lines if the document is a text.

    :param source: name of the document, such as the path of its file.
    :param lines: line of each value by its location, from 1.
    """

    def __init__(self, source: str, lines: Mapping[Location, int] | None = None) -> None:
        self.source = source
        self._lines = lines or {}

    def describe(self, location: Location) -> str:
        """Return a position such as ``requirements[0].valid_for (line 4)``; the line is the nearest known."""
        text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
        known = (location[:length] for length in range(len(location), 0, -1))
        line = next((self._lines[part] for part in known if part in self._lines), None)
        return text if line is None else f"{text} (line {line})"

    def error(self, problems: Sequence[str]) -> ValueError:
        """Return an error that names all problems, each of which begins with its position."""
        shown = join_first(problems, separator="\n  ")
        count = f"{len(problems)} problem{'' if len(problems) == 1 else 's'}"
        return ValueError(f"{self.source}: {count}:\n  {shown}")


def parse_rules(value: Any, *, source: str) -> tuple[TrainingRules, Positions]:
    """Return rules, and where they are.

    :param value: YAML or JSON text, or a list of rules, each a mapping; also ``{"requirements": [...]}``.
    :param source: name of the document, for messages.
    :raises ValueError: naming every bad rule with its position and the reason.
    """
    if isinstance(value, bytes):
        value = _decode(value, source)
    positions = Positions(source)
    if isinstance(value, str):
        value, positions = _parse_text(value, source)
    if isinstance(value, (list, tuple)):
        value = {"requirements": list(value)}
    if not isinstance(value, Mapping):
        raise ValueError(f"{source}: it contains no rules: 'requirements:' with a list below it")
    try:
        rules = TrainingRules.model_validate(value)
    except ValidationError as error:
        problems = list(_problems(error, positions))
    else:
        contradictions = list(_contradictions(rules, positions))
        if not contradictions:
            return rules, positions
        problems = contradictions
    # Not raised in the except block: pydantic's error, which is several pages long, would be its context.
    raise positions.error(problems)


def _decode(content: bytes, source: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
    raise ValueError(f"{source}: line {line}: it is not UTF-8")


def _parse_text(text: str, source: str) -> tuple[Any, Positions]:
    """Return the value of a YAML or JSON text; a list of rules has the positions of ``requirements``."""
    if len(text) > MAX_BYTES:
        raise ValueError(f"{source}: it is larger than {MAX_BYTES // 1024} KiB")
    value = _parse_json(text)
    if value is not None:
        # YAML does not allow tabs between JSON's tokens; within its strings, JSON allows none.
        text = text.replace("\t", " ")
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        lines = dict(_lines(node, (), source, set())) if node is not None else {}
        if value is None:  # of JSON, YAML would read other escape sequences and numbers
            value = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        reason = f"{source}: {where}it is no YAML or JSON: {error.problem or error.context}"
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if isinstance(error, ValueError) and str(error).startswith(source):
            raise
        reason = f"{source}: it is no YAML or JSON: {str(error) or type(error).__name__}"
    else:
        if isinstance(value, list):
            lines = {("requirements", *location): line for location, line in lines.items()}
        return value, Positions(source, lines)
    raise ValueError(reason)


def _parse_json(text: str) -> Any:
    """Return the value of a JSON text, or None if it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _lines(
    node: yaml.Node, location: Location, source: str, visited: set[int]
) -> Iterator[tuple[Location, int]]:
    """Yield the line of each value; a mapping that has a key twice is an error, because one would be lost.

    :param visited: ids of the nodes with lines: an alias repeats a node, possibly within itself.
    """
    if id(node) in visited:
        return
    visited.add(id(node))
    line = node.start_mark.line + 1
    if node.tag == _YAML_INTEGER and not _DECIMAL.fullmatch(node.value):
        # To YAML, 0123 is 83, 12:30 is 750 and 1_000 is 1000: an employee number would become another user.
        raise ValueError(f"{source}: line {line}: put quotes around {node.value}: YAML reads another number")
    yield location, line
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _lines(item, (*location, index), source, visited)
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, item in node.value:
            name = str(key.value)
            line = key.start_mark.line + 1
            if name in seen:
                raise ValueError(f"{source}: line {line}: {name} is there twice")
            seen.add(name)
            yield from _lines(item, (*location, name), source, visited)
            yield (*location, name), line


def _problems(error: ValidationError, positions: Positions) -> Iterator[str]:
    details = error_details(error)
    outer = {detail["loc"][:length] for detail in details for length in range(len(detail["loc"]))}
    for detail in details:
        location = detail["loc"]
        # A list with a bad item is reported as too short, too.
        if location in outer:
            continue
        reason = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            reason = f"there is no such key; a rule has {', '.join(TrainingRule.model_fields)}"
        elif detail["type"] == "missing":
            reason = "it is missing"
        yield f"{positions.describe(location) or 'the document'}: {reason}"


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
