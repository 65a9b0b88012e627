"""How requests go wrong in the emulator, and what a task says of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_damstra.testing import DamstraEmulator

SHORT = 0.03
"""Seconds that the connection waits for an answer that is slow."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One way to go wrong.

    :param rule: the emulator's rule.
    :param says: a part of what the task says of it, in every mode.
    :param extra: the connection's extra.
    """

    name: str
    rule: Mapping[str, Any]
    says: str
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    def strike(self, emulator: DamstraEmulator, count: int | None = None) -> None:
        """Let requests go wrong: the next ``count``, or all."""
        emulator.add_fault(**self.rule, count=count)


def struck(emulator: DamstraEmulator) -> int:
    """Return how many requests have gone wrong by now; one that is delayed counts when it is through."""
    return sum(entry["fault"] is not None for entry in emulator.journal())


_ALIEN = "The response is not Damstra's: check the connection's host, and any proxy before it."
# That the pause is kept is the poller's affair (tests/polling/test_failure_limits.py).
_BUSY = {"status": 429, "headers": {"Retry-After": "0"}, "body": {"error": "Slow down"}}

# What a further look may mend.
PASSING = (
    Fault(name="429", rule={"kind": "status", **_BUSY}, says="failed (HTTP 429): Slow down. Lower"),
    Fault(
        name="503", rule={"kind": "status", "status": 503}, says="failed (HTTP 503): the response is empty."
    ),
    Fault(
        name="reset",
        rule={"kind": "drop_before"},
        says="the connection broke before an answer came.",
    ),
    Fault(
        name="no JSON",
        rule={"kind": "status", "status": 200, "body": "{]"},
        says="answered HTTP 200, but the response cannot be read (",
    ),
    Fault(
        name="404 of a proxy",
        rule={"kind": "status", "status": 404},
        says=f"failed (HTTP 404): the response is empty. {_ALIEN}",
    ),
    Fault(name="html", rule={"kind": "html"}, says="failed (HTTP 502): '<html>"),
    Fault(
        name="slow",
        rule={"kind": "status", "status": 503, "delay": 2 * SHORT},
        says=f"nothing came for {SHORT:g} s.",
        extra={"timeout": SHORT},
    ),
)
# What only a person can mend.
LASTING = (
    Fault(
        name="401",
        rule={"kind": "status", "status": 401},
        says=f"failed (HTTP 401): the response is empty. {_ALIEN}",
    ),
    Fault(
        name="403",
        rule={"kind": "status", "status": 403, "body": {"error": "Not authorised", "internalCode": 831}},
        says="failed (HTTP 403, code 831): Not authorised. The key's account lacks the permission,",
    ),
)
