"""Shared by the commands: the decorator, and access to the connection that a command is about."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.models import Connection
from airflow.secrets.environment_variables import EnvironmentVariablesBackend
from airflow.secrets.metastore import MetastoreBackend
from airflow.utils.cli import action_cli, suppress_logs_and_warning
from airflow.utils.providers_configuration_loader import providers_configuration_loaded
from airflow.utils.session import create_session
from sqlalchemy import select

from airflow_provider_damstra.hooks.connection import find_connection, parse_extra
from airflow_provider_damstra.hooks.damstra import DamstraHook

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    CommandFunction = Callable[[Namespace], None]

Extra = dict[str, Any]


@dataclass(frozen=True)
class ResolvedConnection:
    """A connection's extra, and the secrets backend that has it.

    :param source: description of the backend, or None for Airflow's metadata database, which is writable.
    """

    extra: Extra
    source: str | None


def airflow_command(function: CommandFunction) -> CommandFunction:
    """Make a function a command of Airflow: logged as an action, with the providers' configuration."""
    configured = suppress_logs_and_warning(providers_configuration_loaded(function))
    wrapped: CommandFunction = action_cli(configured)  # type: ignore[no-untyped-call]
    return wrapped


def resolve(conn_id: str) -> ResolvedConnection:
    """Return a connection from the first secrets backend that has it, in Airflow's order.

    :raises SystemExit: with advice, if there is no usable connection.
    """
    if found := find_connection(conn_id):
        connection, backend = found
        source = None if isinstance(backend, MetastoreBackend) else _describe_backend(backend, conn_id)
        return ResolvedConnection(_validated_extra(connection), source)
    raise SystemExit(
        f"There is no connection {conn_id!r}. Make it first: airflow connections add {conn_id} "
        f"--conn-type {DamstraHook.conn_type} --conn-password <access key>"
    )


def update_extra(conn_id: str, transform: Callable[[Extra], Extra]) -> Extra:
    """Update a connection's extra in Airflow's metadata database, in one transaction, and return it.

    :param transform: returns the new extra for the stored one.
    :raises SystemExit: if the connection was deleted meanwhile, or is not usable.
    """
    with create_session() as session:
        query = select(Connection).where(Connection.conn_id == conn_id).with_for_update()
        connection = session.scalar(query)
        if connection is None:
            raise SystemExit(f"Connection {conn_id!r} was deleted meanwhile.")
        extra = transform(_validated_extra(connection))
        connection.set_extra(json.dumps(extra))
        return extra


def _validated_extra(connection: Any) -> Extra:
    if connection.conn_type != DamstraHook.conn_type:
        raise SystemExit(
            f"Connection {connection.conn_id!r} is of type {connection.conn_type!r}, not "
            f"{DamstraHook.conn_type!r}."
        )
    return parse_extra(connection)


def _describe_backend(backend: Any, conn_id: str) -> str:
    if isinstance(backend, EnvironmentVariablesBackend):
        return f"the environment variable AIRFLOW_CONN_{conn_id.upper()}"
    return f"the secrets backend {type(backend).__name__}"
