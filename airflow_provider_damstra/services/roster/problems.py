"""Report of the people whom a sync leaves alone, and why."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from airflow_provider_damstra.errors import DamstraConflictError
from airflow_provider_damstra.services.idempotency import format_ids
from airflow_provider_damstra.text import join_first

ProblemKind = Literal["duplicate", "ambiguous", "unmatched", "protected", "unknown_manager"]
PROBLEM_KINDS: tuple[ProblemKind, ...] = get_args(ProblemKind)

_MAX_ROWS_SHOWN = 20
_UNCERTAIN = ("duplicate", "ambiguous", "unknown_manager")

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """People of the extract or of Damstra whom the sync leaves alone, or a manager who is not set.

    :param reason: why, without personal data.
    :param rows: locations in the extract.
    :param user_ids: ids of the users.
    """

    kind: ProblemKind
    reason: str
    rows: tuple[str, ...] = ()
    user_ids: tuple[int, ...] = ()

    def __str__(self) -> str:
        """Return the problem as a part of a log line."""
        users = f"{'users' if self.user_ids[1:] else 'user'} {format_ids(self.user_ids)}"
        who = [*self.rows[:_MAX_ROWS_SHOWN], *([users] if self.user_ids else [])]
        return f"{', '.join(who)}: {self.reason}"

    def line(self) -> dict[str, Any]:
        """Return the problem's line of the plan file."""
        values = {"rows": list(self.rows), "user_ids": list(self.user_ids)}
        given = {name: value for name, value in values.items() if value}
        return {"problem": self.kind, **given, "reason": self.reason}


def ids_by_kind(problems: Iterable[Problem]) -> dict[str, list[int]]:
    """Return the ids of the users of each kind of problem."""
    ids: dict[str, dict[int, None]] = {kind: {} for kind in PROBLEM_KINDS}
    for problem in problems:
        ids[problem.kind] |= dict.fromkeys(problem.user_ids)
    return {kind: list(found) for kind, found in ids.items()}


def count_by_kind(problems: Iterable[Problem]) -> dict[str, int]:
    """Return the number of problems of each kind; of the unmatched and the protected that of the users."""
    counts: Counter[str] = Counter()
    for problem in problems:
        counts[problem.kind] += 1 if problem.kind in _UNCERTAIN else len(problem.user_ids)
    return {kind: counts[kind] for kind in PROBLEM_KINDS}


def report_problems(problems: Sequence[Problem], *, on_ambiguous: str) -> None:
    """Log the problems, or raise if it is uncertain who is meant.

    :param on_ambiguous: ``skip`` or ``fail``.
    :raises DamstraConflictError: naming the rows and users, if ``fail``.
    """
    uncertain = [str(problem) for problem in problems if problem.kind in _UNCERTAIN]
    if uncertain and on_ambiguous == "fail":
        shown = join_first(uncertain, separator="\n  ")
        raise DamstraConflictError(
            f"{len(uncertain)} problems, and on_ambiguous is 'fail'; nothing was changed:\n  {shown}"
        )
    for kind in PROBLEM_KINDS:
        texts = [str(problem) for problem in problems if problem.kind == kind]
        if texts:
            level = logging.WARNING if kind in _UNCERTAIN else logging.INFO
            shown = join_first(texts, separator="\n  ")
            log.log(level, "Left alone, %s:\n  %s", kind, shown)
