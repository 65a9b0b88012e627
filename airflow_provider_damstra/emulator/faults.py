"""Faults on demand: rules that make requests fail in the ways in which servers and networks do."""

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
    """What goes wrong."""

    STATUS = "status"
    DELAY = "delay"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    TRUNCATE = "truncate"
    HTML = "html"


class FaultRule(BaseModel):
    """Which requests go wrong, how, and how often.

    :param count: how many requests it is for; without it, all.
    :param probability: how likely a request that match_route goes wrong; without it, certain.
    :param seed: makes the same requests go wrong each time.
    :param status: of ``status`` and ``html``, the answer's status.
    :param body: of ``status``, the answer's body: a text as it is, anything else as JSON.
    :param delay: seconds to wait before anything else happens.
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
    def _says_all(self) -> Self:
        if self.kind == FaultKind.STATUS and self.status is None:
            raise ValueError("a fault of the kind status needs a status")
        if self.kind == FaultKind.DELAY and not self.delay:
            raise ValueError("a fault of the kind delay needs a delay")
        return self

    def model_post_init(self, context: Any) -> None:
        """Start the rule's own chain of random numbers."""
        # Tests are to repeat; nobody is to be kept from guessing.
        self._random = random.Random(self.seed)  # noqa: S311

    def strikes(self, method: str, path: str) -> bool:
        """Return whether the rule is for this request; if so, it counts."""
        if not match_route(self.method, self.path, method, path) or self.is_used_up:
            return False
        if self.probability is not None and self._random.random() >= self.probability:
            return False
        self._hits += 1
        return True

    @property
    def is_used_up(self) -> bool:
        """Return whether the rule has struck as often as it is to."""
        return self.count is not None and self._hits >= self.count

    def as_json(self) -> dict[str, Any]:
        """Return the rule with how often it has struck."""
        return {**self.model_dump(mode="json", by_alias=True, exclude_none=True), "hits": self._hits}


class Faults:
    """The rules, in the order in which they were added."""

    def __init__(self) -> None:
        self.rules: list[FaultRule] = []

    def add(self, rule: FaultRule) -> None:
        """Add a rule."""
        self.rules.append(rule)

    def clear(self) -> None:
        """Remove all rules."""
        self.rules.clear()

    def strike(self, method: str, path: str) -> tuple[float, FaultRule | None]:
        """Return how long this request waits, and the first rule that does more than delay it."""
        delay = 0.0
        for rule in self.rules:
            if rule.strikes(method, path):
                delay += rule.delay
                if rule.kind != FaultKind.DELAY:
                    return delay, rule
        return delay, None
