"""Supervisors of users: those of their groups, and those that a lesson schedule names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_damstra.endpoints.group import ListGroupSupervisors
from airflow_provider_damstra.endpoints.lesson_schedule import GetLessonSchedule, ListUserLessonSchedules
from airflow_provider_damstra.endpoints.user import GetUser
from airflow_provider_damstra.errors import DamstraNotFoundError
from airflow_provider_damstra.models.base import parse_count
from airflow_provider_damstra.services.concurrency import map_concurrently

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.base import SupportsCalls
    from airflow_provider_damstra.models.user import User

Result = TypeVar("Result")


def find_supervisors_of_user(client: SupportsCalls, user_id: int | str) -> list[User]:
    """Return the active supervisors of one user, in the order of their names.

    Calls ``getUser`` and ``listUserLessonSchedules``, and then as ``find_supervisors``.

    :raises DamstraNotFoundError: if the user does not exist.
    """
    user = client.call(GetUser(user_id=user_id))
    schedule_ids = [row.id for row in client.iterate(ListUserLessonSchedules(user_id=user_id))]
    newest = {user.id: max(schedule_ids)} if schedule_ids else {}
    return find_supervisors(client, {user.id: user.groups}, newest)[user.id]


def supervised_users(supervisors: Mapping[int, Iterable[User]]) -> dict[int, tuple[User, list[int]]]:
    """Return each supervisor by id, with the ids of the users whom this supervisor supervises.

    :param supervisors: the supervisors of each user, as ``find_supervisors`` returns them.
    """
    found: dict[int, tuple[User, list[int]]] = {}
    for user_id, of_user in supervisors.items():
        for supervisor in of_user:
            found.setdefault(supervisor.id, (supervisor, []))[1].append(user_id)
    return found


def find_supervisors(
    client: SupportsCalls, groups_by_user: Mapping[int, Collection[int]], schedule_by_user: Mapping[int, int]
) -> dict[int, list[User]]:
    """Return the active supervisors of users, by user id, in the order of their names.

    A user's groups do not show who supervises the user directly; only a lesson schedule does. Users are not
    their own supervisors.

    Calls ``listGroupSupervisors`` for each group, ``getLessonSchedule`` for each schedule, and ``getUser``
    for each supervisor that is in no group's listing.

    :param groups_by_user: ids of the groups of each user.
    :param schedule_by_user: id of one lesson schedule of each user who has any.
    """

    def list_of_group(group_id: int) -> list[User]:
        return list(client.iterate(ListGroupSupervisors(group_id=group_id)))

    def ids_in_schedule(schedule_id: int) -> list[int]:
        return _parse_ids(client.call(GetLessonSchedule(lesson_schedule_id=schedule_id)).supervisors)

    def get_user(user_id: int) -> list[User]:
        return [client.call(GetUser(user_id=user_id))]

    group_ids = {group_id for groups in groups_by_user.values() for group_id in groups}
    by_group = _map(list_of_group, group_ids, "groups of supervisors read")
    by_schedule = _map(ids_in_schedule, schedule_by_user.values(), "lesson schedules read")
    known = {user.id: user for users in by_group.values() for user in users}
    direct = {user_id: {*by_schedule[schedule]} - {user_id} for user_id, schedule in schedule_by_user.items()}
    missing = {one for ids in direct.values() for one in ids} - known.keys()
    known |= {
        one: user for one, users in _map(get_user, missing, "supervisors read").items() for user in users
    }
    found: dict[int, list[User]] = {}
    for user_id, groups in groups_by_user.items():
        ids = {supervisor.id for group_id in groups for supervisor in by_group[group_id]}
        ids |= direct.get(user_id, set())
        supervisors = [known[one] for one in ids - {user_id} if one in known and known[one].is_active]
        found[user_id] = sorted(supervisors, key=lambda user: (user.full_name.casefold(), user.id))
    return found


def _map(
    function: Callable[[int], list[Result]], ids: Collection[int], description: str
) -> dict[int, list[Result]]:
    """Return the function's result for each id; nothing for what does not exist (any more)."""

    def call(object_id: int) -> list[Result]:
        try:
            return function(object_id)
        except DamstraNotFoundError as error:
            if error.is_from_proxy:
                raise
            return []

    ids = sorted(ids)
    return dict(zip(ids, map_concurrently(call, ids, description=description), strict=True))


def _parse_ids(supervisors: Iterable[Any]) -> list[int]:
    """Return the ids of a schedule's supervisors, which the API does not document: numbers, or objects."""
    values = [one.get("id", one.get("userId")) if isinstance(one, dict) else one for one in supervisors]
    return [user_id for user_id in map(parse_count, values) if user_id]
