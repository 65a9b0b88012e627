"""Checks of the connection: where it is stored, whether it can be used, whether its secrets are masked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.configuration import conf
from airflow.providers.common.compat.sdk import mask_secret, redact

from airflow_provider_damstra.diagnostics.finding import Finding, Level
from airflow_provider_damstra.errors import DamstraConfigurationError
from airflow_provider_damstra.hooks.connection import find_connection, settings_from_connection
from airflow_provider_damstra.hooks.connection_lookup import add_connection_command, describe_backend

if TYPE_CHECKING:
    from airflow_provider_damstra.diagnostics.doctor.context import DoctorContext

CONN_TYPE = "damstra"


def check_connection(context: DoctorContext) -> Finding:
    """Find the connection in the secrets backends and validate it."""
    conn_id = context.conn_id
    stored = find_connection(conn_id)
    if stored is None:
        return Finding(
            check="connection",
            level=Level.ERROR,
            text=f"No secrets backend has a connection {conn_id!r}.",
            advice=f"Make it: {add_connection_command(conn_id)}",
        )
    context.connection, backend = stored
    place = describe_backend(backend, conn_id)
    if context.connection.conn_type != CONN_TYPE:
        return Finding(
            check="connection",
            level=Level.ERROR,
            text=f"Connection {conn_id!r} in {place} has the type {context.connection.conn_type!r}.",
            advice=f"Set its type to {CONN_TYPE!r} (Damstra Learning).",
        )
    try:
        context.settings = settings_from_connection(context.connection)
    except DamstraConfigurationError as error:
        return Finding(
            check="connection",
            level=Level.ERROR,
            text=str(error),
            advice=f"Correct the connection in {place}.",
        )
    return Finding(
        check="connection",
        level=Level.OK,
        text=f"Connection {conn_id!r} is in {place} and leads to {context.settings.base_url}.",
    )


def check_tls(context: DoctorContext) -> Finding:
    """Check that the access key is sent encrypted, to a server whose certificate is checked."""
    settings = context.require_settings()
    if not settings.base_url.startswith("https:"):
        return Finding(
            check="tls",
            level=Level.WARNING,
            text=f"{settings.host} is called without TLS: the access key is sent unencrypted.",
            advice="Use https:// in the connection's host, except for an emulator.",
        )
    if settings.verify is False:
        return Finding(
            check="tls",
            level=Level.WARNING,
            text=f"The certificate of {settings.host} is not checked.",
            advice="Remove the extra verify, or set it to the path of your CA bundle.",
        )
    return Finding(check="tls", level=Level.OK, text=f"The certificate of {settings.host} is checked.")


def check_masking(context: DoctorContext) -> Finding:
    """Check that Airflow's log filter replaces the access key."""
    key = context.require_settings().access_key.get_secret_value()
    mask_secret(key)
    if key not in str(redact(f"a line with {key} in it")):
        return Finding(check="masking", level=Level.OK, text="Airflow masks the access key in logs.")
    if not conf.getboolean("core", "hide_sensitive_var_conn_fields", fallback=True):
        advice = "Set [core] hide_sensitive_var_conn_fields = True."
    else:
        minimum = conf.getint("logging", "min_length_masked_secret", fallback=5)
        advice = (
            f"Airflow masks secrets of at least {minimum} characters ([logging] min_length_masked_secret): "
            "regenerate the key, or lower that option."
        )
    return Finding(
        check="masking",
        level=Level.ERROR,
        text="Airflow does not mask the access key in logs.",
        advice=advice,
    )
