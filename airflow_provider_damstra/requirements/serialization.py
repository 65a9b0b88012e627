"""People and their requirements as JSON texts: what a trigger stores instead of the training rules.

A triggerer holds thousands of waits. Equal requirements are read once and shared by all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from airflow_provider_damstra.durations import format_duration, parse_duration
from airflow_provider_damstra.requirements.gate import Candidate
from airflow_provider_damstra.requirements.status import Requirement

_DURATIONS = ("valid_for", "warn_before")


def dump_candidates(candidates: Iterable[Candidate]) -> tuple[str, str]:
    """Return the people, and the requirements that they refer to by number, as JSON."""
    numbers: dict[Requirement, int] = {}
    groups: dict[tuple[Any, ...], dict[str, str | None]] = {}
    for candidate in candidates:
        own = tuple(numbers.setdefault(one, len(numbers)) for one in candidate.requirements)
        key = (str(candidate.time_zone), own, candidate.obstacle)
        groups.setdefault(key, {})[str(candidate.user_id)] = candidate.name
    people = [
        {"time_zone": time_zone, "requirements": own, "users": users}
        | ({"obstacle": obstacle} if obstacle else {})
        for (time_zone, own, obstacle), users in groups.items()
    ]
    return _to_json(people), _to_json([_requirement_fields(one) for one in numbers])


def without_names(people: str) -> str:
    """Return the people of ``dump_candidates`` without their names, which are personal data."""
    groups = json.loads(people)
    return _to_json([{**group, "users": dict.fromkeys(group["users"])} for group in groups])


def load_candidates(people: str, requirements: str) -> list[Candidate]:
    """Return the people of ``dump_candidates``.

    :raises ValueError: if a text is no JSON of ``dump_candidates``.
    """
    try:
        return [
            Candidate(
                user_id=int(user_id),
                name=name or "",
                time_zone=ZoneInfo(group["time_zone"]),
                requirements=_load_requirements(requirements, tuple(group["requirements"])),
                obstacle=group.get("obstacle", ""),
            )
            for group in json.loads(people)
            for user_id, name in group["users"].items()
        ]
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise ValueError(f"people or requirements have another form: {error!r}") from None


def _requirement_fields(requirement: Requirement) -> dict[str, Any]:
    """Return the fields on which the status depends, without defaults."""
    fields: dict[str, Any] = {
        "lesson_id": requirement.lesson_id,
        "lesson_name": requirement.lesson_name,
        "lesson_version_id": requirement.lesson_version_id,
    }
    for name in ("current_version_only", "require_passed"):
        if getattr(requirement, name):
            fields[name] = True
    for name in _DURATIONS:
        if (duration := getattr(requirement, name)) is not None:
            fields[name] = format_duration(duration)
    return fields


@lru_cache(maxsize=10_000)
def _load_requirements(text: str, numbers: Sequence[int]) -> tuple[Requirement, ...]:
    every = _load_all_requirements(text)
    return tuple(every[number] for number in numbers)


@lru_cache(maxsize=1000)
def _load_all_requirements(text: str) -> tuple[Requirement, ...]:
    return tuple(map(_load_requirement, json.loads(text)))


def _load_requirement(fields: dict[str, Any]) -> Requirement:
    durations = {name: parse_duration(name, fields[name]) for name in _DURATIONS if name in fields}
    return Requirement(rule="", position="", **{**fields, **durations})


def _to_json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
