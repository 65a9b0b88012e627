"""Distinguish a missing Airflow connection from a failing secrets backend or metadata database.

Airflow's lookup ignores errors of secrets backends, both in the task's process and in the API server, and
reports a connection that it could not read as not defined.
"""

from __future__ import annotations

import shlex
from typing import Any

from airflow_provider_damstra.errors import DamstraTransportError


def lookup_error(conn_id: str, error: Exception) -> Exception:
    """Return the exception to raise after Airflow did not find or could not read a connection.

    It is ``error`` if the metadata database and all secrets backends respond, and none has the connection;
    its message then says how to define it. Otherwise it is a ``DamstraTransportError``, after which a poll is
    repeated. Blocks: call it in a thread from an event loop.

    :param error: the exception of Airflow's lookup.
    """
    from airflow.sdk.exceptions import AirflowRuntimeError

    # Airflow 3.0 raises it for an error of the API server.
    is_failure = isinstance(error, AirflowRuntimeError)
    problem = f"Airflow's API server failed ({_name(error)})" if is_failure else _find_problem(conn_id)
    if problem is None:
        error.args = (
            f"{error}. Set the environment variable AIRFLOW_CONN_{conn_id.upper()} where the tasks and the "
            f"triggerer run, or add it to Airflow's metadata database: {add_connection_command(conn_id)}",
        )
        return error
    return DamstraTransportError(f"Connection {conn_id!r} cannot be read: {problem}.", was_sent=False)


def add_connection_command(conn_id: str) -> str:
    """Return the shell command that adds a connection to Airflow's metadata database."""
    return (
        f"airflow connections add {shlex.quote(conn_id)} --conn-type damstra --conn-password '<access key>'"
    )


def describe_backend(backend: object, conn_id: str) -> str:
    """Return where a secrets backend stores a connection."""
    from airflow.secrets.environment_variables import EnvironmentVariablesBackend
    from airflow.secrets.metastore import MetastoreBackend

    if isinstance(backend, MetastoreBackend):
        return "Airflow's metadata database"
    if isinstance(backend, EnvironmentVariablesBackend):
        return f"the environment variable AIRFLOW_CONN_{conn_id.upper()}"
    return f"the secrets backend {type(backend).__name__}"


def _find_problem(conn_id: str) -> str | None:
    """Return why the connection was not found although it may exist, or None if it is missing."""
    try:
        _query_database()
    except Exception as error:
        return f"Airflow's API server or metadata database failed ({_name(error)})"
    # Only after the database has responded: what is not found now, is missing.
    for backend in _secrets_backends():
        try:
            found = backend.get_connection(conn_id)
        except Exception as error:
            # Only the types: the text may contain a secret.
            return f"the secrets backend {type(backend).__name__} failed ({_name(error)})"
        if found:
            return "a secrets backend or the metadata database failed at first, and contains it now"
    return None


def _query_database() -> None:
    """Let the API server query the metadata database, if this process is a task or a triggerer.

    :raises Exception: if one of the two failed.
    """
    from airflow.sdk.execution_time import task_runner

    if getattr(task_runner, "SUPERVISOR_COMMS", None) is not None:
        task_runner.RuntimeTaskInstance.get_dr_count(dag_id="-")


def _secrets_backends() -> list[Any]:
    from airflow.sdk.execution_time.supervisor import ensure_secrets_backend_loaded

    return list(ensure_secrets_backend_loaded())


def _name(error: Exception) -> str:
    return type(error).__name__
