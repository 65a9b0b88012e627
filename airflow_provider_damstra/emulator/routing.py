"""Patterns of paths: ``/user/*``, ``/user/{user_id}`` and ``/group/**``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_damstra.emulator import api_errors as refusals
from airflow_provider_damstra.emulator import rendering
from airflow_provider_damstra.emulator.settings import API
from airflow_provider_damstra.endpoints.base import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_damstra.emulator.unit_of_work import UnitOfWork

_WILDCARD = re.compile(r"\*\*|\*|\{[^/}]*\}")


def match_route(method: str | None, path: str | None, of_method: str, of_path: str) -> bool:
    """Return whether a request's method and path fit a method and a pattern; None match_route all.

    ``*`` and ``{anything}`` stand for one part of the path, ``**`` for any number of parts.
    """
    if method is not None and method.upper() != of_method:
        return False
    return path is None or _compiled(path).fullmatch(of_path) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    below = pattern.removeprefix(API)
    wildcards = [".*" if found == "**" else "[^/]+" for found in _WILDCARD.findall(below)]
    fixed = [re.escape(part) for part in _WILDCARD.split(below)]
    return re.compile("".join(part for pair in zip(fixed, [*wildcards, ""], strict=True) for part in pair))


Call = TypeVar("Call", bound=Endpoint[Any])

Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True)
class Route:
    """One operation with the function that answers it."""

    endpoint: type[Endpoint[Any]]
    handle: Callable[[Any, UnitOfWork], Any]
    render: rendering.Render
    wrong_key: dict[str, Any]

    @property
    def methods(self) -> list[str]:
        """Return the methods it is served under."""
        return [method for method in (self.endpoint.method, self.endpoint.fallback_method) if method]


class Routes:
    """All operations that are answered."""

    def __init__(self) -> None:
        self.all: list[Route] = []

    def answers(
        self,
        endpoint: type[Call],
        *,
        render: rendering.Render | None = None,
        wrong_key: dict[str, Any] = refusals.INVALID_KEY,
    ) -> Callable[[Callable[[Call, UnitOfWork], Answer]], Callable[[Call, UnitOfWork], Answer]]:
        """Make the decorated function the one that answers an endpoint's calls.

        :param render: how its result becomes a response; by default as the type of answer suggests.
        :param wrong_key: the body of the refusal of a wrong key, which is not the same everywhere.
        """

        def register(handle: Callable[[Call, UnitOfWork], Answer]) -> Callable[[Call, UnitOfWork], Answer]:
            chosen = render or _RENDER.get(endpoint.result_type(), rendering.as_json)
            self.all.append(Route(endpoint=endpoint, handle=handle, render=chosen, wrong_key=wrong_key))
            return handle

        return register


_RENDER: dict[Any, rendering.Render] = {
    type(None): rendering.as_nothing,
    None: rendering.as_nothing,
    bytes: rendering.as_pdf,
}

emulator = Routes()
