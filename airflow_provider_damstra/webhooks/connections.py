"""Reading connections in the API server: as it does, in a thread, and without what only tasks need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.configuration import ensure_secrets_loaded

from airflow_provider_damstra.errors import DamstraConfigurationError
from airflow_provider_damstra.hooks.connection import settings_from

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.settings import ClientSettings


def find_connection(conn_id: str) -> Any:
    """Return a connection, or None if there is no such one.

    :raises Exception: whatever a secrets backend raises. (Airflow's own search for a connection takes a
        backend that fails for one that has no such connection.)
    """
    found = (backend.get_connection(conn_id) for backend in ensure_secrets_loaded())
    return next((connection for connection in found if connection), None)


def settings_of(conn_id: str) -> ClientSettings:
    """Return what a connection says, checked.

    :raises DamstraConfigurationError: if there is no such connection, or it cannot be used.
    """
    connection = find_connection(conn_id)
    if connection is None:
        raise DamstraConfigurationError(f"There is no connection {conn_id!r}.")
    return settings_from(connection)
