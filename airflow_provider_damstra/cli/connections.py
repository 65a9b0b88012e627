"""The connection that a command is about: where it comes from, and changing its extra."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.models import Connection
from airflow.secrets.environment_variables import EnvironmentVariablesBackend
from airflow.secrets.metastore import MetastoreBackend
from airflow.utils.session import create_session
from sqlalchemy import select

from airflow_provider_damstra.hooks.connection import find_connection, parse_extra
from airflow_provider_damstra.hooks.damstra import DamstraHook

if TYPE_CHECKING:
    from collections.abc import Callable

Extra = dict[str, Any]


@dataclass(frozen=True)
class Found:
    """A connection's extra, and where the connection comes from.

    :param origin: in words, or None if it is Airflow's metadata database, in which it can be written.
    """

    extra: Extra
    origin: str | None


def find(conn_id: str) -> Found:
    """Return what a connection says, from the first place that has it, as Airflow looks for it.

    :raises SystemExit: saying what to do, if there is none that can be used.
    """
    if found := find_connection(conn_id):
        connection, backend = found
        origin = None if isinstance(backend, MetastoreBackend) else _name(backend, conn_id)
        return Found(_checked(connection), origin)
    raise SystemExit(
        f"There is no connection {conn_id!r}. Make it first: airflow connections add {conn_id} "
        f"--conn-type {DamstraHook.conn_type} --conn-password <access key>"
    )


def change(conn_id: str, make: Callable[[Extra], Extra]) -> Extra:
    """Change a connection's extra in Airflow's metadata database, in one transaction, and return it.

    :param make: returns the new extra for the one that is there.
    :raises SystemExit: if it is not there any more, or cannot be used.
    """
    with create_session() as session:
        query = select(Connection).where(Connection.conn_id == conn_id).with_for_update()
        connection = session.scalar(query)
        if connection is None:
            raise SystemExit(f"Connection {conn_id!r} was deleted meanwhile.")
        extra = make(_checked(connection))
        connection.set_extra(json.dumps(extra))
        return extra


def _checked(connection: Any) -> Extra:
    if connection.conn_type != DamstraHook.conn_type:
        raise SystemExit(
            f"Connection {connection.conn_id!r} is of type {connection.conn_type!r}, not "
            f"{DamstraHook.conn_type!r}."
        )
    return parse_extra(connection)


def _name(backend: Any, conn_id: str) -> str:
    if isinstance(backend, EnvironmentVariablesBackend):
        return f"the environment variable AIRFLOW_CONN_{conn_id.upper()}"
    return f"the secrets backend {type(backend).__name__}"
