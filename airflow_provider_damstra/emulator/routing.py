"""The table of API operations, and the path patterns of faults and journal queries.

Operations are plain Starlette routes: an endpoint class declares path, query and body already, which the
signature of a FastAPI route would repeat.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_damstra.emulator.api_errors import INVALID_KEY
from airflow_provider_damstra.emulator.settings import API_PREFIX

if TYPE_CHECKING:
    from airflow_provider_damstra.emulator.unit_of_work import UnitOfWork
    from airflow_provider_damstra.endpoints.base import Endpoint

Handler = TypeVar("Handler", bound="Callable[[Any, UnitOfWork], Any]")

_WILDCARD = re.compile(r"(\*\*|\*|\{[^/}]*\})")


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation of the API.

    :param endpoint: the class of its calls, which declares method, path and parameters.
    :param handler: carries out a call within a unit of work and returns the result.
    :param invalid_key_body: the body of the 403 for a wrong access key; the API has two.
    """

    endpoint: type[Endpoint[Any]]
    handler: Callable[[Any, UnitOfWork], Any]
    invalid_key_body: dict[str, Any]


OPERATIONS: list[Operation] = []


def operation(
    *endpoints: type[Endpoint[Any]], invalid_key_body: dict[str, Any] = INVALID_KEY
) -> Callable[[Handler], Handler]:
    """Register the decorated function as the handler of one or more operations."""

    def register(handler: Handler) -> Handler:
        OPERATIONS.extend(
            Operation(endpoint=endpoint, handler=handler, invalid_key_body=invalid_key_body)
            for endpoint in endpoints
        )
        return handler

    return register


def match_route(method_filter: str | None, path_pattern: str | None, method: str, path: str) -> bool:
    """Return whether the method and path of a request match a filter; None matches all.

    :param path_pattern: ``*`` and ``{anything}`` match one path segment, ``**`` any number of them.
    :param path: the path of the request, relative to ``/api/v2``.
    """
    if method_filter is not None and method_filter.upper() != method:
        return False
    return path_pattern is None or _compile(path_pattern).fullmatch(path) is not None


@lru_cache(maxsize=256)
def _compile(path_pattern: str) -> re.Pattern[str]:
    """Compile a pattern; ``glob.translate``, which does much the same, needs Python 3.13."""
    literals_and_wildcards = _WILDCARD.split(path_pattern.removeprefix(API_PREFIX))
    parts = [re.escape(part) for part in literals_and_wildcards]
    parts[1::2] = [".*" if wildcard == "**" else "[^/]+" for wildcard in literals_and_wildcards[1::2]]
    return re.compile("".join(parts))
