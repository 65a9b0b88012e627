"""Permissions of the pages, decided by Airflow's auth manager.

Every route names the permissions that it needs. What a page shows of a connection or DAG also needs the
permission to read this connection or DAG.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import ConnectionDetails, DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.configuration import conf
from airflow.models.connection import Connection
from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.base_auth_manager import BaseAuthManager
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser


@dataclass(frozen=True)
class Permission:
    """A permission of Airflow's auth manager.

    :param name: resource and method, for messages and the documentation.
    :param is_granted: asks the auth manager whether a user has it.
    """

    name: str
    is_granted: Callable[[BaseAuthManager[Any], BaseUser], bool]


READ_ASSETS = Permission(
    "assets: GET", lambda manager, user: manager.is_authorized_asset(method="GET", user=user)
)
CREATE_ASSET_EVENTS = Permission(
    "assets: POST", lambda manager, user: manager.is_authorized_asset(method="POST", user=user)
)
READ_CONNECTIONS = Permission(
    "connections: GET", lambda manager, user: manager.is_authorized_connection(method="GET", user=user)
)
TEST_CONNECTIONS = Permission(
    "connections: POST", lambda manager, user: manager.is_authorized_connection(method="POST", user=user)
)
READ_TASK_INSTANCES = Permission(
    "task instances: GET",
    lambda manager, user: manager.is_authorized_dag(
        method="GET", access_entity=DagAccessEntity.TASK_INSTANCE, user=user
    ),
)


def has_permissions(user: BaseUser, permissions: Iterable[Permission]) -> bool:
    """Return whether a user has all of some permissions."""
    return all(permission.is_granted(get_auth_manager(), user) for permission in permissions)


def requires(*permissions: Permission) -> Callable[[BaseUser], None]:
    """Return a dependency of a route that lets only users with all of some permissions pass.

    It raises ``HTTPException``: 401 for anonymous requests, 403 for users without a permission.
    """

    def check(user: GetUserDep) -> None:
        for permission in permissions:
            if not permission.is_granted(get_auth_manager(), user):
                raise HTTPException(403, f"You do not have the permission {permission.name!r} in Airflow.")

    check.permissions = permissions  # type: ignore[attr-defined]
    return check


def is_connection_test_enabled() -> bool:
    """Return whether Airflow permits the test of connections (``[core] test_connection``)."""
    return str(conf.get("core", "test_connection", fallback="Disabled")).strip().lower() == "enabled"


def require_connection_test_enabled() -> None:
    """Dependency of a route that tests a connection: apply Airflow's option for its own test.

    :raises HTTPException: 403 unless the option is ``Enabled``.
    """
    if not is_connection_test_enabled():
        raise HTTPException(403, "Airflow's option [core] test_connection is not Enabled.")


def readable_conn_ids(user: BaseUser, conn_ids: Collection[str]) -> list[str]:
    """Return which of some connections a user may read, in alphabetical order."""
    team_names = _team_names(conn_ids)
    manager = get_auth_manager()
    return sorted(
        conn_id
        for conn_id in set(conn_ids)
        if manager.is_authorized_connection(
            method="GET",
            details=ConnectionDetails(conn_id=conn_id, team_name=team_names.get(conn_id)),
            user=user,
        )
    )


def _team_names(conn_ids: Collection[str]) -> Mapping[str, str | None]:
    """Return the names of the teams of connections, with one query if Airflow has teams (3.2 and newer)."""
    if not conf.getboolean("core", "multi_team", fallback=False):
        return {}
    return Connection.get_conn_id_to_team_name_mapping(list(conn_ids))


def may_read_connection(user: BaseUser, conn_id: str) -> bool:
    """Return whether a user may read a connection."""
    return bool(readable_conn_ids(user, [conn_id]))


def readable_dag_ids(user: BaseUser) -> set[str]:
    """Return the ids of the DAGs that a user may read."""
    return set(get_auth_manager().get_authorized_dag_ids(user=user))
