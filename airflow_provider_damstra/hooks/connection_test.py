"""The connection test: one request, and a message that names the part of the connection that is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_damstra.clients.client import Client
from airflow_provider_damstra.endpoints.user import ListUsers
from airflow_provider_damstra.errors import (
    DamstraAuthError,
    DamstraConfigurationError,
    DamstraError,
    DamstraNotFoundError,
    DamstraPermissionError,
    DamstraResponseError,
    DamstraTransportError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_damstra.clients.settings import ClientSettings

_PROBLEMS: tuple[tuple[type[DamstraError], str], ...] = (
    (DamstraConfigurationError, "The connection is not filled in right"),
    (DamstraAuthError, "Key problem: the server is there, but refuses the access key"),
    (DamstraPermissionError, "Permission problem: the access key is accepted, but may not list users"),
    (DamstraNotFoundError, "Address problem: a server is there, but it has no Damstra API at this address"),
    (DamstraResponseError, "Address problem: a server is there, but it does not answer like Damstra"),
)


def check_connection(load_settings: Callable[[], ClientSettings]) -> tuple[bool, str]:
    """Return whether one request for one user succeeds, and a message for the connection form.

    Calls ``listUsers`` for one row, without retries.
    """
    try:
        settings = load_settings().model_copy(update={"max_retries": 0, "page_size": 1})
        with Client(settings) as client:
            next(client.iterate(ListUsers(), concurrency=1), None)
    except DamstraTransportError as error:
        problem = (
            "Network problem"
            if error.is_transient
            else "TLS problem: the server's certificate is not trusted"
        )
        return False, f"{problem}. {error}"
    except DamstraError as error:
        return False, f"{_problem(error)}. {error}"
    return True, f"Connected to {settings.host}: the access key is accepted."


def _problem(error: DamstraError) -> str:
    return next(
        (text for kind, text in _PROBLEMS if isinstance(error, kind)), "Damstra answers, but with an error"
    )
