"""A user whose training status is evaluated: what the status and its rows need, in a few hundred bytes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from airflow_provider_damstra.requirements.people import time_zone_of

if TYPE_CHECKING:
    from datetime import tzinfo

    from airflow_provider_damstra.models.user import User
    from airflow_provider_damstra.requirements.status import Requirement


@dataclass(frozen=True, kw_only=True, slots=True)
class Trainee:
    """A user, with what the user has to meet.

    :param time_zone: the user's time zone, or the default for users without a valid one.
    :param group_ids: ids of the groups of which the user is a member.
    :param requirements: in the order of the rules; one object for all users with the same ones.
    """

    id: int
    name: str
    employee_number: str | None
    email_address: str | None
    time_zone: tzinfo
    group_ids: tuple[int, ...]
    requirements: tuple[Requirement, ...]

    @classmethod
    def of(cls, user: User, requirements: tuple[Requirement, ...], *, time_zone: tzinfo) -> Trainee:
        """Return the trainee of a user.

        :param time_zone: the default time zone.
        """
        return cls(
            id=user.id,
            name=user.full_name,
            employee_number=user.employee_number,
            email_address=user.email_address,
            time_zone=time_zone_of(user, time_zone),
            group_ids=_shared(tuple(user.groups)),
            requirements=requirements,
        )


@lru_cache(4096)
def _shared(group_ids: tuple[int, ...]) -> tuple[int, ...]:
    """Return one object for equal tuples: many users are in the same groups."""
    return group_ids
