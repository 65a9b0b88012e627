"""Users of the account: trainees, supervisors, instructors and administrators."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

from pydantic import Field

from airflow_provider_damstra.models.base import Identifiers, Model, OptionalTimestamp, UnwrapField


class Role(IntEnum):
    """A role of a user; a user has one or more."""

    ADMIN = 3
    EDITOR = 4
    SUPERVISOR = 5
    TRAINEE = 6
    OWNER = 7
    INSTRUCTOR = 8


class ClientStatus(IntEnum):
    """Whether a user belongs to the organisation (``clientStatusId``)."""

    ACTIVE = 56
    NOT_CURRENT = 57


Roles = Annotated[list[Annotated[Role | int, Field(union_mode="left_to_right")]], UnwrapField("id")]


class User(Model):
    """A user of the account."""

    id: int
    """The user's id."""

    user_name: str | None = None
    """Name with which the user logs in."""

    first_name: str | None = None
    """First name."""

    last_name: str | None = None
    """Last name."""

    email_address: str | None = None
    """E-mail address."""

    phone_number: str | None = None
    """Phone number."""

    mobile_number: str | None = None
    """Mobile phone number."""

    employee_number: str | None = None
    """The organisation's number of the user."""

    client_status_id: Annotated[ClientStatus | int | None, Field(union_mode="left_to_right")] = None
    """Whether the user belongs to the organisation."""

    groups: Identifiers = Field(default_factory=list)
    """Ids of the groups of which the user is a member."""

    groups_supervised: Identifiers = Field(default_factory=list)
    """Ids of the groups that the user supervises."""

    roles: Roles = Field(default_factory=list)
    """Roles of the user; a number for an undocumented one."""

    time_zone: str | None = None
    """IANA name of the time zone, such as ``Australia/Perth``."""

    created_date: OptionalTimestamp = None
    """Time of creation."""

    modified_date: OptionalTimestamp = None
    """Time of the last change."""

    @property
    def is_active(self) -> bool:
        """Return whether the user belongs to the organisation; unknown statuses count as active."""
        return self.client_status_id != ClientStatus.NOT_CURRENT

    @property
    def full_name(self) -> str:
        """Return first and last name, or the user name, or ``user <id>``."""
        return (
            " ".join(filter(None, (self.first_name, self.last_name))) or self.user_name or f"user {self.id}"
        )


class CreatedUser(Model):
    """The result of ``CreateUser``: id and dates only."""

    id: int
    """The user's id."""

    created_date: OptionalTimestamp = None
    """Time of creation."""

    modified_date: OptionalTimestamp = None
    """Time of the last change."""
