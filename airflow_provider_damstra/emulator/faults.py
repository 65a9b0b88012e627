"""Fault injection: rules that make requests fail as servers and networks do."""

from __future__ import annotations

import random
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator
from pydantic.alias_generators import to_camel

from airflow_provider_damstra.emulator.routing import match_route

if TYPE_CHECKING:
    from typing import Self


class FaultKind(StrEnum):
    """How a request fails."""

    STATUS = "status"
    DELAY = "delay"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    TRUNCATE = "truncate"
    HTML = "html"


class FaultRule(BaseModel):
    """Which requests fail, how, and how often.

    :param count: the number of requests that fail; None is unlimited.
    :param probability: the chance that a matching request fails; None is certain.
    :param seed: of the random numbers for ``probability``, so that a test repeats.
    :param status: for ``status`` and ``html``: the status of the response.
    :param body: for ``status``: the body of the response, a text or any JSON value.
    :param delay: seconds to wait before the request is handled.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    kind: FaultKind
    method: str | None = None
    path: str | None = None
    count: Annotated[int, Field(ge=1)] | None = None
    probability: Annotated[float, Field(ge=0, le=1)] | None = None
    seed: int = 0
    status: Annotated[int, Field(ge=200, le=599)] | None = None
    headers: dict[str, str] = {}
    body: Any = None
    delay: Annotated[float, Field(ge=0)] = 0.0
    _random: random.Random = PrivateAttr()
    _hits: int = PrivateAttr(default=0)

    @model_validator(mode="after")
    def _validate_required(self) -> Self:
        if self.kind == FaultKind.STATUS and self.status is None:
            raise ValueError("a fault of the kind status needs a status")
        if self.kind == FaultKind.DELAY and not self.delay:
            raise ValueError("a fault of the kind delay needs a delay")
        return self

    def model_post_init(self, context: Any) -> None:
        """Seed the rule's random numbers."""
        self._random = random.Random(self.seed)  # noqa: S311 (repeatable, not secret)

    def try_hit(self, method: str, path: str) -> bool:
        """Return whether the rule applies to a request, and count the hit if so."""
        if self.count is not None and self._hits >= self.count:
            return False
        if not match_route(self.method, self.path, method, path):
            return False
        if self.probability is not None and self._random.random() >= self.probability:
            return False
        self._hits += 1
        return True

    def as_json(self) -> dict[str, Any]:
        """Return the rule and its number of hits, as the control plane shows it."""
        return {**self.model_dump(mode="json", by_alias=True, exclude_none=True), "hits": self._hits}


def apply_rules(rules: list[FaultRule], method: str, path: str) -> tuple[float, FaultRule | None]:
    """Return the delay of a request in seconds, and the first rule that does more than delay it."""
    delay = 0.0
    for rule in rules:
        if rule.try_hit(method, path):
            delay += rule.delay
            if rule.kind != FaultKind.DELAY:
                return delay, rule
    return delay, None
