"""Which function answers which call: method, path and parsing come from the endpoint's class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_damstra.emulator import refusals, rendering
from airflow_provider_damstra.endpoints.base import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_damstra.emulator.visit import Visit

Call = TypeVar("Call", bound=Endpoint[Any])
Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True)
class Route:
    """One operation with the function that answers it."""

    endpoint: type[Endpoint[Any]]
    handle: Callable[[Any, Visit], Any]
    render: rendering.Render
    wrong_key: dict[str, Any]

    @property
    def methods(self) -> list[str]:
        """Return the methods it is served under."""
        return [method for method in (self.endpoint.method, self.endpoint.other_method) if method]


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
    ) -> Callable[[Callable[[Call, Visit], Answer]], Callable[[Call, Visit], Answer]]:
        """Make the decorated function the one that answers an endpoint's calls.

        :param render: how its result becomes a response; by default as the type of answer suggests.
        :param wrong_key: the body of the refusal of a wrong key, which is not the same everywhere.
        """

        def register(handle: Callable[[Call, Visit], Answer]) -> Callable[[Call, Visit], Answer]:
            chosen = render or _RENDER.get(endpoint.answer_type(), rendering.as_json)
            self.all.append(Route(endpoint=endpoint, handle=handle, render=chosen, wrong_key=wrong_key))
            return handle

        return register


_RENDER: dict[Any, rendering.Render] = {
    type(None): rendering.as_nothing,
    None: rendering.as_nothing,
    bytes: rendering.as_pdf,
}

emulator = Routes()
