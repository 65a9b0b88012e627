"""The connections to Damstra Learning that the API server knows, and their settings without secrets."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow.models.connection import Connection
from airflow.secrets.environment_variables import CONN_ENV_PREFIX, EnvironmentVariablesBackend
from airflow.utils.session import create_session
from sqlalchemy import select

from airflow_provider_damstra.errors import DamstraError, DamstraTransportError
from airflow_provider_damstra.hooks.connection import load_settings
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.webhooks.config import load_receiver_config

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.settings import ClientSettings


@dataclass(frozen=True, kw_only=True)
class ConnectionSettings:
    """Settings of a connection that a page may show, or why they cannot be read.

    :param host: host and port.
    :param problem: error message, or None.
    """

    host: str | None = None
    requests_per_second: float | None = None
    max_concurrency: int | None = None
    max_retries: int | None = None
    timeout: float | None = None
    problem: str | None = None


def known_conn_ids() -> set[str]:
    """Return the ids of the connections in the metadata database, the environment and ``webhook_conn_ids``.

    Secrets backends cannot list their connections.
    """
    return {*_stored_conn_ids(), *_environment_conn_ids(), *_webhook_conn_ids()}


def _stored_conn_ids() -> set[str]:
    query = select(Connection.conn_id).where(Connection.conn_type == DamstraHook.conn_type)
    with create_session() as session:
        return set(session.scalars(query))


def _environment_conn_ids() -> set[str]:
    conn_ids = (
        name.removeprefix(CONN_ENV_PREFIX).lower() for name in os.environ if name.startswith(CONN_ENV_PREFIX)
    )
    return {conn_id for conn_id in conn_ids if _is_damstra(conn_id)}


def _is_damstra(conn_id: str) -> bool:
    # Not the other secrets backends: a variable of another system would cost a request to them.
    try:
        connection = EnvironmentVariablesBackend().get_connection(conn_id)
    except Exception:  # a malformed variable of another system
        return False
    return connection is not None and connection.conn_type == DamstraHook.conn_type


def _webhook_conn_ids() -> set[str]:
    try:
        config = load_receiver_config()
    except ValueError:
        return set()
    return set(config.webhook_conn_ids) if config.webhooks_enabled else set()


def read_client_settings(conn_id: str) -> ClientSettings:
    """Return the client settings of a connection.

    :raises DamstraError: if there is no such connection, or it cannot be read or used.
    """
    try:
        return load_settings(conn_id)
    except DamstraError:
        raise
    except Exception as error:
        # Such as another Fernet key. Only the type, also in the log: the text may contain a secret.
        problem = type(error).__name__
    raise DamstraTransportError(
        f"Connection {conn_id!r} cannot be read ({problem}). Check the Fernet key of the API server.",
        was_sent=False,
    )


def read_settings(conn_id: str) -> ConnectionSettings:
    """Return the settings of a connection that a page may show."""
    try:
        settings = read_client_settings(conn_id)
    except DamstraError as error:
        return ConnectionSettings(problem=str(error))
    names = ("host", "requests_per_second", "max_concurrency", "max_retries", "timeout")
    return ConnectionSettings(**{name: getattr(settings, name) for name in names})
