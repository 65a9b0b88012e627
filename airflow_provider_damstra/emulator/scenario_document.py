"""Scenario files: what happens in the emulator at which time of its clock, in YAML or JSON."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, get_args

from pydantic import Field

from airflow_provider_damstra.emulator.faults import FaultRule
from airflow_provider_damstra.emulator.moments import Duration, Moment
from airflow_provider_damstra.emulator.seed_document import Name, RoleName, SeedModel
from airflow_provider_damstra.yaml_documents import Location, Positions, parse_document, validate_document

if TYPE_CHECKING:
    from pydantic import BaseModel


class _Step(SeedModel):
    at: Moment


class LessonStep(_Step):
    """Start, complete, fail or cancel a user's open lesson schedule."""

    do: Literal["start", "complete", "fail", "cancel"]
    user: Name
    lesson: Name


class MoveStep(_Step):
    """Move a user's open lesson schedule to another start."""

    do: Literal["move"]
    user: Name
    lesson: Name
    start: Moment


class ScheduleStep(_Step):
    """Schedule a user for a lesson."""

    do: Literal["schedule"]
    user: Name
    lesson: Name
    grace_period: Duration = timedelta(days=14)


class AddUserStep(_Step):
    """Add a user; groups are their names."""

    do: Literal["add_user"]
    first_name: Name
    last_name: Name
    user_name: Name | None = None
    email_address: str | None = None
    employee_number: str | None = None
    roles: tuple[RoleName, ...] = ("trainee",)
    groups: tuple[Name, ...] = ()


class AddFaultStep(_Step):
    """Add a fault, as the control plane does."""

    do: Literal["add_fault"]
    fault: FaultRule


class ClearFaultsStep(_Step):
    """Remove all faults."""

    do: Literal["clear_faults"]


class AdvanceStep(_Step):
    """Move the clock forward."""

    do: Literal["advance"]
    by: Duration


Step: TypeAlias = Annotated[
    LessonStep | MoveStep | ScheduleStep | AddUserStep | AddFaultStep | ClearFaultsStep | AdvanceStep,
    Field(discriminator="do"),
]
_STEPS: tuple[type[_Step], ...] = get_args(get_args(Step)[0])


class ScenarioDocument(SeedModel):
    """Steps; the offset of each is relative to the emulator's clock when the scenario starts."""

    steps: Annotated[list[Step], Field(min_length=1)]


def parse_scenario(content: str | bytes, *, source: str) -> tuple[ScenarioDocument, Positions]:
    """Return a scenario, and where its steps are.

    :param content: YAML or JSON.
    :param source: name of the document, for messages.
    :raises ValueError: naming every problem with its position.
    """
    value, positions = parse_document(content, source=source)
    scenario = validate_document(
        ScenarioDocument, value or {}, positions, describe_keys=_describe_keys, to_location=_without_tag
    )
    return scenario, positions


def _without_tag(location: Location) -> Location:
    """Return the location without the value of ``do``, which pydantic adds after the index of a step."""
    return (*location[:2], *location[3:])


def _describe_keys(location: Location) -> str:
    model: type[BaseModel] = ScenarioDocument
    if location[-1:] == ("fault",):
        model = FaultRule
    elif len(location) > 2:
        model = next(step for step in _STEPS if location[2] in step.model_fields["do"].annotation.__args__)  # type: ignore[union-attr]
    return f"there are {', '.join(model.model_fields)}"


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of scenario files, for editors."""
    schema = ScenarioDocument.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "Scenario of the Damstra Learning emulator",
    }
