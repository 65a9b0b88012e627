"""The API operation of a request, by its method and path."""

from __future__ import annotations

from functools import lru_cache

from airflow_provider_damstra.emulator import handlers as _handlers  # noqa: F401 (registers the operations)
from airflow_provider_damstra.emulator.routing import OPERATIONS, match_route
from airflow_provider_damstra.emulator.settings import API_PREFIX

CHANGING_OPERATIONS = frozenset(
    operation.endpoint.__name__ for operation in OPERATIONS if operation.endpoint.method != "GET"
)


@lru_cache(maxsize=100_000)
def operation_of(method: str, path: str) -> str | None:
    """Return the name of the operation, such as ``CreateUser``; None for a path outside the API.

    :param path: with or without ``/api/v2``.
    """
    path = path.removeprefix(API_PREFIX)
    for operation in OPERATIONS:
        endpoint = operation.endpoint
        if method in (endpoint.method, endpoint.fallback_method) and match_route(
            None, endpoint.path, method, path
        ):
            return endpoint.__name__
    return None
