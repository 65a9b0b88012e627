"""Access to the connection of a command: its extra, and where it is stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from airflow.models import Connection
from airflow.secrets.metastore import MetastoreBackend
from airflow.utils.session import create_session
from sqlalchemy import select

from airflow_provider_damstra.cli.execution import CommandError
from airflow_provider_damstra.hooks.connection import find_connection, parse_extra
from airflow_provider_damstra.hooks.connection_lookup import add_connection_command, describe_backend
from airflow_provider_damstra.hooks.damstra import DamstraHook

Extra = dict[str, Any]


def find_extra(conn_id: str) -> tuple[Extra, str | None]:
    """Return a connection's extra from the first secrets backend that has it, in Airflow's order.

    :returns: the extra, and a description of the backend; None for Airflow's metadata database, which is
        writable.
    :raises CommandError: with advice, if there is no usable connection.
    """
    stored = find_connection(conn_id)
    if stored is None:
        raise CommandError(
            f"There is no connection {conn_id!r}. Make it first: {add_connection_command(conn_id)}"
        )
    connection, backend = stored
    is_writable = isinstance(backend, MetastoreBackend)
    return _validated_extra(connection), None if is_writable else describe_backend(backend, conn_id)


def update_extra(conn_id: str, transform: Callable[[Extra], Extra]) -> Extra:
    """Update a connection's extra in Airflow's metadata database, in one transaction, and return it.

    :param transform: returns the new extra for the stored one.
    :raises CommandError: if the connection was deleted meanwhile, or is not usable.
    """
    with create_session() as session:
        query = select(Connection).where(Connection.conn_id == conn_id).with_for_update()
        connection = session.scalar(query)
        if connection is None:
            raise CommandError(f"Connection {conn_id!r} was deleted meanwhile.")
        extra = transform(_validated_extra(connection))
        connection.set_extra(json.dumps(extra))
        return extra


def _validated_extra(connection: Any) -> Extra:
    if connection.conn_type != DamstraHook.conn_type:
        raise CommandError(
            f"Connection {connection.conn_id!r} is of type {connection.conn_type!r}, not "
            f"{DamstraHook.conn_type!r}."
        )
    try:
        return parse_extra(connection)
    except ValueError as error:
        raise CommandError(f"Connection {connection.conn_id!r} cannot be used: {error}.") from None
