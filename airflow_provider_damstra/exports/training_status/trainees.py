"""The users whose training status is evaluated, from the listing of users."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from airflow_provider_damstra.clients.raw_pages import row_key
from airflow_provider_damstra.endpoints.base import RequestModel
from airflow_provider_damstra.endpoints.types import OMITTED, OptionalAwareDateTime, OptionalIdentifierList
from airflow_provider_damstra.endpoints.user import ListUsers
from airflow_provider_damstra.errors import DamstraNotFoundError, DamstraResponseError
from airflow_provider_damstra.exports.row_parsing import parse_row
from airflow_provider_damstra.models.user import User
from airflow_provider_damstra.requirements.trainee import Trainee

if TYPE_CHECKING:
    from datetime import tzinfo

    from airflow_provider_damstra.exports.reader import ResourceReader
    from airflow_provider_damstra.exports.training_status.failures import FailedUsers
    from airflow_provider_damstra.requirements.resolution import ResolvedRules


class EvaluationRequest(RequestModel):
    """The users whose status is evaluated, by default all active ones, and the time of the status."""

    user_ids: OptionalIdentifierList = OMITTED
    at: OptionalAwareDateTime = OMITTED


def read_trainees(
    reader: ResourceReader,
    rules: ResolvedRules,
    *,
    user_ids: Collection[int] | None = None,
    time_zone: tzinfo,
    failed: FailedUsers,
) -> dict[int, Trainee]:
    """Return by user id the active users, or some of them, whom a rule is for.

    :param reader: of the resource ``users``.
    :param user_ids: the users; None for all.
    :param time_zone: the time zone of users without a valid one.
    :param failed: to which users are added who do not exist, are inactive, or cannot be read.
    """
    trainees: dict[int, Trainee] = {}
    wanted = None if user_ids is None else set(user_ids)
    missing = set(wanted or ())
    for user in _read_users(reader, wanted, failed):
        missing.discard(user.id)
        requirements = rules.requirements_of(user)
        if requirements:
            trainees[user.id] = Trainee.of(user, requirements, time_zone=time_zone)
    for user_id in sorted(missing - failed.errors.keys()):
        failed.add(user_id, DamstraNotFoundError(f"There is no active user {user_id}."))
    return trainees


def _read_users(
    reader: ResourceReader, wanted: Collection[int] | None, failed: FailedUsers
) -> Iterator[User]:
    for page in reader.pages():
        for row in page.rows:
            try:
                user = parse_row(User, row, description="a row of users")
            except DamstraResponseError as error:
                user_id = row_key(row, ListUsers())
                if not isinstance(user_id, int):
                    raise
                if wanted is None or user_id in wanted:
                    failed.add(user_id, error)
            else:
                if user.is_active and (wanted is None or user.id in wanted):
                    yield user
