"""Assumptions about the API, each with a check that tells whether the account confirms it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_damstra.diagnostics.verification.account import Account

    AssumptionCheck = Callable[[Account], Sequence[str]]


class Outcome(StrEnum):
    """Whether an account agrees with an assumption."""

    CONFIRMED = "confirmed"
    DEVIATES = "deviates"
    NOT_OBSERVABLE = "not observable"


class NotObservableError(Exception):
    """The account has no data that shows it, the key may not read it, or the request limit is reached."""


@dataclass(frozen=True, kw_only=True)
class Assumption:
    """An assumption, and its check.

    :param assumption_id: stable name, such as ``paging.order``.
    :param text: the assumption, in one sentence.
    :param check: returns how the account deviates; empty if it does not.
    """

    assumption_id: str
    text: str
    check: AssumptionCheck


@dataclass(frozen=True, kw_only=True)
class AssumptionResult:
    """The outcome of a check.

    :param details: how the account deviates, or why nothing can be observed: shapes, codes and counts.
    """

    assumption_id: str
    text: str
    outcome: Outcome
    details: tuple[str, ...] = ()


ASSUMPTIONS: list[Assumption] = []
"""All assumptions, in the order of the modules that register them."""


def assumption(assumption_id: str, text: str) -> Callable[[AssumptionCheck], AssumptionCheck]:
    """Register the decorated function as the check of an assumption."""

    def register(check: AssumptionCheck) -> AssumptionCheck:
        ASSUMPTIONS.append(Assumption(assumption_id=assumption_id, text=text, check=check))
        return check

    return register


def count_deviations(matching: Sequence[bool], problem: str) -> list[str]:
    """Return the deviation ``3 of 20 <problem>`` if not all rows match.

    :raises NotObservableError: if there are no rows.
    """
    if not matching:
        raise NotObservableError("the account has no such records")
    failures = matching.count(False)
    return [f"{failures} of {len(matching)} {problem}"] if failures else []
