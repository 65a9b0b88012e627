"""A training rule: which people need which lessons, how often, and which completions count."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple, Self

from pendulum import Duration
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from airflow_provider_damstra.durations import parse_duration
from airflow_provider_damstra.models.user import Role

AUDIENCES = ("groups", "roles", "users", "all")
"""The keys of a rule of which exactly one selects the people."""

_DURATION_SCHEMA = {"type": "string", "minLength": 2, "examples": ["12 months", "90 days", "P1Y"]}
_MAX_DAYS = 36_500

MAX_RULES = 1000
"""The most rules that one file can contain."""


def _parse_days(value: Any, info: ValidationInfo) -> Duration:
    duration = parse_duration(info.field_name or "duration", value)
    if duration.hours or duration.minutes or duration.remaining_seconds or duration.microseconds:
        raise ValueError("it is not in whole days, and the day decides")
    if duration.in_days() > _MAX_DAYS:
        raise ValueError("it is longer than a hundred years")
    return duration


def _validate_list(value: Any) -> Any:
    if not isinstance(value, (list, tuple)):
        raise ValueError("it is no list")
    if not value:
        raise ValueError("it is empty")
    return value


def _validate_reference(value: Any) -> int | str:
    """Return an id or a text that identifies an object; YAML turns an unquoted ``no`` into a boolean."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError("it is neither an id nor a text; put quotes around a text such as no or 2026-01-31")
    if isinstance(value, int) and value < 1:
        raise ValueError("an id is at least 1")
    if isinstance(value, str) and not value.strip():
        raise ValueError("it is blank")
    return value.strip() if isinstance(value, str) else value


def _parse_role(value: Any) -> Role:
    names = ", ".join(role.name.lower() for role in Role)
    if isinstance(value, str) and value == value.lower() and value.upper() in Role.__members__:
        return Role[value.upper()]
    raise ValueError(f"it is no role; the roles are {names}")


Reference = Annotated[
    int | str,
    BeforeValidator(_validate_reference),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "minLength": 1}]}),
]
"""An id, or a text that identifies an object."""

References = Annotated[tuple[Reference, ...], Field(min_length=1), BeforeValidator(_validate_list)]
DurationInDays = Annotated[Duration, BeforeValidator(_parse_days), WithJsonSchema(_DURATION_SCHEMA)]
"""A duration in whole days, which may be in calendar months and years."""

_Role = Annotated[
    Role,
    BeforeValidator(_parse_role),
    WithJsonSchema({"enum": [role.name.lower() for role in Role]}),
]
_Roles = Annotated[tuple[_Role, ...], Field(min_length=1), BeforeValidator(_validate_list)]


class GracePeriod(NamedTuple):
    """The time to complete a lesson after it was scheduled, in the units of the API."""

    number: int
    unit: Literal["days", "months"]


class TrainingRule(BaseModel):
    """A rule: the people of one audience need each of some lessons."""

    model_config = ConfigDict(
        arbitrary_types_allowed=True,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        json_schema_extra={"oneOf": [{"required": [name]} for name in AUDIENCES]},
    )

    name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Name in results and messages; default the names of the lessons."""

    lessons: References
    """Names or ids of the lessons."""

    groups: References | None = None
    """Names or ids of the groups whose members the rule is for."""

    include_child_groups: bool = False
    """Whether members of all groups below are included."""

    roles: _Roles | None = None
    """Roles of the users whom the rule is for."""

    users: References | None = None
    """Users whom the rule is for: ids (numbers), employee numbers (texts) or e-mail addresses."""

    all: Literal[True] | None = None
    """The rule is for all active users."""

    valid_for: DurationInDays | None = None
    """Time for which a completion counts, in calendar units, such as 12 months; default for ever."""

    warn_before: DurationInDays | None = None
    """Time before the end of the validity in which the training is expiring; default none."""

    grace_period: DurationInDays | None = None
    """Time to complete a lesson after it was scheduled: days, weeks, months or years."""

    versions: Literal["any", "current"] = "any"
    """Whether completions of earlier versions of a lesson count."""

    require_passed: bool = False
    """Whether only completions with a passed test count."""

    @model_validator(mode="after")
    def _validate_combination(self) -> Self:
        given = [name for name in AUDIENCES if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"give exactly one of {', '.join(AUDIENCES)}; given: {', '.join(given) or 'none'}"
            )
        if self.include_child_groups and self.groups is None:
            raise ValueError("include_child_groups is for groups")
        if self.warn_before is not None:
            if self.valid_for is None:
                raise ValueError("warn_before needs valid_for: without it, nothing expires")
            if self.warn_before.in_days() >= self.valid_for.in_days():
                raise ValueError(
                    "warn_before is not shorter than valid_for: the training would never be current"
                )
        self.scheduled_grace_period()
        return self

    def scheduled_grace_period(self) -> GracePeriod | None:
        """Return the grace period as the API takes it, or None if the rule has none.

        :raises ValueError: if it mixes months and days.
        """
        duration = self.grace_period
        if duration is None:
            return None
        months = duration.years * 12 + duration.months
        days = duration.weeks * 7 + duration.remaining_days
        if months and days:
            raise ValueError("grace_period is in days or in months, not in both")
        return GracePeriod(months, "months") if months else GracePeriod(days, "days")


class TrainingRules(BaseModel):
    """The content of a file of training rules."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    requirements: Annotated[
        tuple[TrainingRule, ...], Field(min_length=1, max_length=MAX_RULES), BeforeValidator(_validate_list)
    ]
    """The rules."""
